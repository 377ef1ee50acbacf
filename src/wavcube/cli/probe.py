"""`wavcube probe`: how much of characters and speakers one linear layer finds in frozen frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavcube.cli.options import Device, DeviceOption, torch_device
from wavcube.errors import ConfigError

if TYPE_CHECKING:
    from wavcube.understanding.probes.linear import ProbeResult

PROBES = ("characters", "speakers")


def probe(
    data: Annotated[Path, typer.Option(help="List of clips (.tsv, .csv): path, split, speaker, transcript.")],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            "-m",
            help="Representation; repeat it for several. wavcube[:MODEL], features[:MODEL], restored[:MODEL], "
            "transformers:NAME[@LAYER], logmel. By default the packaged model's latents and log-mel.",
        ),
    ] = None,
    task: Annotated[list[str] | None, typer.Option(help=f"{' or '.join(PROBES)}; by default both.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for results and frames.")] = Path(
        "runs/probes"
    ),
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each head.")] = 3,
    device: DeviceOption = Device.auto,
) -> None:
    """Probe frozen representations with linear heads: character error rate and speaker accuracy."""
    import json

    from wavcube.features import FrameCache, build_feature_extractor
    from wavcube.files import atomic_path
    from wavcube.understanding.probes.data import character_corpus, read_list, speaker_corpus
    from wavcube.understanding.probes.linear import ProbeSettings, character_probe, speaker_probe

    chosen = task or list(PROBES)
    for name in chosen:
        if name not in PROBES:
            raise ConfigError(f"--task {name}: there are {', '.join(PROBES)}")
    where = torch_device(device)
    rows = read_list(data)
    settings = ProbeSettings(seeds=tuple(range(seeds)))
    output.mkdir(parents=True, exist_ok=True)
    for spec in model or ["wavcube", "logmel"]:
        extractor = build_feature_extractor(spec, where)
        cache = FrameCache(extractor, output / "frames")
        for name in chosen:
            file = output / f"{_file_name(spec)}-{name}.json"
            if _is_done(file, extractor.fingerprint, seeds):
                print(f"{file}: already there")
                continue
            build, run = (
                (character_corpus, character_probe) if name == "characters" else (speaker_corpus, speaker_probe)
            )
            corpus = build(rows, data)
            cache.extract([example.clip for example in corpus.examples], progress=True)
            result = run(cache, corpus, settings, where)
            with atomic_path(file) as temporary:
                temporary.write_text(json.dumps(_record(spec, extractor, result, data), indent=2) + "\n", "utf-8")
            print(_sentence(spec, result))


def _record(spec: str, extractor: Any, result: "ProbeResult", data: Path) -> dict[str, Any]:
    import dataclasses

    about = {
        "model": spec,
        "fingerprint": extractor.fingerprint,
        "dim": extractor.dim,
        "frame_rate": extractor.frame_rate,
    }
    return {**about, "data": data.name, **dataclasses.asdict(result)}


def _is_done(file: Path, fingerprint: str, seeds: int) -> bool:
    """Whether this very probe was run before, so that an interrupted series goes on where it was."""
    import json

    from wavcube.config_aliases import PROBE_RESULT, with_new_names

    try:
        found = with_new_names(json.loads(file.read_text(encoding="utf-8")), PROBE_RESULT, str(file), warn=False)
    except (OSError, ValueError, AttributeError):
        return False
    return found.get("fingerprint") == fingerprint and len(found.get("by_seed", [])) == seeds


def _file_name(spec: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in spec)


def _sentence(spec: str, result: "ProbeResult") -> str:
    estimate = result.estimate
    what = "character error rate" if result.name == "characters" else "speaker accuracy"
    return f"{spec}: {what} {estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"
