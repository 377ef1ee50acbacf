import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from wavcube.errors import LatentsError
from wavcube.latents import Latents


def make(
    lengths: list[int], channels: int = 4, dtype: torch.dtype = torch.float32, samples: bool = True, seed: int = 0
) -> Latents:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(lengths), max(lengths), channels, generator=generator).to(dtype)
    return Latents(
        values,
        torch.tensor(lengths),
        frame_rate=50.0,
        samples=torch.tensor([320 * length + 100 for length in lengths]) if samples else None,
        model_id="space-1",
        metadata=[{"source": f"clip {index}.wav", "text": "ein Gruß\n"} for index in range(len(lengths))],
    )


def assert_same(left: Latents, right: Latents) -> None:
    assert left.values.dtype == right.values.dtype
    assert torch.equal(left.values, right.values)
    assert torch.equal(left.lengths, right.lengths)
    assert (left.frame_rate, left.sample_rate, left.model_id) == (right.frame_rate, right.sample_rate, right.model_id)
    assert (left.samples is None) == (right.samples is None)
    if left.samples is not None and right.samples is not None:
        assert torch.equal(left.samples, right.samples)
    assert left.metadata == right.metadata


# Shapes


def test_mask_and_items() -> None:
    latents = make([3, 5, 1])
    assert len(latents) == 3
    assert latents.mask.tolist() == [[True] * length + [False] * (5 - length) for length in (3, 5, 1)]
    assert [item.values.shape for item in latents] == [(1, 3, 4), (1, 5, 4), (1, 1, 4)]
    last = latents[-1]
    assert torch.equal(last.values[0], latents.values[2, :1])
    assert (last.lengths.tolist(), last.metadata) == ([1], [latents.metadata[2]])
    for index in (3, -4):
        with pytest.raises(IndexError):
            latents.item(index)


def test_batch_is_the_opposite_of_items() -> None:
    latents = make([3, 5, 1])
    again = Latents.batch(list(latents))
    assert torch.equal(again.values[again.mask], latents.values[latents.mask])
    assert not again.values[~again.mask].any()
    assert torch.equal(again.lengths, latents.lengths)
    assert again.metadata == latents.metadata


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    samples=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_slices_joined_are_the_whole(lengths: list[int], cuts: list[int], samples: bool) -> None:
    latents = make(lengths, samples=samples)
    bounds = sorted({0, max(lengths), *(min(cut, max(lengths)) for cut in cuts)})
    parts = [latents.slice(start, end) for start, end in pairwise(bounds)]
    joined = Latents.concatenate(parts)
    assert torch.equal(joined.lengths, latents.lengths)
    assert torch.equal(joined.values[latents.mask], latents.values[latents.mask])
    assert joined.metadata == latents.metadata
    if samples:
        assert joined.samples is not None
        whole = latents.samples
        assert whole is not None
        longest = latents.lengths == max(lengths)
        # A shorter item ends in an inner slice; the samples behind its last frame then belong to that slice.
        assert torch.equal(joined.samples[longest], whole[longest])
        assert (joined.samples >= latents.lengths * latents.hop_length).all()
    else:
        assert joined.samples is None


def test_slice_knows_its_samples() -> None:
    latents = make([10])  # 3300 samples
    assert latents.hop_length == 320
    for (start, end), samples in {(0, 10): 3_300, (0, 4): 1_280, (4, 10): 2_020, (4, 6): 640, (10, 10): 100}.items():
        part = latents.slice(start, end)
        assert part.samples is not None
        assert part.samples.tolist() == [samples]
    assert latents.slice(2, 99).lengths.tolist() == [8]
    for start, end in [(-1, 3), (5, 4), (11, None)]:
        with pytest.raises(LatentsError, match="no slice"):
            latents.slice(start, end)


def test_concatenate_aligns_samples_with_frames() -> None:
    joined = Latents.concatenate([make([3, 2]), make([1, 4])])
    assert joined.lengths.tolist() == [4, 6]
    assert joined.samples is not None
    assert joined.samples.tolist() == [3 * 320 + 420, 2 * 320 + 1_380]
    assert not joined.values[0, 4:].any()


def test_metadata_that_differs_is_dropped_by_concatenate() -> None:
    first, second = make([2]), make([2])
    second.metadata[0]["source"] = "other.wav"
    assert Latents.concatenate([first, second]).metadata == [{"text": "ein Gruß\n"}]


def test_to_moves_values_alone_to_a_type() -> None:
    latents = make([3, 2]).to(dtype=torch.float16)
    assert latents.values.dtype == torch.float16
    assert latents.lengths.dtype == torch.int64
    with pytest.raises(LatentsError, match="float16"):
        Latents(torch.full((1, 1, 1), 1e9), torch.tensor([1]), 50.0).to(dtype=torch.float16)


