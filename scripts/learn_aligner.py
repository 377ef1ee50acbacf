"""Learn the aligner of a text-to-speech model, which says when each phoneme of a text is spoken in a recording.

    WAVCUBE_DATA=DATA python scripts/learn_aligner.py src/wavcube/generation/tts/pretrained/nano --cache runs/mfcc

It learns from the training utterances of the recipe, with the model's own vocabulary, and is written beside the model.
"""

import argparse
from pathlib import Path

import torch

from wavcube.features.spectral import Mfcc
from wavcube.generation.tts.durations.alignment import LEARN_FROM
from wavcube.generation.tts.durations.forced_aligner import ForcedAligner
from wavcube.generation.tts.durations.saved_aligner import ALIGNER, SavedAligner
from wavcube.generation.tts.model import FlowMatchingTTS
from wavcube.generation.tts.training.dataset import SpeechCorpus, read_corpora
from wavcube.generation.tts.training.recipe import read_recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of the model, into which the aligner is written")
    parser.add_argument("--recipe", default="tts-nano", help="whose training utterances it learns from")
    parser.add_argument("--cache", type=Path, default=Path("cache"), help="folder that keeps cepstra on disk")
    arguments = parser.parse_args()
    model = FlowMatchingTTS.from_pretrained(arguments.model)
    settings = read_recipe(arguments.recipe, [f"data.cache={arguments.cache}"]).data
    corpus = SpeechCorpus(
        read_corpora(settings.train), Mfcc(), model.text_frontend, model.vocabulary, settings, show_progress=True
    )
    print(corpus.summary())
    items = [(one.key, one.token_ids) for one in corpus.examples][:: -(-len(corpus) // LEARN_FROM)]
    aligner = ForcedAligner(torch.tensor([False, *model.vocabulary.pauses]), corpus.cache.__getitem__)
    aligner.fit(items, lambda done: print(f"round {done}", flush=True))
    SavedAligner(model.vocabulary, aligner.mean, aligner.variance).save(arguments.model)
    print(f"{arguments.model / ALIGNER}: {(arguments.model / ALIGNER).stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
