"""The miniature of the paper: five models of recipes/miniature.yaml, the same test clips, the same probes.

    python scripts/reproduce_small.py --data DATA/speech.tsv --teacher models/whisper-base-encoder --out runs/small

Every part is a command of `wavcube`, printed before it runs, and every part goes on where it was: call the script
again after an interruption. Hours on a CPU, less with a GPU. `--only NAME` runs one part.

    encoder         a small encoder learns the features of the teacher
    features        decoder on the encoder's features (a latent as wide as they are, no transformer layers around it)
    stage1          compressor, restorer and decoder on the frozen encoder
    stage2-free     the encoder learns too, without semantic anchoring
    stage2          the encoder learns too, anchored
    reconstruction  all of them and Griffin-Lim on log-mels, on the LibriSpeech test clips
    probes          characters and speakers, of log-mel, the encoders' features and all latents
"""

import argparse
import subprocess
import sys
from pathlib import Path

MODELS = ("features", "stage1", "stage2-free", "stage2")
TEST_CLIPS = ("split=test", "source=LibriSpeech test-other", "source=librispeech-dev-clean")


def parts(
    data: Path, teacher: str, out: Path, recipe: str, settings: list[str], metrics: list[str], seeds: int
) -> dict[str, list[str]]:
    """The arguments of `wavcube` for each part, in order; `metrics` are more of them for the reconstruction.

    `seeds` is how often each probe's head is trained.
    """
    lists = [
        f"data.sources=[{{path: '{out}/lists/train.tsv', root: '{data.parent}'}}]",
        f"validation_data.sources=[{{path: '{out}/lists/validation.tsv', root: '{data.parent}'}}]",
    ]
    encoder = str(out / "encoder" / "model")

    def train(stage: str, start: list[str], name: str, *own: str) -> list[str]:
        settings_of_part = [word for setting in (*lists, *own, *settings) for word in ("--set", setting)]
        return ["train", stage, "--recipe", recipe, *start, "--out", str(out / name), "--resume", *settings_of_part]

    models = [word for name in MODELS for word in ("--model", f"{name}={out / name / 'model'}")]
    filters = [word for value in TEST_CLIPS for word in ("--filter", value)]
    wide = ("model.bottleneck={latent_dim: 256, layers: 0}",)
    from_stage1 = ["--from", str(out / "stage1")]
    free = ("losses.restored=0", "losses.student=0")
    latents = [word for name in MODELS for word in ("--model", f"wavcube:{out / name / 'model'}")]
    features = [word for name in MODELS[1:] for word in ("--model", f"features:{out / name / 'model'}")]
    return {
        "encoder": train("distill", ["--teacher", teacher], "encoder"),
        "features": train("stage1", ["--from", encoder], "features", *wide),
        "stage1": train("stage1", ["--from", encoder], "stage1"),
        "stage2-free": train("stage2", from_stage1, "stage2-free", *free),
        "stage2": train("stage2", from_stage1, "stage2"),
        "reconstruction": ["evaluate", "reconstruction", *models, "--model", "griffin-lim", "--model", "identity",
                           "--data", str(data), *filters, "--no-listen", *metrics,
                           "--out", str(out / "reconstruction")],
        "probes": ["probe", "--data", str(data), "--model", "logmel", *features, *latents,
                   "--seeds", str(seeds), "-o", str(out / "probes")],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="table of clips; docs/training-small.md says which")
    parser.add_argument("--teacher", required=True, help="folder or hub id of the teacher")
    parser.add_argument("--out", type=Path, default=Path("runs/small"))
    parser.add_argument("--recipe", default="miniature")
    parser.add_argument("--only", help="one part")
    parser.add_argument("--asr", help="counts word errors of reconstructions, such as whisper:FOLDER")
    parser.add_argument("--speaker", help="compares voices, such as resemblyzer")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each probe's head; the most of the time")
    parser.add_argument("--set", dest="settings", action="append", default=[], help="key.inner=value of all trainings")
    arguments = parser.parse_args()
    lists = Path(__file__).with_name("nano_data.py")
    subprocess.run([sys.executable, str(lists), str(arguments.data), str(arguments.out / "lists")], check=True)
    metrics = [
        word
        for option, value in (("--asr", arguments.asr), ("--speaker", arguments.speaker))
        if value
        for word in (option, value)
    ]
    commands = parts(
        arguments.data, arguments.teacher, arguments.out, arguments.recipe, arguments.settings, metrics, arguments.seeds
    )
    if arguments.only and arguments.only not in commands:
        parser.error(f"--only {arguments.only}: there are {', '.join(commands)}")
    for name, command in commands.items():
        if arguments.only in (None, name):
            print(f"{name}: wavcube {subprocess.list2cmdline(command)}", flush=True)
            subprocess.run([sys.executable, "-m", "wavcube", *command], check=True)


if __name__ == "__main__":
    main()
