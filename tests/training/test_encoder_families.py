"""Encoders beside the wav2vec 2.0 family, and features of several layers: resumed runs equal uninterrupted ones."""

import pytest

from tests.training.runs import assert_equal, contents, empty_recipe
from wavcube.training.run import train_run

ENCODERS = {
    "whisper": "{family: whisper, normalize_waveform: false, mel_bins: 20}",
    "w2v-bert": "{family: wav2vec2-bert, normalize_waveform: false, mel_bins: 20, activation: swish}",
    "several layers": "{feature_layers: [0, 2, -1], feature_mix: weighted}",
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_resumed_run_equals_an_uninterrupted_one(encoder, small_settings, tmp_path):
    run = tmp_path / "run"
    settings = [*small_settings, f"model.encoder={ENCODERS[encoder]}", "run.save_every=2"]
    assert train_run("stage1", run, recipe=empty_recipe(tmp_path), settings=settings)
    last = run / "checkpoints/step-00000004"
    whole = contents(last)
    for path in (last, run / "model"):
        path.rename(tmp_path / path.name)
    assert train_run("stage1", run, resume=True)
    assert_equal(whole, contents(last))
