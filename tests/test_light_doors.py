"""What each way into the package loads: encoding and speaking need neither the trainer nor the metrics."""

import json
import subprocess
import sys
import textwrap

import pytest

BASE = {"errors", "framing", "padding", "run_layout", "files", "hashing", "settings", "config_aliases"}
CODEC = BASE | {"audio", "codec", "latents", "latent_files"}
TRAINING = BASE | {"training", "engine", "data", "config"}
FEATURES = CODEC | {"data", "features"}
TEXT_TO_SPEECH = FEATURES | {"generation"}
UNDERSTANDING = FEATURES | {"understanding", "evaluation"}
"""With evaluation.statistics only, see `EXCEPT`."""

EXTRAS = {
    "lightning", "torchdata", "lhotse", "webdataset", "tensorboard", "matplotlib", "pandas", "pyarrow", "scipy",
    "sklearn", "pesq", "pystoi", "jiwer", "whisper_normalizer", "speechmos", "onnxruntime", "openvino",
    "faster_whisper", "swift_f0", "gruut", "pypinyin", "rjieba", "threadpoolctl", "transformers",
}  # fmt: skip
"""Packages that are slow to load or that an extra brings."""

SILENCE = "np.zeros(16_000, np.float32)"
ENCODE = f"from wavcube import WavCube\nmodel = WavCube.from_pretrained()\nlatents = model.encode({SILENCE}, 16_000)"
SPEAK = """
    from wavcube import save_audio
    from wavcube.generation.tts import SolverSettings, TextToSpeech
    save_audio(folder / "voice.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 32_000).astype(np.float32), 16_000)
    speaker = TextToSpeech.from_pretrained()
    speaker.speak("Hello.", speaker.voice(folder / "voice.wav"), solver=SolverSettings(2))
"""
HELP = """
    from typer.testing import CliRunner
    from wavcube.cli.app import app
    assert CliRunner().invoke(app, ["--help"]).exit_code == 0
"""

DOORS = {
    "import": ("import wavcube", set(), set()),
    "help": (HELP, {"cli", "errors", "files"}, set()),
    "encode": (ENCODE, CODEC, set()),
    "decode": (f"{ENCODE}\nmodel.decode(latents)", CODEC, set()),
    "speak": (SPEAK, TEXT_TO_SPEECH, {"gruut", "transformers"}),  # its mel filters are those of transformers
    "superb": ("import wavcube.understanding", UNDERSTANDING, set()),
    "train": ("import wavcube.training.run", TRAINING, set()),  # the trainer comes with the first step
}
"""Code, the parts of the package and the packages of extras that it may load."""

EXCEPT = (
    "wavcube.evaluation.metrics",
    "wavcube.evaluation.asr",
    "wavcube.evaluation.runner",
    "wavcube.engine.fit",
    "wavcube.engine.fabric",
)
"""What none of these doors loads."""


@pytest.mark.parametrize("door", DOORS)
def test_a_door_loads_only_what_it_needs(door, tmp_path):
    code, parts, packages = DOORS[door]
    lines = [
        "import json, sys",
        "from pathlib import Path",
        f"folder = Path({str(tmp_path)!r})",
        "import numpy as np" if "np." in code else "",
        textwrap.dedent(code),
        "print(json.dumps(sorted(sys.modules)))",
    ]
    result = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    loaded = json.loads(result.stdout.splitlines()[-1])
    assert {name.split(".")[1] for name in loaded if name.startswith("wavcube.")} <= parts
    assert {name.split(".")[0] for name in loaded} & EXTRAS <= packages
    assert not [name for name in loaded if name.startswith(EXCEPT)]
