"""Cut tests/fixtures/golden/representation.npz: python scripts/cut_representation_golden.py GOLDEN

GOLDEN is the folder of golden numbers. The vocoder's half of the decoder, its first transformer layer and what goes
through them for one second of speech: enough to notice any change of their numbers, small enough to be kept here.
"""

import sys
from pathlib import Path

import numpy as np
import torch

KEPT = (
    "backbone.upsample_proj.",
    "backbone.decoder.layers.0.",
    "backbone.decoder.dconv2.",
    "backbone.decoder.vocoder.",
)
ARRAYS = ("z", "dec_layer0", "dec_norm", "voc_norm")
WAV_SAMPLES = 4_000
"""Of the waveform's end."""


def main(golden: Path) -> None:
    state = torch.load(golden / "tiny_stage2_gen.ckpt", weights_only=True)["state_dict"]
    kept = {f"weights/{key}": value.numpy() for key, value in state.items() if key.startswith(KEPT)}
    outputs = np.load(golden / "tiny_stage2_outputs.npz")
    kept |= {name: outputs[f"wav_16000/{name}"] for name in ARRAYS}
    kept["wav_end"] = outputs["wav_16000/wav"][:, -WAV_SAMPLES:]
    target = Path(__file__).parent.parent / "tests" / "fixtures" / "golden" / "representation.npz"
    np.savez_compressed(target, **kept)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
