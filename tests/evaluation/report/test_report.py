"""The report: every file there, every number right, and a page that needs nothing else."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from tests.evaluation.conftest import StubASR, StubEncoder
from tests.locations import SPEECH
from wavcube.errors import ConfigError
from wavcube.evaluation.metrics import Recording
from wavcube.evaluation.report import examples as examples_module
from wavcube.evaluation.report.pictures import loudest_magnitude, spectrogram_image
from wavcube.evaluation.report.player import flac
from wavcube.evaluation.report.tables import latex_table, markdown_table
from wavcube.evaluation.summary import Summary
from wavcube.reconstruction import MetricOptions, choose_metrics, evaluate, load_system, read_clips, write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def summary(folder: Path) -> Summary:
    """Opus at two rates and the identity, reported into `folder`."""
    utterances = read_clips(SPEECH / "speech.tsv")
    systems = [load_system(name) for name in ("opus-12", "opus-6", "identity")]
    options = MetricOptions(speaker=StubEncoder(), asr=StubASR())
    chosen = choose_metrics(["stoi", "pesq_wb", "si_sdr", "utmos", "speaker", "wer", "bitrate"], options)
    table = evaluate(systems, utterances, chosen.metrics, folder, processes=1)
    return write_report(table, systems, utterances, chosen, folder, data="eight <clips>", breakdown_by=["language"])


def test_every_file_is_there(summary: Summary, folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    tables = {"table.md", "table.tex", "utterances.csv", "utterances.parquet"}
    assert names == {"measurements.jsonl", "report.html", "report.json"} | tables


def test_the_tables_of_utterances(summary: Summary, folder: Path) -> None:
    table = pd.read_parquet(folder / "utterances.parquet")
    assert len(table) == 3 * 8
    mean = table[table["system"] == "opus-6"]["stoi"].mean()
    assert summary.estimates["opus-6"]["stoi"].value == pytest.approx(mean)
    again = pd.read_csv(folder / "utterances.csv")
    np.testing.assert_allclose(again["stoi"], table["stoi"])


def test_report_json(summary: Summary, folder: Path) -> None:
    report = json.loads((folder / "report.json").read_text(), parse_constant=_refuse)
    assert report["estimates"]["opus-6"]["pesq_wb"]["value"] == summary.estimates["opus-6"]["pesq_wb"].value
    assert list(report["skipped"]) == ["utmos"]
    assert report["systems"][0]["name"] == "opus-12"
    assert report["estimates"]["identity"]["si_sdr"]["value"] is None
    assert report["undefined"]["identity"]["si_sdr"] == {
        "infinite: the reconstruction equals the original up to its scale": 8
    }
    assert list(report["breakdowns"]) == ["duration", "speaker", "sex", "language"]


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def test_markdown(summary: Summary, folder: Path) -> None:
    text = (folder / "table.md").read_text()
    assert text == markdown_table(summary)
    header, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (header, *rows)]
    assert len({len(row) for row in cells}) == 1
    assert cells[0][1:3] == ["STOI ↑", "PESQ-WB (MOS) ↑"]
    found = summary.estimates["opus-6"]["stoi"]
    assert cells[2][0] == "opus-6"
    assert cells[2][1].rstrip("*") == f"{found.value:.3f} ±{(found.high - found.low) / 2:.3f}"
    assert "identity: no si_sdr of 8 utterances: infinite" in text
    assert "speaker similarity: by stub voices." in text
    assert "read by stub reader" in text


def test_latex(summary: Summary) -> None:
    text = latex_table(summary)
    assert text.count(r"\\") == 1 + len(summary.systems)
    assert r"WER, utterances (\%) $\downarrow$" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len({line.count(" & ") for line in rows}) == 1
    # The best of those that are not the identity itself.
    best = max(("opus-12", "opus-6"), key=lambda s: summary.estimates[s]["stoi"].value)
    bold = next(line for line in rows if line.startswith(best))
    assert bold.split(" & ")[1].startswith(r"\textbf{")


class Page(HTMLParser):
    """Collects what a page is made of, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "img", "br", "input", "path", "use", "rect", "circle"}:
            self.open.append(tag)
        self.links += [value or "" for name, value in attributes if name in {"src", "href", "xlink:href", "srcset"}]

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attributes if name in {"src", "href", "xlink:href"}]


