"""The model card that goes to a hub with a model: what it is, whose it is, what was measured."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from wavcube.codec.config import WavCubeConfig
from wavcube.errors import CheckpointError, DataError

CARD = "README.md"

TAGS = ["wavcube", "audio-tokenizer", "speech", "codec", "audio-to-audio"]

NEEDED = ("license", "library_name", "pipeline_tag", "tags")
"""Entries that every card has."""


@dataclass(frozen=True)
class CardFacts:
    """What a card states beside what the model itself says.

    Attributes:
        license: of the weights, as the hub writes it ("cc-by-4.0").
        languages: codes ("en") of the speech that it was trained on.
        datasets: names, of the hub where it has them.
        data_license: of the training data.
        teacher: the encoder that it was made from, a hub id.
        teacher_license: of that encoder.
        report: `report.json` of `wavcube evaluate reconstruction`, or its folder.
    """

    license: str = ""
    languages: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    data_license: str = ""
    teacher: str = ""
    teacher_license: str = ""
    report: Path | None = None


def model_card(name: str, config: WavCubeConfig, parameters: int, identity: str, facts: CardFacts) -> str:
    """The text of a card, with its YAML entries.

    Args:
        name: of the model ("owner/name").
        parameters: how many.
        identity: of the latent space.

    Raises:
        CheckpointError: the licence of the weights is not stated.
        DataError: the report cannot be read.
    """
    from huggingface_hub import ModelCardData

    if not facts.license:
        raise CheckpointError(f"{name}: state the licence of the weights for its model card, such as cc-by-4.0")
    report = read_report(facts.report) if facts.report is not None else None
    entries = ModelCardData(
        license=facts.license,
        library_name="transformers",
        pipeline_tag="feature-extraction",
        tags=TAGS,
        language=list(facts.languages) or None,
        datasets=list(facts.datasets) or None,
        base_model=facts.teacher or None,
        metrics=[key for key, *_ in report.values] if report else None,
        model_name=name if report else None,
        eval_results=report.results() if report else None,
    ).to_yaml()
    bottleneck = config.bottleneck
    lines = [
        "---",
        entries,
        "---",
        "",
        f"# {name.split('/')[-1]}",
        "",
        f"Speech at 16 kHz as {bottleneck.latent_dim} continuous numbers {bottleneck.frame_rate} times a second, and "
        "back: one latent for understanding, reconstruction and generation",
        "([arXiv 2605.06407](https://arxiv.org/abs/2605.06407)).",
        "",
        "| | |",
        "| --- | --- |",
        f"| encoder | {config.encoder.family}, {config.encoder.layers} layers of {config.encoder.width} |",
        f"| bottleneck | {bottleneck.kind}, {bottleneck.latent_dim} at {bottleneck.frame_rate} Hz |",
        f"| decoder | {config.decoder.architecture} |",
        f"| parameters | {parameters:,} |",
        f"| latent space | {identity} |",
        "",
        "## Use",
        "",
        "```python",
        "# pip install wavcube",
        "from wavcube import WavCube",
        "",
        f'model = WavCube.from_pretrained("{name}")',
        'latents = model.encode("speech.flac")',
        "speech = model.decode(latents)",
        "```",
        "",
        "With transformers, after `import wavcube.hf` or with `trust_remote_code=True`:",
        "",
        "```python",
        "from transformers import AutoFeatureExtractor, AutoModel",
        "",
        f'extractor = AutoFeatureExtractor.from_pretrained("{name}")',
        f'model = AutoModel.from_pretrained("{name}")',
        'latents = model.encode(**extractor(samples, sampling_rate=16_000, return_tensors="pt")).latents',
        "```",
        "",
    ]
    if report:
        lines += [
            "## Measured",
            "",
            f"On {report.data}; made by",
            "",
            f"    {report.command}",
            "",
            "| | |",
            "| --- | --- |",
        ]
        lines += [f"| {heading} | {value:.4g} |" for _, heading, value in report.values]
        lines += [""]
    stated = [
        ("code", "MIT (the wavcube package)"),
        ("weights", facts.license),
        ("teacher", " ".join(part for part in (facts.teacher, f"({facts.teacher_license})") if part not in ("", "()"))),
        (
            "data",
            " ".join(part for part in (", ".join(facts.datasets), f"({facts.data_license})") if part not in ("", "()")),
        ),
    ]
    lines += ["## Licences", "", "| | |", "| --- | --- |"]
    lines += [f"| {what} | {text or 'not stated'} |" for what, text in stated]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Report:
    """What an evaluation found of one model: (quantity, heading, value) in order, on what data, by which command."""

    data: str
    command: str
    values: list[tuple[str, str, float]]

    def results(self) -> list[Any]:
        """For the card's model-index."""
        from huggingface_hub import EvalResult

        return [
            EvalResult(
                task_type="feature-extraction",
                dataset_type="speech",
                dataset_name=self.data,
                metric_type=key,
                metric_name=heading,
                metric_value=round(value, 6),
            )
            for key, heading, value in self.values
        ]


def read_report(path: Path) -> Report:
    """The estimates of the first system of a `report.json`.

    Raises:
        DataError: it cannot be read, or is none.
    """
    file = path / "report.json" if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        estimates = content["estimates"][content["systems"][0]["name"]]
        titles = {q["name"]: (q["title"], q["unit"]) for metric in content["metrics"] for q in metric["quantities"]}
        headings = {name: ", ".join(filter(None, both)) for name, both in titles.items()}
        values = [
            (key, headings[key], float(found["value"]))
            for key, found in estimates.items()
            if found["value"] is not None
        ]
        return Report(content["facts"]["data"], content.get("command", "wavcube evaluate reconstruction"), values)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{file}: is no report.json of `wavcube evaluate reconstruction` ({error})") from error


def check_card(text: str, source: str) -> None:
    """Refuse a card whose YAML entries are damaged or incomplete.

    Raises:
        CheckpointError: naming what is wrong.
    """
    parts = text.split("---\n", 2)
    try:
        entries = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except yaml.YAMLError as error:
        raise CheckpointError(f"{source}: its YAML entries are damaged ({str(error).splitlines()[0]})") from error
    if not isinstance(entries, dict):
        raise CheckpointError(f"{source}: has no YAML entries between two lines of ---")
    if lacking := [name for name in NEEDED if not entries.get(name)]:
        raise CheckpointError(f"{source}: its YAML entries lack {', '.join(lacking)}")
