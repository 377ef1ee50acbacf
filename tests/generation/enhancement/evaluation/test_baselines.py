import torch

from tests.locations import SPEECH
from wavcube.audio.io import load_audio
from wavcube.generation.enhancement.evaluation.baselines import wiener
from wavcube.generation.regression.masks import oracle_mask


def si_sdr(clean: torch.Tensor, made: torch.Tensor) -> float:
    along = clean * (clean @ made) / (clean @ clean)
    return float(10 * torch.log10(along.square().sum() / (made - along).square().sum()))


def test_steady_noise_is_taken_off_and_the_truth_does_best() -> None:
    torch.manual_seed(0)
    clean = torch.from_numpy(load_audio(SPEECH / "p287_002.flac"))
    noisy = clean + 0.5 * float(clean.std()) * torch.randn(len(clean))
    plain, best = wiener(noisy), oracle_mask(noisy, clean)
    assert plain.shape == best.shape == clean.shape
    assert si_sdr(clean, plain) > si_sdr(clean, noisy) + 2.0
    assert si_sdr(clean, best) > si_sdr(clean, plain) + 2.0


def test_clean_speech_and_silence_stay_what_they_are() -> None:
    clean = torch.from_numpy(load_audio(SPEECH / "p287_002.flac"))
    assert si_sdr(clean, oracle_mask(clean, clean)) > 40.0
    assert not wiener(torch.zeros(4000)).any()
