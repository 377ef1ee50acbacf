import numpy as np
import torch

from wavcube.generation.tts.durations.forced_aligner import ForcedAligner

PAUSE, TOKENS, WIDTH = 1, 6, 8


def spoken(count: int, seed: int = 0) -> tuple[dict[str, np.ndarray], list[tuple[str, list[int]]], list[np.ndarray]]:
    """Texts of five tokens and pauses, noisy copies of a vector for each token; half of the pauses are left out."""
    random = np.random.default_rng(seed)
    sounds = 2.0 * random.standard_normal((TOKENS + 1, WIDTH))
    sounds[PAUSE, 0] = sounds[:, 0].min() - 3.0  # quiet
    features, items, ends = {}, [], []
    for i in range(count):
        tokens = random.integers(2, TOKENS + 1, 9).tolist()
        token_ids = [PAUSE, *tokens[:4], PAUSE, *tokens[4:], PAUSE]
        lengths = random.integers(3, 9, len(token_ids))
        lengths[np.array(token_ids) == PAUSE] *= random.integers(0, 2, 3)
        track = np.repeat(sounds[token_ids], lengths, axis=0)
        features[str(i)] = track + 0.3 * random.standard_normal(track.shape)
        items.append((str(i), token_ids))
        ends.append(np.cumsum(lengths))
    return features, items, ends


def pauses() -> torch.Tensor:
    return torch.arange(TOKENS + 1) == PAUSE


def test_tokens_are_found_where_they_are_spoken() -> None:
    features, items, ends = spoken(120)
    aligner = ForcedAligner(pauses(), features.__getitem__)
    aligner.fit(items)
    # Recordings are normalised one by one, which moves the sounds a little.
    errors = [np.abs(found - true) for found, true in zip(aligner.ends(items), ends, strict=True) if found is not None]
    assert len(errors) == len(items)
    assert np.mean(np.concatenate(errors) <= 1) > 0.9
    # A pause that was left out in the middle has no frames; one that was made has.
    made = np.array([np.diff(true)[4] > 0 for true in ends])
    found_pause = np.array([found is not None and np.diff(found)[4] > 0 for found in aligner.ends(items)])
    assert np.mean(made == found_pause) > 0.9


def test_ends_rise_to_the_end_of_the_recording() -> None:
    features, items, ends = spoken(40)
    aligner = ForcedAligner(pauses(), features.__getitem__)
    aligner.fit(items)
    for found, true in zip(aligner.ends(items), ends, strict=True):
        assert found is not None
        assert found[-1] == true[-1]
        assert (np.diff(found) >= 0).all()


def test_an_item_is_aligned_in_a_batch_as_alone() -> None:
    features, items, _ = spoken(33)
    aligner = ForcedAligner(pauses(), features.__getitem__)
    aligner.fit(items)
    together = aligner.ends(items)
    for item, found in zip(items, together, strict=True):
        alone = aligner.ends([item])[0]
        assert found is not None
        assert alone is not None
        assert np.array_equal(alone, found)


def test_a_recording_too_short_for_its_text_has_no_alignment() -> None:
    features, items, _ = spoken(40)
    aligner = ForcedAligner(pauses(), features.__getitem__)
    aligner.fit(items)
    features["short"] = features["0"][:10]
    found = aligner.ends([("short", items[0][1]), items[1]])
    assert found[0] is None
    assert found[1] is not None
