"""The upstream, against s3prl's contract; s3prl itself is not a dependency (see docs/understanding.md)."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from wavcube.codec import WavCube, WavCubeConfig
from wavcube.errors import MissingDependencyError, WavCubeError
from wavcube.integrations.s3prl import upstream as s3prl
from wavcube.integrations.s3prl.compatibility import apply_effects_tensor, make_compatible
from wavcube.integrations.s3prl.upstream import UpstreamExpert, register


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    WavCube(WavCubeConfig.preset("tiny")).save_pretrained(folder)
    return folder


@pytest.fixture
def clean_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))


@pytest.mark.parametrize(("part", "dim"), [("latents", 16), ("features", 64), ("restored", 64)])
def test_waveforms_in_hidden_states_out(model_folder: Path, part, dim: int) -> None:
    upstream = UpstreamExpert(str(model_folder), None, part=part, refresh=False)
    wavs = [torch.randn(16_000) * 0.1, torch.randn(9000) * 0.1]
    result = upstream(wavs)
    [states] = result["hidden_states"]
    rate = upstream.get_downsample_rates("hidden_states")
    assert rate == 320
    assert states.shape[0] == 2
    assert states.shape[2] == dim
    assert abs(states.shape[1] - round(16_000 / rate)) <= 5  # what s3prl tolerates
    torch.testing.assert_close(upstream(wavs[1:])["hidden_states"][0][0], states[1, :27], rtol=1e-4, atol=1e-4)
    assert isinstance(upstream, torch.nn.Module)
    assert sum(p.numel() for p in upstream.parameters()) > 0  # s3prl moves it to its device


@pytest.mark.usefixtures("clean_modules")
def test_upstreams_are_registered(tmp_path: Path, model_folder: Path) -> None:
    package = tmp_path / "s3prl"
    package.mkdir()
    (package / "__init__.py").write_text("")
    # What s3prl 0.4.18 imports at its start.
    (package / "hub.py").write_text(
        "import torchaudio\nfrom torchaudio.sox_effects import apply_effects_file\nimport torchaudio.compliance.kaldi\n"
        "from torchaudio.transforms import Resample\nfrom huggingface_hub import HfApi, HfFolder, Repository\n"
        "torchaudio.set_audio_backend('sox_io')\n"
    )
    sys.path.insert(0, str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "s3prl"]:
        del sys.modules[name]
    register()
    hub = importlib.import_module("s3prl.hub")
    upstream = hub.wavcube_features(ckpt=str(model_folder), model_config=None, refresh=False)
    assert upstream([torch.randn(8000)])["hidden_states"][0].shape[2] == 64
    assert set(s3prl.UPSTREAMS) == {"wavcube", "wavcube_features", "wavcube_restored"}


@pytest.mark.usefixtures("clean_modules")
def test_without_s3prl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3prl", None)
    with pytest.raises(MissingDependencyError, match=r"s3prl cannot be imported.*pip install --no-deps s3prl"):
        register()


@pytest.mark.usefixtures("clean_modules")
def test_stand_in_for_torchaudio(tmp_path: Path) -> None:
    make_compatible()
    torchaudio = importlib.import_module("torchaudio")
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (800, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000, "FLOAT")
    loaded, rate = torchaudio.load(str(tmp_path / "a.wav"))
    np.testing.assert_array_equal(loaded.numpy(), samples.T)
    assert rate == 8000
    header = torchaudio.info(tmp_path / "a.wav")
    assert (header.sample_rate, header.num_frames, header.num_channels) == (8000, 800, 2)
    effects = importlib.import_module("torchaudio.sox_effects")
    changed, rate = effects.apply_effects_file(
        str(tmp_path / "a.wav"), [["channels", "1"], ["rate", "16000"], ["gain", "-3.0"]]
    )
    assert changed.shape == (1, 1600)
    assert rate == 16_000
    with pytest.raises(WavCubeError, match=r"torchaudio\.functional\.vad has no stand-in"):
        importlib.import_module("torchaudio.functional").vad(loaded)


def test_effects() -> None:
    samples = torch.tensor([[0.5, -0.25], [0.25, 0.25]])
    quiet, rate = apply_effects_tensor(samples, 16_000, [["gain", "-6.0206"]])
    torch.testing.assert_close(quiet, samples / 2, rtol=1e-4, atol=1e-5)
    loud, _ = apply_effects_tensor(samples, 16_000, [["channels", "1"], ["norm"]])
    torch.testing.assert_close(loud, torch.tensor([[1.0, 0.0]]))
    assert rate == 16_000
    with pytest.raises(WavCubeError, match="the sox effect vad"):
        apply_effects_tensor(samples, 16_000, [["vad"]])
