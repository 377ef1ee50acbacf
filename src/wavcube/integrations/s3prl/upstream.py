"""WavCube in s3prl: its upstream, and s3prl's own runner with it.

    python -m wavcube.integrations.s3prl.upstream -m train -u wavcube -d asr -n my-run -k my-model ...

takes the arguments of s3prl's run_downstream.py. Upstreams are `wavcube` (latents), `wavcube_features` (what the
encoder gives) and `wavcube_restored`; `-k` names a checkpoint folder or hub id, else the packaged model is taken. In a
script of one's own, `register()` does the same before s3prl is used.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from wavcube.errors import MissingDependencyError
from wavcube.features.wavcube import Part, load_wavcube_extractor
from wavcube.integrations.s3prl.compatibility import make_compatible

UPSTREAMS: dict[str, Part] = {"wavcube": "latents", "wavcube_features": "features", "wavcube_restored": "restored"}


class UpstreamExpert(nn.Module):
    """s3prl's interface of an upstream: waveforms in, a list of hidden states out; frozen.

    Args:
        ckpt: checkpoint folder or hub id; None for the packaged model.
        model_config: not used; s3prl hands it over.
        part: "latents", "features" or "restored".
    """

    def __init__(
        self, ckpt: str | None = None, model_config: Any = None, part: Part = "latents", **options: Any
    ) -> None:
        super().__init__()
        self.extractor = load_wavcube_extractor(ckpt or None, part, "cpu")
        self.model = self.extractor.model  # a submodule, so that s3prl moves it to its device

    def get_downsample_rates(self, key: str) -> int:
        """Samples a frame."""
        return round(self.extractor.sample_rate / self.extractor.frame_rate)

    def forward(self, wavs: Sequence[Tensor]) -> dict[str, Any]:
        """Hidden states of waveforms [S] at 16 kHz: a list of one, [B, T, C], padded with zeros."""
        lengths = torch.tensor([len(wav) for wav in wavs])
        values, _ = self.extractor(pad_sequence([wav.detach() for wav in wavs], batch_first=True), lengths)
        values = values.to(wavs[0].device)
        return {"hidden_states": [values], "last_hidden_state": values}


def register() -> None:
    """Make the upstreams known to s3prl, and s3prl able to run on current libraries.

    Raises:
        MissingDependencyError: s3prl is not installed, or lacks a package that it does not declare.
    """
    make_compatible()
    try:
        from s3prl import hub
    except ImportError as error:
        raise MissingDependencyError(
            f"s3prl cannot be imported ({error}); install it without torchaudio, pip install --no-deps s3prl==0.4.18, "
            "and then what it uses: pip install tensorboardX tqdm joblib pandas catalyst editdistance"
        ) from error
    for name, part in UPSTREAMS.items():
        setattr(hub, name, _builder(part))


def _builder(part: Part) -> Any:
    def build(ckpt: str | None = None, model_config: Any = None, **options: Any) -> UpstreamExpert:
        return UpstreamExpert(ckpt, model_config, part=part, **options)

    return build


def main() -> None:
    """s3prl's run_downstream.py, with the upstreams registered."""
    register()
    from s3prl.run_downstream import main as run_downstream

    run_downstream()


if __name__ == "__main__":
    main()
