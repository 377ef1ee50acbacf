"""Everything that can be evaluated gives back recordings of the right length, and says what it is."""

from pathlib import Path

import numpy as np
import pytest

from wavcube.audio.io import save_audio
from wavcube.data.clip import Clip
from wavcube.errors import CheckpointError, ConfigError, WavCubeError
from wavcube.evaluation.metrics import Recording
from wavcube.evaluation.metrics.spectral import spectrum
from wavcube.evaluation.runner import reconstruct
from wavcube.evaluation.systems import Identity, Opus, load_system


@pytest.fixture
def original(clip: np.ndarray) -> Recording:
    return Recording(clip, 16_000, "one")


def _made(description: str, original: Recording) -> Recording:
    (made,) = reconstruct(load_system(description), [original])
    assert isinstance(made, Recording), made
    assert made.waveform.shape == original.waveform.shape
    assert made.waveform.dtype == np.float32
    return made


def test_identity_is_the_original_itself(original: Recording) -> None:
    assert _made("identity", original) is original


def test_resampling_loses_the_upper_band_alone(original: Recording) -> None:
    before, after = (spectrum(r.waveform, 512, 256, 512) for r in (original, _made("resample-8k", original)))
    # Bins of 31 Hz: up to 3 kHz kept, above 4.5 kHz gone.
    np.testing.assert_allclose(after[2:-2, :96], before[2:-2, :96], atol=0.02 * before.max())
    assert after[:, 144:].max() < 0.01 * before[:, 144:].max()


def test_griffin_lim_keeps_the_mel_spectrogram_not_the_phase(original: Recording) -> None:
    from wavcube.evaluation.metrics import Pair
    from wavcube.evaluation.metrics.si_sdr import SISDR
    from wavcube.evaluation.metrics.spectral import MelDistance

    made = _made("griffin-lim", original)
    pair = Pair(original, made)
    assert MelDistance()(pair).values["mel_distance"] < 2.5
    assert SISDR()(pair).values["si_sdr"] < 0
    assert np.array_equal(made.waveform, _made("griffin-lim", original).waveform)


def test_opus_spends_what_it_is_given(original: Recording) -> None:
    rates = []
    for kbps in (6, 12, 24):
        made = _made(f"opus-{kbps}", original)
        assert made.bits is not None
        rates.append(made.bits / 1000 / original.seconds)
    # The target is of a variable rate without the container.
    np.testing.assert_allclose(rates, [6, 12, 24], rtol=0.45)
    with pytest.raises(ConfigError, match="opus-300: Opus runs at 6 to 256 kb/s"):
        Opus(300)


def test_labels(original: Recording) -> None:
    assert load_system("low rate=opus-6").name == "low rate"
    assert load_system("opus-6").name == "opus-6"


@pytest.mark.parametrize("description", ["", "transformers:", "nonsense", "no/such folder"])
def test_what_is_no_system_is_refused_in_a_sentence(
    description: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WavCubeError):
        load_system(description)


def test_files_of_another_program(original: Recording, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    save_audio(tmp_path / "made" / "one.wav", 0.5 * original.waveform, 16_000)
    system = load_system(f"files:{tmp_path / 'made'}")
    system.check([Clip("one", Path("one.flac"), seconds=original.seconds)])
    (made,) = reconstruct(system, [original])
    assert isinstance(made, Recording)
    np.testing.assert_allclose(made.waveform, 0.5 * original.waveform, atol=1e-4)
    before = system.fingerprint_for("one")
    save_audio(tmp_path / "made" / "one.wav", original.waveform, 16_000)
    assert system.fingerprint_for("one") != before


def test_wavcube(original: Recording, tmp_path: Path) -> None:
    import torch

    from wavcube import WavCube, WavCubeConfig
    from wavcube.evaluation.systems import WavCubeSystem

    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset("tiny"))
    system = WavCubeSystem(model, "tiny")
    short = Recording(original.waveform[:8_001], 16_000, "short")
    made = reconstruct(system, [original, short])
    expected = model.reconstruct(short.waveform, 16_000)
    assert isinstance(made[1], Recording)
    np.testing.assert_allclose(made[1].waveform, expected[0].clamp(-1, 1), atol=1e-4)
    model.save_pretrained(tmp_path / "saved")
    loaded = load_system(str(tmp_path / "saved"))
    assert loaded.name == "saved"
    assert loaded.fingerprint == system.fingerprint
    before = system.fingerprint
    with torch.no_grad():
        next(model.decoder.parameters()).add_(1e-3)
    assert WavCubeSystem(model, "tiny").fingerprint != before
    # Shorter than a frame: refused by the model, recorded as a reason, and the others of its batch are not lost.
    made = reconstruct(system, [short, Recording(original.waveform[:100], 16_000, "too short")])
    assert isinstance(made[0], Recording)
    assert "at least" in str(made[1])


def test_noise_on_the_latent(original: Recording, tmp_path: Path) -> None:
    import torch

    from wavcube import WavCube, WavCubeConfig

    torch.manual_seed(0)
    model = WavCube(WavCubeConfig.preset("tiny"))
    model.save_pretrained(tmp_path / "tiny")
    plain = load_system(str(tmp_path / "tiny"))
    noisy = load_system(f"{tmp_path / 'tiny'}?latent_noise=0.3")
    assert noisy.name == "tiny?latent_noise=0.3"
    assert noisy.fingerprint != plain.fingerprint
    short = Recording(original.waveform[:8_001], 16_000, "short")
    (alone,) = reconstruct(noisy, [short])
    (_, beside) = reconstruct(noisy, [original, short])
    (clean,) = reconstruct(plain, [short])
    assert isinstance(alone, Recording)
    assert isinstance(beside, Recording)
    assert isinstance(clean, Recording)
    np.testing.assert_allclose(beside.waveform, alone.waveform, atol=1e-4)
    assert np.abs(alone.waveform - clean.waveform).max() > 1e-2 * np.abs(clean.waveform).max()
    for wrong in ("latent_noise=-1", "latent_noise=nan", "noise=0.3", "latent_noise=much"):
        with pytest.raises(ConfigError):
            load_system(f"{tmp_path / 'tiny'}?{wrong}")