def test_the_page_stands_alone(summary: Summary, folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert page.tags.count("script") == 1  # of the players, inside the page as the links above show
    assert not re.search(r"url\((?!#)|@import", text)
    assert "eight &lt;clips&gt;" in text
    assert "utmos" in text
    # Eight utterances are among the ten worst, and not once more among the median ones: two recordings each.
    assert page.tags.count("audio") == 2 * 8
    assert page.tags.count("svg") == 1
    assert len(text) < 10_000_000


def test_the_pages_sound_is_that_of_the_recordings(summary: Summary, folder: Path) -> None:
    text = (folder / "report.html").read_text()
    sounds = re.findall(r"data:audio/flac;base64,([^']+)", text)
    waveform, sample_rate = soundfile.read(io.BytesIO(base64.b64decode(sounds[0])), dtype="float32")
    assert sample_rate == 16_000
    worst = re.search(r"<h4>(\S+) <small>", text)
    assert worst is not None
    utterance = next(u for u in read_clips(SPEECH) if u.name == worst[1])
    from wavcube.audio.io import load_audio

    np.testing.assert_allclose(waveform, load_audio(utterance.path), atol=1e-4)


def test_worst_come_first(summary: Summary, folder: Path) -> None:
    table = pd.read_parquet(folder / "utterances.parquet")
    rows = table[table["system"] == "opus-12"].sort_values("pesq_wb")
    text = (folder / "report.html").read_text()
    shown = re.findall(r"<section class='example'><h4>(\S+) <small>", text)
    assert shown[:8] == list(rows["utterance"])


def test_another_quantity_can_rank(folder: Path, summary: Summary) -> None:
    table = pd.read_parquet(folder / "utterances.parquet")
    utterances, system = read_clips(SPEECH / "speech.tsv"), load_system("opus-12")
    chosen = examples_module.choose_examples(table, summary.quantities, system, utterances, "wer")
    assert chosen is not None
    values = [example.values["wer"] for example in chosen.worst]
    assert values == sorted(values, reverse=True)
    assert chosen.worst[0].texts.keys() == {"said", "read"}
    with pytest.raises(ConfigError, match="no quantity 'loudness' to rank utterances by; there are stoi"):
        examples_module.choose_examples(table, summary.quantities, system, utterances, "loudness")


def test_long_recordings_are_cut_to_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    recordings = [
        Recording(generator.normal(0, 0.1, int(seconds * 16_000)).astype(np.float32), 16_000)
        for seconds in (1.0, 2.0, 8.0)
    ]
    sizes = [len(flac(r)) for r in recordings]
    monkeypatch.setattr(examples_module, "AUDIO_BUDGET", sum(sizes) // 2)
    limit = examples_module._excerpt_seconds(recordings)
    cut = [examples_module._cut(r, limit) for r in recordings]
    assert cut[0].seconds == 1.0  # the longest give way first
    assert cut[2].seconds < 4.0
    total = sum(len(flac(r)) for r in cut)
    assert 0.85 * sum(sizes) / 2 < total < 1.02 * sum(sizes) / 2
    monkeypatch.setattr(examples_module, "AUDIO_BUDGET", 10 * sum(sizes))
    assert examples_module._excerpt_seconds(recordings) == float("inf")


def test_a_spectrogram_shows_a_tone_at_its_height() -> None:
    from PIL import Image

    tone = np.sin(2 * np.pi * 2_000 * np.arange(16_000) / 16_000).astype(np.float32)
    recording = Recording(tone, 16_000)
    image = np.asarray(Image.open(io.BytesIO(spectrogram_image(recording, loudest_magnitude(recording)))).convert("L"))
    assert image.shape[0] == 256
    # 2 kHz of 8 kHz: a quarter of the height from the bottom.
    assert abs(int(image.sum(axis=1).argmax()) - 191) <= 2
    assert image[64, 5:-5].max() < 30  # apart from the ends, where the tone starts and stops


def test_without_sound(folder: Path, summary: Summary, tmp_path: Path) -> None:
    table = pd.read_parquet(folder / "utterances.parquet")
    systems = [load_system(name) for name in ("opus-12", "opus-6", "identity")]
    chosen = choose_metrics(["stoi"])
    write_report(table, systems, read_clips(SPEECH), chosen, tmp_path, listen=False)
    assert "<audio" not in (tmp_path / "report.html").read_text()
