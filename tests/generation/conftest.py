import csv
from pathlib import Path

import pytest
import torch

from tests.generation.small import speech_flow
from tests.locations import SPEECH
from wavcube.codec import WavCube, WavCubeConfig
from wavcube.generation.flow.feature_codec import FeatureCodec, load_feature_codec
from wavcube.generation.tts.pipeline import TextToSpeech

# Threads of tiny operations wait for each other longer than they compute, all the more where tests run in parallel.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def wavcube_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wavcube")
    torch.manual_seed(0)
    WavCube(WavCubeConfig.preset("tiny")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def latents(wavcube_folder: Path) -> FeatureCodec:
    return load_feature_codec(f"wavcube:{wavcube_folder}")


@pytest.fixture
def speaker(latents: FeatureCodec) -> TextToSpeech:
    """A model that speaks noise, on the latents of a tiny WavCube."""
    return TextToSpeech(speech_flow(latents.describe("wavcube")), latents)


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The transcribed English clips of the tests, as a manifest."""
    with (SPEECH / "speech.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["transcript"]]
    path = tmp_path / "speech.tsv"
    lines = ["path\ttext\tspeaker", *(f"{SPEECH / r['path']}\t{r['transcript']}\t{r['speaker']}" for r in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