def test_odd_reconstructions(original: Recording) -> None:
    class Odd(Identity):
        def __init__(self, waveform: np.ndarray) -> None:
            self.waveform = waveform

        def reconstruct(self, originals):
            return [Recording(self.waveform, 16_000) for _ in originals]

    shorter, louder, broken = original.waveform[:-50], 30 * original.waveform, original.waveform * np.nan
    (made,) = reconstruct(Odd(shorter), [original])
    assert isinstance(made, Recording)
    assert np.array_equal(made.waveform[:-50], shorter)
    assert not made.waveform[-50:].any()
    (made,) = reconstruct(Odd(louder), [original])
    assert isinstance(made, Recording)
    assert np.abs(made.waveform).max() == 1.0
    assert reconstruct(Odd(broken), [original]) == ["no reconstruction: it has NaN or infinite samples"]
    assert reconstruct(Odd(shorter[:0]), [original]) == ["no reconstruction: it has no samples"]


def test_a_batch_too_large_is_made_in_parts(original: Recording) -> None:
    class Small(Identity):
        def reconstruct(self, originals):
            if len(originals) > 1 or len(originals[0].waveform) > 50_000:
                raise RuntimeError("out of memory\nTried to allocate 2 TiB")
            return list(originals)

    short = Recording(original.waveform[:40_000], 16_000, "short")
    assert reconstruct(Small(), [original, short]) == ["failed: no reconstruction: out of memory", short]


def _tiny_codecs() -> dict[str, tuple]:
    from transformers import (
        DacConfig,
        DacModel,
        EncodecConfig,
        EncodecModel,
        HubertConfig,
        MimiConfig,
        MimiModel,
        XcodecConfig,
        XcodecModel,
    )

    ratios = [8, 5, 4, 2]
    mimi = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return {
        "encodec": (
            EncodecModel,
            EncodecConfig(num_filters=4, hidden_size=16, codebook_size=64, codebook_dim=16, num_lstm_layers=1),
        ),
        "dac": (
            DacModel,
            DacConfig(encoder_hidden_size=4, decoder_hidden_size=32, n_codebooks=2, codebook_size=64),
        ),
        "mimi": (
            MimiModel,
            MimiConfig(
                **mimi,
                num_key_value_heads=2,
                head_dim=16,
                num_filters=4,
                codebook_size=64,
                codebook_dim=16,
                vector_quantization_hidden_dimension=16,
                num_quantizers=4,
                upsample_groups=32,
            ),
        ),
        "xcodec": (
            XcodecModel,
            XcodecConfig(
                acoustic_model_config=DacConfig(
                    encoder_hidden_size=4,
                    decoder_hidden_size=64,
                    downsampling_ratios=ratios,
                    upsampling_ratios=ratios,
                    hidden_size=32,
                    codebook_dim=16,
                ),
                semantic_model_config=HubertConfig(
                    **dict(mimi.items()),
                    conv_dim=[16] * 7,
                    num_conv_pos_embeddings=16,
                    num_conv_pos_embedding_groups=2,
                ),
                codebook_size=64,
                codebook_dim=64,
                target_bandwidths=[0.3, 0.6],
            ),
        ),
    }


# Options, and the bit rate that they give with codebooks of 64 entries (6 bits).
CODECS = {
    "encodec": ("?bandwidth=1.5", 75 * 3 * 6),  # as many codebooks as fit into it
    "dac": ("", 16_000 / 512 * 2 * 6),
    "mimi": ("?num_quantizers=2", 12.5 * 2 * 6),
    "xcodec": ("?bandwidth=0.3", 50 * 1 * 6),
}


@pytest.mark.parametrize("kind", list(CODECS))
def test_codecs_of_transformers(kind: str, original: Recording, tmp_path: Path) -> None:
    import torch

    torch.manual_seed(0)
    model, config = _tiny_codecs()[kind]
    model(config).save_pretrained(tmp_path / kind)
    options, bits_per_second = CODECS[kind]
    system = load_system(f"transformers:{tmp_path / kind}{options}")
    (made,) = reconstruct(system, [original])
    assert isinstance(made, Recording)
    assert made.waveform.shape == original.waveform.shape
    assert made.waveform.any()
    assert made.bits == pytest.approx(bits_per_second * original.seconds, rel=0.1)
    with pytest.raises(ConfigError, match="has no option 'bandwith'"):
        load_system(f"transformers:{tmp_path / kind}?bandwith=6")


def test_what_is_no_codec(tmp_path: Path) -> None:
    from transformers import WavLMConfig, WavLMModel

    config = WavLMConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                         conv_dim=(8,) * 7, num_conv_pos_embedding_groups=2)  # fmt: skip
    WavLMModel(config).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="a WavLMModel is not a codec"):
        load_system(f"transformers:{tmp_path}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="no codec could be loaded from"):
        load_system(f"transformers:{tmp_path / 'empty'}")
    with pytest.raises(ConfigError, match="should be NAME=NUMBER"):
        load_system(f"transformers:{tmp_path}?bandwidth=six")
