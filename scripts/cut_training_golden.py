"""Cut tests/fixtures/golden/training.npz out of golden numbers: python scripts/cut_training_golden.py GOLDEN

Both waveforms are kept whole, because the losses are means over them; of the score maps every 37th value is enough.
"""

import json
import sys
from pathlib import Path

import numpy as np


def main(golden: Path) -> None:
    arrays = np.load(golden / "discriminators.npz")
    facts = json.loads((golden / "discriminators.json").read_text())
    kept = {"real": arrays["real"], "fake": arrays["fake"], "mel_l1": np.float64(facts["mel_l1"])}
    for short, family in (("mpd", "period"), ("mrd", "band")):
        for loss in ("discriminator_loss", "generator_loss", "feature_matching"):
            kept[f"{family}/{loss}"] = np.float64(facts[short][loss])
        for key in arrays.files:
            if key.startswith(short) and key.endswith("fmap_l1"):
                kept[f"{family}/{key.removeprefix(short)}"] = arrays[key]
            elif key.startswith(short):
                kept[f"{family}/{key.removeprefix(short)}"] = arrays[key].ravel()[::37]
    target = Path(__file__).parent.parent / "tests" / "fixtures" / "golden" / "training.npz"
    np.savez_compressed(target, **kept)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
