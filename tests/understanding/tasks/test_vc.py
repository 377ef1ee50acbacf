"""Voice conversion: a decoder learns a voice from true frames, and figures that need a model appear only with one."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.understanding import corpora
from tests.understanding.conftest import Solve
from wavcube.errors import DataError
from wavcube.evaluation.metric import MetricUnavailable
from wavcube.features import build_feature_extractor
from wavcube.understanding import Options, run_task
from wavcube.understanding.report import gather, markdown
from wavcube.understanding.tasks import vc
from wavcube.understanding.tasks.vc import VoiceConversion

SMALL = {"steps": 80, "warmup": 8, "learning_rate": 1e-2, "width": 64, "depth": 1, "dropout": 0.0}
FEW = {**SMALL, "steps": 4, "warmup": 1, "width": 8, "batch": 2}


class Reader:
    """Reads the right words of every recording, but for the first letter."""

    name = fingerprint = "reader"

    def transcribe(self, waveform: np.ndarray, language: str) -> str:
        assert len(waveform) > 1000
        return "x b c"


class Pitch:
    """An encoder that finds the loudest frequency."""

    name = fingerprint = "pitch"

    def embed(self, waveform: np.ndarray) -> np.ndarray:
        angle = np.abs(np.fft.rfft(waveform, 32_000))[150:700].argmax() / 550.0
        return np.array([np.cos(angle), np.sin(angle)])


@pytest.mark.long
def test_a_voice_is_learnt_from_true_frames_and_not_from_shuffled_ones(tmp_path: Path, prove: Solve) -> None:
    data = corpora.parallel_voices(tmp_path / "data", 12, 3)
    result = prove(VoiceConversion(), data, **SMALL)
    control = prove(VoiceConversion(), data, shuffle=True, **SMALL)
    assert result.metrics["mcd"].value < control.metrics["mcd"].value - 2.0
    assert set(result.metrics) == {"mcd"}
    assert result.items == {"train": 12, "dev": 3, "test": 6}


@pytest.mark.long
def test_a_seed_gives_the_same_decoder_and_a_figure_without_its_model_is_left_out(tmp_path: Path) -> None:
    data = corpora.parallel_voices(tmp_path / "data", 4, 2)
    task, extractor = VoiceConversion(), build_feature_extractor("logmel")
    recipe = dataclasses.replace(task.recipe, **FEW)
    results = [
        run_task(task, extractor, "logmel", data, recipe, Options(tmp_path / name, tmp_path / "cache", seed))
        for name, seed in (("one", 0), ("again", 0), ("other", 1))
    ]
    assert results[0].metrics == results[1].metrics
    assert results[0].metrics != results[2].metrics
    text = markdown(gather(tmp_path / "one"))
    assert "VC MCD dB" in text
    assert "VC WER %" not in text
    assert "WER is left out: it needs an ASR model, --set asr=whisper:SIZE or ctc:ID" in text
    assert "ASV accept is left out: it needs a speaker encoder" in text


def test_word_errors_and_acceptance_with_their_models(
    tmp_path: Path, prove: Solve, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    monkeypatch.setattr("wavcube.evaluation.asr.load_asr", lambda description: loaded.append(description) or Reader())
    monkeypatch.setattr(vc, "load_speaker_encoder", lambda description: loaded.append(description) or Pitch())
    vc._asr.cache_clear()
    vc._encoder.cache_clear()
    data = corpora.parallel_voices(tmp_path / "data", 4, 2)
    result = prove(VoiceConversion(), data, **{**FEW, "asr": "one", "speaker": "two"})
    assert loaded == ["one", "two"]
    assert 0 < result.metrics["wer"].value <= 300
    assert 0 <= result.metrics["acceptance"].value <= 100
    assert set(result.dev) == {"mcd"}
    vc._asr.cache_clear()
    vc._encoder.cache_clear()


def test_true_recordings_of_the_target_are_accepted_and_others_are_not(tmp_path: Path) -> None:
    task = VoiceConversion()
    [corpus] = task.read(corpora.parallel_voices(tmp_path / "data", 4, 3), task.recipe)

    genuine = [vc.read_clip(example.target.reference, 24_000) for example in corpus.test]
    known = [vc.Recording(waveform, 24_000).at(16_000) for waveform in genuine]
    known += [vc.read_clip(example.target.reference, 16_000) for example in corpus.test]

    class Recognises:
        name = fingerprint = "recognises"

        def embed(self, waveform: np.ndarray) -> np.ndarray:
            return np.array([1.0, 0.0] if any(np.array_equal(waveform, w) for w in known) else [0.0, 1.0])

    assert vc._accepted(Recognises(), corpus, genuine) == [1.0] * len(genuine)
    others = [vc.read_clip(example.clip, 24_000) for example in corpus.test]
    assert vc._accepted(Recognises(), corpus, others) == [0.0] * len(others)


def test_the_official_folders(tmp_path: Path) -> None:
    task = VoiceConversion()
    data = corpora.vcc2020(tmp_path)
    loaded = task.load(data, task.recipe)
    assert [corpus.name for corpus in loaded] == ["TEF1", "TEF2", "TEM1", "TEM2"]
    assert [len(corpus.splits[split]) for corpus in loaded[:1] for split in ("train", "dev", "test")] == [2, 10, 8]
    first = loaded[0].test[0]
    assert (first.clip.name, first.speaker) == ("SEF1/E30001", "SEF1")
    assert first.target.reference.path.parts[-2:] == ("TEF1", "E30001.wav")
    assert first.target.transcript
    (tmp_path / "vcc2020_database_groundtruth/TEM1/E30002.wav").unlink()
    with pytest.raises(DataError, match="4 recordings to convert have no true one of TEM1: SEF1/E30002"):
        task.read(data, task.recipe)
    for path in tmp_path.rglob("SEM2/*.wav"):
        path.unlink()
    with pytest.raises(DataError, match=r"SEM2/E3\*\.wav: not found"):
        task.read(data, task.recipe)


@pytest.mark.parametrize(
    ("old", "new", "settings", "message"),
    [
        ("target-0.wav\ttrain\ttarget\t\t", "target-0.wav\ttrain\ttarget\ttarget-1.wav\t", {}, "without a reference"),
        ("\tlow\ttarget-7.wav", "\tlow\t", {}, "column reference: low-7"),
        ("\tlow\ttarget-7.wav", "\tlow\ttarget-99.wav", {}, "1 recordings of the target speaker do not exist"),
        ("target-0.wav\ttrain\ttarget", "target-0.wav\ttrain\tmine", {}, "train is of several speakers, mine, target"),
        ("\tlow\t", "\t\t", {"speaker": "resemblyzer"}, "acceptance needs the speakers of test"),
        (
            "\tlow\ttarget-7.wav",
            "\tlow\tshort.wav",
            {"speaker": "resemblyzer"},
            "too short to know a voice by: .*short.wav",
        ),
        ("", "", {"asr": "nothing"}, "ASR model 'nothing' is not known"),
    ],
)
def test_data_that_does_not_fit(tmp_path: Path, old: str, new: str, settings: dict, message: str) -> None:
    data = corpora.parallel_voices(tmp_path / "data", 4, 2)
    corpora.save_audio(data.parent / "short.wav", np.full(8_000, 0.1, np.float32), 24_000)
    data.write_text(data.read_text().replace(old, new))
    task = VoiceConversion()
    with pytest.raises((DataError, MetricUnavailable), match=message):
        task.load(data, dataclasses.replace(task.recipe, **settings))


def test_word_errors_need_the_words(tmp_path: Path) -> None:
    data = corpora.parallel_voices(tmp_path / "data", 4, 2)
    lines = [line.rpartition("\t")[0] for line in data.read_text().splitlines()]  # the last column has the words
    data.write_text("\n".join(lines) + "\n")
    task = VoiceConversion()
    task.load(data, task.recipe)
    with pytest.raises(DataError, match=r"word errors need the words of test: low-7, "):
        task.load(data, dataclasses.replace(task.recipe, asr="ctc:any"))