# Refusals


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"values": torch.zeros(3, 4)}, "batch, frames, channels"),
        ({"values": torch.zeros(2, 3, 4, dtype=torch.int64)}, "int64"),
        ({"values": torch.full((2, 3, 4), torch.nan)}, "NaN"),
        ({"values": torch.full((2, 3, 4), torch.inf)}, "infinite"),
        ({"lengths": torch.tensor([3, 4])}, "0 to 3"),
        ({"lengths": torch.tensor([3, -1])}, "0 to 3"),
        ({"lengths": torch.tensor([3])}, "one integer an item"),
        ({"lengths": torch.tensor([3.0, 2.0])}, "one integer an item"),
        ({"samples": torch.tensor([960])}, "samples must be one integer"),
        ({"samples": torch.tensor([960, -1])}, "negative"),
        ({"frame_rate": 0.0}, "above zero"),
        ({"frame_rate": float("nan")}, "above zero"),
        ({"sample_rate": 0}, "above zero"),
        ({"metadata": [{}]}, "1 metadata entries for 2 items"),
    ],
)
def test_what_does_not_fit_together(change: dict[str, object], says: str) -> None:
    fitting: dict[str, object] = {"values": torch.zeros(2, 3, 4), "lengths": torch.tensor([3, 2]), "frame_rate": 50.0}
    Latents(**fitting)  # type: ignore[arg-type]
    with pytest.raises(LatentsError, match=says):
        Latents(**{**fitting, **change})  # type: ignore[arg-type]


def test_unlike_latents_are_not_put_together() -> None:
    first = make([3])
    others = {
        "width": make([3], channels=5),
        "type": make([3], dtype=torch.float16),
        "knowledge of samples": make([3], samples=False),
        "frame rate": Latents(first.values, first.lengths, 25.0, samples=first.samples, model_id="space-1"),
        "model": Latents(first.values, first.lengths, 50.0, samples=first.samples, model_id="space-2"),
    }
    for says, other in others.items():
        for together in (Latents.batch, Latents.concatenate):
            with pytest.raises(LatentsError, match=f"different {says}"):
                together([first, other])
    with pytest.raises(LatentsError, match="batch sizes"):
        Latents.concatenate([first, make([3, 3])])
    with pytest.raises(LatentsError, match="no latents"):
        Latents.batch([])


# Files


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("lengths", [[7], [3, 5]])
@pytest.mark.parametrize("samples", [True, False])
def test_files_keep_everything(
    tmp_path: Path, suffix: str, dtype: torch.dtype, lengths: list[int], samples: bool
) -> None:
    latents = make(lengths, dtype=dtype, samples=samples)
    latents.save(tmp_path / f"a{suffix}")
    assert_same(Latents.load(tmp_path / f"a{suffix}"), latents)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_padding_of_a_single_item_is_not_stored(tmp_path: Path) -> None:
    padded = Latents(torch.ones(1, 9, 2), torch.tensor([4]), 50.0)
    padded.save(tmp_path / "a.safetensors")
    assert Latents.load(tmp_path / "a.safetensors").values.shape == (1, 4, 2)


def test_the_safetensors_file_explains_itself(tmp_path: Path) -> None:
    make([7]).save(tmp_path / "a.safetensors")
    with safe_open(tmp_path / "a.safetensors", framework="np") as file:
        assert file.get_tensor("values").shape == (7, 4)
        assert file.get_tensor("lengths").tolist() == [7]
        assert file.get_tensor("samples").tolist() == [2_340]
        header = file.metadata()
    assert header["format"] == "wavcube-latents"
    assert (header["version"], header["frame_rate"], header["sample_rate"]) == ("1", "50.0", "16000")
    assert header["model"] == "space-1"
    assert json.loads(header["metadata"]) == [{"source": "clip 0.wav", "text": "ein Gruß\n"}]


