"""The miniature of the paper: five models of recipes/miniature.yaml, the same decoder, test clips and probes.

    python scripts/reproduce_small.py --data DATA/speech.tsv --encoder openai/whisper-base --out runs/small

Every part is a command of `wavcube`, printed before it runs, and every part goes on where it was: call the script
again after an interruption. Hours on a CPU, less with a GPU. `--only NAME` runs one part; `--seeds 2` trains all models
twice, the second time as NAME-seed1.

    pitch           the network that finds the pitch, which is part of all latents
    log-mel         decoder on the encoder's log-mel: a latent as wide as it is
    features        decoder on the encoder's last layer: a latent as wide as it is
    stage1          compressor and restorer of 128 channels in closed form, decoder
    stage2-free     the encoder learns too, without semantic anchoring
    stage2          the encoder learns too, anchored
    reconstruction  all of them on the LibriSpeech test clips
    probes          characters and speakers, of the encoders' features and all latents
"""

import argparse
import subprocess
import sys
from pathlib import Path

from wavcube.training.init_from import load_encoder

MODELS = ("log-mel", "features", "stage1", "stage2-free", "stage2")
TEST_CLIPS = ("split=test", "source=LibriSpeech test-other", "source=librispeech-dev-clean")
PITCH = 4
"""Channels of the pitch, in every latent."""


def parts(
    data: Path,
    encoder: str,
    widths: dict[str, int],
    out: Path,
    recipe: str,
    settings: list[str],
    metrics: list[str],
    seeds: int,
    probes: list[str],
) -> dict[str, list[str]]:
    """The arguments of `wavcube` for each part, in order.

    Args:
        data: table of clips.
        encoder: folder or hub id of transformers.
        widths: channels of its "log-mel", of both 10 ms frames, and of its last layer, "features".
        out: folder of all runs.
        recipe: of all trainings.
        settings: `key.inner=value`, of all trainings.
        metrics: more arguments of the reconstruction.
        seeds: trainings of each model.
        probes: arguments of `wavcube probe`: its data, seeds and steps.
    """
    lists = [f"data.sources=[{{path: '{out}/lists/train.tsv', root: '{data.parent}'}}]",
             f"validation_data.sources=[{{path: '{out}/lists/validation.tsv', root: '{data.parent}'}}]"]  # fmt: skip

    def train(task: str, start: list[str], name: str, *own: str) -> list[str]:
        settings_of_part = [word for setting in (*lists, *own, *settings) for word in ("--set", setting)]
        return ["train", task, "--recipe", recipe, *start, "--out", str(out / name), "--resume", *settings_of_part]

    pretrained = ["--from", encoder, "--pitch", str(out / "pitch")]
    wide = {
        "log-mel": ("model.closed_form=.inf", f"model.bottleneck.latent_dim={widths['log-mel'] + PITCH}"),
        "features": ("model.encoder.mel_features=false", f"model.bottleneck.latent_dim={widths['features'] + PITCH}"),
        "stage1": (),
    }
    free = ("losses.restored=0", "losses.student=0")
    commands = {"pitch": train("pitch", [], "pitch")}
    names = []
    for seed in range(seeds):
        suffix = f"-seed{seed}" if seed else ""
        own = (f"run.seed={seed}",)
        for name, changes in wide.items():
            commands[name + suffix] = train("stage1", pretrained, name + suffix, *changes, *own)
        from_stage1 = ["--from", str(out / f"stage1{suffix}")]
        commands[f"stage2-free{suffix}"] = train("stage2", from_stage1, f"stage2-free{suffix}", *free, *own)
        commands[f"stage2{suffix}"] = train("stage2", from_stage1, f"stage2{suffix}", *own)
        names += [name + suffix for name in MODELS]
    models = [word for name in names for word in ("--model", f"{name}={out / name / 'model'}")]
    filters = [word for value in TEST_CLIPS for word in ("--filter", value)]
    latents = [word for name in names for word in ("--model", f"wavcube:{out / name / 'model'}")]
    encoders = [name for name in names if not name.startswith(("log-mel", "stage1"))]
    features = [word for name in encoders for word in ("--model", f"features:{out / name / 'model'}")]
    commands["reconstruction"] = [
        "evaluate", "reconstruction", *models, "--model", "identity", "--data", str(data), *filters, "--no-listen",
        *metrics, "--out", str(out / "reconstruction"),
    ]  # fmt: skip
    commands["probes"] = ["probe", *probes, *features, *latents, "-o", str(out / "probes")]
    return commands


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="table of clips; docs/training-small.md says which")
    parser.add_argument("--encoder", required=True, help="the pretrained encoder: a folder or hub id of transformers")
    parser.add_argument("--out", type=Path, default=Path("runs/small"))
    parser.add_argument("--recipe", default="miniature")
    parser.add_argument("--only", help="one part")
    parser.add_argument("--asr", help="counts word errors of reconstructions, such as whisper:FOLDER")
    parser.add_argument("--speaker", help="compares voices, such as resemblyzer")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each model")
    parser.add_argument("--probe-data", type=Path, help="table of clips for the probes, if another than --data")
    parser.add_argument("--probe-seeds", type=int, default=3, help="trainings of each probe's head")
    parser.add_argument("--probe-steps", type=int, help="steps of each, if others than the probes' own")
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
    probes = ["--data", str(arguments.probe_data or arguments.data), "--seeds", str(arguments.probe_seeds)]
    probes += ["--steps", str(arguments.probe_steps)] if arguments.probe_steps else []
    sizes = load_encoder(arguments.encoder).config
    commands = parts(
        arguments.data,
        arguments.encoder,
        {"log-mel": 2 * sizes.mel_bins, "features": sizes.width},
        arguments.out,
        arguments.recipe,
        arguments.settings,
        metrics,
        arguments.seeds,
        probes,
    )
    if arguments.only and arguments.only not in commands:
        parser.error(f"--only {arguments.only}: there are {', '.join(commands)}")
    for name, command in commands.items():
        if arguments.only in (None, name):
            print(f"{name}: wavcube {subprocess.list2cmdline(command)}", flush=True)
            subprocess.run([sys.executable, "-m", "wavcube", *command], check=True)


if __name__ == "__main__":
    main()
