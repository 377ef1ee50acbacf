"""What must never come in: packages that users cannot install or that break, and arrows that point up."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.locations import REPOSITORY

SOURCE = REPOSITORY / "src/wavcube"
FORBIDDEN = ("torchaudio", "torchvision", "torchcodec", "flash_attn")
"""They need CUDA, exact versions of torch or removed functions, and trip up users of the reference."""

ORDER = (
    ("errors",),
    ("configuration", "framing", "padding", "hashing", "files", "progress", "run_layout"),
    ("audio", "latent_files"),
    ("latents",),
    ("codec", "data"),
    ("features", "engine", "evaluation", "corpora", "losses"),
    ("training", "reconstruction", "understanding", "generation"),
    ("integrations",),
    ("cli",),
    ("__init__", "__main__", "hf"),
)
"""Each part imports from itself and from parts above it in this list, never from its siblings on the same line."""


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Modules that a file imports, also inside functions, and the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def sources(folder: Path = SOURCE) -> list[Path]:
    """The package's modules; folders of models are data, though the small module in them is Python."""
    return [path for path in sorted(folder.rglob("*.py")) if "pretrained" not in path.relative_to(SOURCE).parts[:-1]]


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_no_file_imports_what_is_forbidden_or_what_lies_above_it() -> None:
    rank = {part: number for number, parts in enumerate(ORDER) for part in parts}
    for path in sources():
        me = part_of(path)
        for name, line in imports(path):
            top, *rest = name.split(".")
            assert top not in FORBIDDEN, f"{path}:{line}"
            if top == "wavcube" and rest and rest[0] in rank and rest[0] != me:
                assert rank[rest[0]] < rank[me], f"{path}:{line}: {me} imports {rest[0]}"


def test_every_part_has_its_place_in_the_order() -> None:
    places = {part for parts in ORDER for part in parts}
    assert {part_of(path) for path in sources()} <= places


def test_the_codec_stands_by_itself() -> None:
    for path in sources(SOURCE / "codec"):
        for name, line in imports(path):
            if name.startswith("wavcube.") and name.count(".") >= 1:
                part = name.split(".")[1]
                assert part in {
                    "codec",
                    "audio",
                    "latents",
                    "errors",
                    "files",
                    "framing",
                    "hashing",
                    "padding",
                    "configuration",
                    "run_layout",
                }, f"{path}:{line}: {name}"


FLOORS = {
    "generation": (("flow",), ("regression",), ("tts", "enhancement", "separation"), ("conversion",), ("analysis",))
}
"""Inside a part: each folder imports from itself and from those above it in its list, never from its siblings."""


def test_folders_inside_a_part_do_not_import_their_siblings() -> None:
    for part, floors in FLOORS.items():
        rank = {folder: number for number, folders in enumerate(floors) for folder in folders}
        for path in sorted((SOURCE / part).glob("*/**/*.py")):
            me = path.relative_to(SOURCE / part).parts[0]
            for name, line in imports(path):
                _, *rest = name.split(".")
                if rest[:1] == [part] and len(rest) > 1 and rest[1] in rank and rest[1] != me:
                    assert rank[rest[1]] < rank[me], f"{path}:{line}: {me} imports {rest[1]}"


def import_graph() -> dict[str, set[str]]:
    """Modules of the package -> those that each imports, also inside functions and for type checkers alone."""
    names = {}
    for path in sources():
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        names[path] = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    known = set(names.values())
    return {me: set(imported_modules(path, known)) for path, me in names.items()}