def test_npy_is_the_bare_array(tmp_path: Path) -> None:
    latents = make([7], dtype=torch.bfloat16)
    latents.save(tmp_path / "a.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), latents.values[0].float().numpy())
    loaded = Latents.load(tmp_path / "a.npy", frame_rate=25.0)
    assert torch.equal(loaded.values, latents.values.float())
    assert (loaded.lengths.tolist(), loaded.frame_rate, loaded.model_id, loaded.samples) == ([7], 25.0, None, None)
    with pytest.raises(LatentsError, match="holds one item, not 2"):
        make([3, 5]).save(tmp_path / "b.npy")


def test_saving_replaces_or_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    make([7]).save(path)
    make([9]).save(path)
    assert Latents.load(path).lengths.tolist() == [9]

    def full_disk(file: Path, content: bytes) -> None:
        file.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(LatentsError, match="the disk is full"):
        make([2]).save(path)
    assert Latents.load(path).lengths.tolist() == [9]
    assert list(tmp_path.iterdir()) == [path]


def refusal(path: Path) -> str:
    with pytest.raises(LatentsError) as caught:
        Latents.load(path)
    assert path.name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".npy"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_half_written_files_are_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    whole = tmp_path / f"whole{suffix}"
    make([500]).save(whole)
    content = whole.read_bytes()
    half = tmp_path / f"half{suffix}"
    half.write_bytes(content[: int(len(content) * kept)])
    assert "no whole latents" in refusal(half)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    values, lengths = torch.zeros(3, 4), torch.tensor([3])
    header = {"format": "wavcube-latents", "version": "1", "frame_rate": "50.0", "sample_rate": "16000"}

    def weights(name: str, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None) -> Path:
        save_file(tensors, tmp_path / name, metadata=metadata)
        return tmp_path / name

    whole = {**header, "metadata": "[{}]"}
    Latents.load(weights("good.safetensors", {"values": values, "lengths": lengths}, whole))
    assert "its format is None" in refusal(weights("w.safetensors", {"values": values}, None))
    assert "no tensor 'lengths'" in refusal(weights("n.safetensors", {"values": values}, whole))
    assert "metadata is None" in refusal(weights("m.safetensors", {"values": values, "lengths": lengths}, header))
    for text in ("[3]", '[{"a": 3}]'):
        path = weights("t.safetensors", {"values": values, "lengths": lengths}, {**header, "metadata": text})
        assert "object of texts" in refusal(path)
    path = weights("v.safetensors", {"values": values, "lengths": lengths}, {**whole, "version": "2"})
    assert "version 2" in refusal(path)
    path = weights("l.safetensors", {"values": values, "lengths": lengths + 9}, whole)
    assert "l.safetensors: lengths must be 0 to 3" in refusal(path)

    torch.save({"state_dict": {"weight": values}}, tmp_path / "checkpoint.pt")
    assert "its format is None" in refusal(tmp_path / "checkpoint.pt")
    torch.save([values], tmp_path / "list.pt")
    assert "it is a list" in refusal(tmp_path / "list.pt")
    np.save(tmp_path / "integers.npy", np.zeros((3, 4), np.int64))
    np.save(tmp_path / "flat.npy", np.zeros(3))
    for name in ("integers.npy", "flat.npy"):
        assert "not one array of floats" in refusal(tmp_path / name)

    assert "no such file" in refusal(tmp_path / "absent.safetensors")
    assert "not '.wav'" in refusal(tmp_path / "speech.wav")
    with pytest.raises(LatentsError, match=r"not '\.wav'"):
        make([3]).save(tmp_path / "speech.wav")
    with pytest.raises(LatentsError, match="make it first"):
        make([3]).save(tmp_path / "absent" / "a.pt")


class Trap:
    """What a pickle of it does on loading."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("sprung"),)  # type: ignore[return-value]


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_pickles_that_run_code_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": "wavcube-latents", "version": 1, "values": Trap()}, "trap.pt")
    Path("bare.pt").write_bytes(pickle.dumps(Trap()))
    np.save("trap.npy", np.array([Trap()], dtype=object))
    for name in ("trap.pt", "bare.pt", "trap.npy"):
        assert "no whole latents" in refusal(Path(name))
    assert not Path("sprung").exists()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".safetensors", ".pt", ".npy"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_files_give_latents_or_a_latents_error(
    tmp_path: Path, suffix: str, flips: list[tuple[float, int]]
) -> None:
    whole = tmp_path / f"whole{suffix}"
    if not whole.exists():
        make([5]).save(whole)
    content = bytearray(whole.read_bytes())
    for position, value in flips:
        content[int(position * len(content))] = value
    damaged = tmp_path / f"damaged{suffix}"
    damaged.write_bytes(content)
    try:
        latents = Latents.load(damaged)
    except LatentsError:
        return
    assert latents.values.dim() == 3


def test_pooling_is_over_an_item_s_own_frames():
    values = torch.randn(3, 9, 4, generator=torch.Generator().manual_seed(0))
    latents = Latents(values, torch.tensor([9, 5, 1]), 50.0)
    mean, both = latents.pooled(), latents.pooled("mean_std")
    for i, length in enumerate((9, 5, 1)):
        frames = values[i, :length]
        torch.testing.assert_close(mean[i], frames.mean(0))
        torch.testing.assert_close(both[i], torch.cat([frames.mean(0), frames.std(0, correction=0)]))
    half = Latents(values.half(), torch.tensor([9, 5, 1]), 50.0).pooled()
    assert half.dtype == torch.float32
    with pytest.raises(LatentsError, match="item 1 has no frames"):
        Latents(values, torch.tensor([9, 0, 1]), 50.0).pooled()
    with pytest.raises(LatentsError, match="not by 'max'"):
        latents.pooled("max")
