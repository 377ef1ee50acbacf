"""What each way into the package and each command load: encoding needs neither the trainer nor the metrics."""

import json
import subprocess
import sys
import textwrap

import pytest

BASE = {"errors", "framing", "padding", "run_layout", "files", "hashing", "configuration"}
CODEC = BASE | {"audio", "codec", "latents", "latent_files"}
TRAINING = BASE | {"training", "engine", "data"}
FEATURES = CODEC | {"data", "features"}
MANY_FILES = CODEC | {"cli", "corpora", "data", "progress"}
"""With corpora.ranks and data.bucketing only."""

GENERATION = FEATURES | {"cli", "generation", "progress"}
UNDERSTANDING = FEATURES | {"understanding", "evaluation"}
"""With evaluation.statistics only, see `EXCEPT`."""

EXTRAS = {
    "lightning", "torchdata", "lhotse", "webdataset", "tensorboard", "matplotlib", "pandas", "pyarrow", "scipy",
    "sklearn", "pesq", "pystoi", "jiwer", "whisper_normalizer", "speechmos", "onnxruntime", "openvino",
    "faster_whisper", "swift_f0", "gruut", "pypinyin", "rjieba", "threadpoolctl", "transformers", "dateparser",
    "sympy", "numba", "librosa", "huggingface_hub", "peft", "gradio", "ray", "omegaconf",
}  # fmt: skip
"""Packages that are slow to load or that an extra brings."""

WAVCUBE = """
    from wavcube.cli import main
    from wavcube.audio.io import save_audio
    sounds = np.random.default_rng(0).uniform(-0.3, 0.3, 32_000).astype(np.float32)
    save_audio(folder / "a.wav", sounds, 16_000)
    def run(*words):
        sys.argv = ["wavcube", *map(str, words)]
        try:
            main()
        except SystemExit as error:
            assert not error.code, error.code
"""
ENCODE = 'run("encode", folder / "a.wav", "-o", folder / "latents")'
SPEAK = 'run("tts", "Hello.", "-p", folder / "a.wav", "--prompt-text", "Good day.", "--nfe", 2, "-o", folder / "b.wav")'
IMPORT = """
    import wavcube
    assert "torch" not in sys.modules
"""
HELP = """
    from wavcube.cli import main
    for words in (["--help"], ["encode", "--help"], ["superb", "--help"], ["tts", "--help"]):
        sys.argv = ["wavcube", *words]
        try:
            main()
        except SystemExit as error:
            assert not error.code
    assert not {"torch", "numpy", "soundfile", "safetensors", "yaml"} & set(sys.modules)
"""
DESCRIBE = """
    run("info", folder / "a.wav")
    assert "torch" not in sys.modules
"""

DOORS = {
    "import": (IMPORT, set(), set()),
    "help": (HELP, {"cli", "errors", "files"}, set()),
    "describe": (WAVCUBE + DESCRIBE, {"cli", "errors", "files", "audio"}, set()),
    "model": (f"{WAVCUBE}    run('info')", CODEC | {"cli"}, set()),
    "encode": (f"{WAVCUBE}    {ENCODE}", MANY_FILES, set()),
    "encode fast": (f"{WAVCUBE}    {ENCODE[:-1]}, '--fast')", MANY_FILES, set()),
    "decode": (
        f"{WAVCUBE}    {ENCODE}\n    run('decode', folder / 'latents', '-o', folder / 'decoded')",
        MANY_FILES,
        set(),
    ),
    "reconstruct": (f"{WAVCUBE}    run('reconstruct', folder / 'a.wav', '-o', folder / 'made')", MANY_FILES, set()),
    "enhance": (f"{WAVCUBE}    run('enhance', folder / 'a.wav', '-o', folder / 'clean')", GENERATION, set()),
    "speak": (f"{WAVCUBE}    {SPEAK}", GENERATION, {"gruut"}),
    "superb": ("import wavcube.understanding", UNDERSTANDING, set()),
    "train": ("import wavcube.training.run", TRAINING, {"omegaconf"}),  # the trainer comes with the first step
}
"""Code, the parts of the package and the packages of extras that it may load."""

EXCEPT = (
    "wavcube.evaluation.metrics",
    "wavcube.evaluation.asr",
    "wavcube.evaluation.runner",
    "wavcube.engine.fit",
    "wavcube.engine.fabric",
    "wavcube.corpora.input_shards",
    "wavcube.data.streaming",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.tensor",
)
"""What none of these doors loads."""


@pytest.mark.long
@pytest.mark.parametrize("door", DOORS)
def test_a_door_loads_only_what_it_needs(door, tmp_path):
    code, parts, packages = DOORS[door]
    lines = [
        "import json, sys",
        "from pathlib import Path",
        f"folder = Path({str(tmp_path)!r})",
        "import numpy as np" if "np." in code else "",
        textwrap.dedent(code),
        "print(json.dumps(sorted(sys.modules)))",
    ]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    loaded = json.loads(result.stdout.splitlines()[-1])
    assert {name.split(".")[1] for name in loaded if name.startswith("wavcube.")} <= parts
    assert {name.split(".")[0] for name in loaded} & EXTRAS <= packages
    assert not [name for name in loaded if name.startswith(EXCEPT)]
