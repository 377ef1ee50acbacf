from pathlib import Path

import numpy as np
import pytest

from tests.generation.enhancement.small import small_enhancer
from tests.locations import SPEECH
from wavcube.audio.io import load_audio, save_audio
from wavcube.codec import WavCube
from wavcube.errors import ConfigError, DataError
from wavcube.evaluation.metric import Recording
from wavcube.evaluation.settings import EvaluationSettings
from wavcube.evaluation.systems import EVALUATION_RATE
from wavcube.generation.enhancement.evaluation.evaluate import evaluate_enhancement, read_pairs
from wavcube.generation.enhancement.evaluation.systems import load_enhancement_systems


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    clean = load_audio(SPEECH / "p287_002.flac")
    rows = ["path\tclean\ttranscript"]
    for number in range(2):
        noise = np.random.default_rng(number).standard_normal(len(clean)).astype(np.float32)
        save_audio(tmp_path / f"noisy{number}.flac", clean + 0.02 * noise)
        save_audio(tmp_path / f"clean{number}.flac", clean)
        rows.append(f"noisy{number}.flac\tclean{number}.flac\tAsk her.")
    (tmp_path / "pairs.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path / "pairs.tsv"


def test_systems_are_measured_against_the_clean_recordings(pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    systems, metrics = ("wiener", "noisy", "oracle-mask"), ("si_sdr", "stoi")
    summary = evaluate_enhancement(EvaluationSettings(systems, pairs, out, metrics=metrics, processes=1, listen=False))
    values = {name: found["si_sdr"].value for name, found in summary.estimates.items()}
    assert values["noisy"] < values["wiener"] < values["oracle-mask"]
    assert "Speech enhancement" in (out / "report.html").read_text()


def test_a_model_gets_the_noisy_recording(pairs: Path, wavcube_folder: Path, tmp_path: Path) -> None:
    codec = WavCube.from_pretrained(wavcube_folder)
    small_enhancer(codec, f"wavcube:{wavcube_folder}").save_pretrained(tmp_path / "model")
    clips, noisy = read_pairs(pairs)
    described = [f"{tmp_path / 'model'}?strength=0&decoded=1", "resynthesis", "noisy"]
    unchanged, resynthesis, _ = load_enhancement_systems(described, noisy)
    assert unchanged.name == "model?strength=0&decoded=1"
    original = Recording(load_audio(clips[0].path), EVALUATION_RATE, clips[0].name)
    made, again = (system.reconstruct([original])[0].waveform for system in (unchanged, resynthesis))
    assert len(made) == len(original.waveform)
    # The tiny model's own level is another than that of what it encodes.
    assert made @ again > 0.999 * np.linalg.norm(made) * np.linalg.norm(again)
    assert unchanged.fingerprint_for(clips[0].name) != unchanged.fingerprint_for(clips[1].name)


def test_faults_are_named(pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name the model before it"):
        load_enhancement_systems(["resynthesis"], {})
    with pytest.raises(ConfigError, match="option 'decoded=2'"):
        load_enhancement_systems([f"{tmp_path / 'model'}?strength=1&decoded=2"], {})
    (tmp_path / "clean1.flac").unlink()
    with pytest.raises(DataError, match=r"clean1\.flac does not exist"):
        read_pairs(pairs)
    pairs.write_text("path\nnoisy0.flac\n")
    with pytest.raises(DataError, match="needs a column `clean`"):
        read_pairs(pairs)