def imported_modules(path: Path, known: set[str]) -> Iterator[str]:
    """Modules among `known` that a file imports; `from package import module` is an import of the module alone."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name for name in inner if name in known)
            if node.module in known and not set(inner) <= known:
                yield node.module


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Strongly connected components of more than one module, or of one that imports itself (Tarjan's algorithm)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(me: str) -> None:
        number[me] = lowest[me] = len(number)
        stack.append(me)
        for other in graph[me]:
            if other not in number:
                visit(other)
                lowest[me] = min(lowest[me], lowest[other])
            elif other in stack:
                lowest[me] = min(lowest[me], number[other])
        if lowest[me] == number[me]:
            start = stack.index(me)
            found.append(sorted(stack[start:]))
            del stack[start:]

    for module in graph:
        if module not in number:
            visit(module)
    return [component for component in found if len(component) > 1 or component[0] in graph[component[0]]]


def test_cycles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set(), "e": {"a", "f"}, "f": {"g"}, "g": {"e", "a"}}
    assert sorted(cycles(graph)) == [["b", "c"], ["e", "f", "g"]]


def test_no_modules_import_each_other() -> None:
    graph = import_graph()
    assert {"wavcube.codec.model", "wavcube.codec.inference.load"} <= graph["wavcube.codec"] | graph[
        "wavcube.codec.model"
    ]
    assert cycles(graph) == []


INDEPENDENT = {
    "generation": ("tts", "enhancement", "separation"),
    "understanding": ("tasks", "probes"),
    "evaluation/metrics": None,
    "integrations": None,
    "data/manifests": None,
}
"""Folders and the modules in them (None: all) that never import each other."""


def test_siblings_do_not_import_each_other() -> None:
    for folder, siblings in INDEPENDENT.items():
        root = ".".join(("wavcube", *folder.split("/")))
        for me, others in import_graph().items():
            mine = me.removeprefix(f"{root}.").split(".")[0]
            if not me.startswith(f"{root}.") or (siblings and mine not in siblings):
                continue
            for other in others:
                theirs = other.removeprefix(f"{root}.").split(".")[0]
                if other.startswith(f"{root}.") and theirs != mine and (not siblings or theirs in siblings):
                    raise AssertionError(f"{me} imports {other}")


def test_a_model_is_built_from_its_configuration_alone() -> None:
    """transformers builds models without memory before it fills them: what a file does not hold, or reads, is lost."""
    for path in sources(SOURCE / "codec"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if path.name != "export.py":  # graphs hold their constants
            for node in ast.walk(tree):
                assert not (isinstance(node, ast.keyword) and node.arg == "persistent"), f"{path}:{node.lineno}"
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name in ("__init__", "_build"):
                called = {node.attr for node in ast.walk(function) if isinstance(node, ast.Attribute)}
                assert not called & {"from_pretrained", "load_state_dict", "item", "tolist"}, (
                    f"{path}:{function.lineno}"
                )


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirement_names() -> set[str]:
    given = [
        *project()["dependencies"],
        *(item for items in project()["optional-dependencies"].values() for item in items),
    ]
    return {normal(requirement) for requirement in given}


def normal(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_nothing_forbidden_is_required_even_by_what_is_required() -> None:
    """Through all that is installed of it, without the extras of others."""
    forbidden = {normal(name) for name in FORBIDDEN}
    waiting, seen = requirement_names(), set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        assert name not in forbidden
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting |= {normal(need) for need in needs if "extra ==" not in need} - seen


def run_without(blocked: set[str], code: str) -> None:
    """Run code in a fresh interpreter for which `blocked` are not installed."""
    hidden = f"import sys\nsys.modules.update(dict.fromkeys({sorted(blocked)!r}))\n"
    check = f"\nassert not [name for name in {sorted(blocked)!r} if sys.modules.get(name)]\n"
    result = subprocess.run(
        [sys.executable, "-c", hidden + textwrap.dedent(code) + check], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]


def test_every_module_can_be_imported_without_what_is_forbidden() -> None:
    run_without(
        set(FORBIDDEN),
        """
        import importlib, pkgutil
        import wavcube
        from wavcube.errors import MissingDependencyError
        for module in pkgutil.walk_packages(wavcube.__path__, "wavcube."):
            if not module.name.endswith("__main__"):
                try:
                    importlib.import_module(module.name)
                except MissingDependencyError:
                    pass  # of an extra that is not installed here
        """,
    )


EXTRAS_ALONE = {
    "lightning", "torchdata", "lhotse", "tensorboard", "webdataset", "pesq", "pystoi", "torchmetrics", "jiwer",
    "whisper_normalizer", "speechmos", "librosa", "onnx", "onnxscript", "onnxruntime", "openvino", "faster_whisper",
    "swift_f0", "gradio", "matplotlib", "pandas", "sklearn", "accelerate", "ray", "pyarrow",
}  # fmt: skip
"""Modules that only extras bring."""


def test_the_core_works_without_any_extra() -> None:
    run_without(
        EXTRAS_ALONE | set(FORBIDDEN),
        """
        import numpy as np
        import wavcube.cli.app
        from wavcube import WavCube, WavCubeConfig
        model = WavCube(WavCubeConfig.preset("tiny"))
        assert model.reconstruct(np.zeros(1_000, np.float32), 16_000).shape == (1, 1_000)
        """,
    )
