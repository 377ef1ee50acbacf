from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from wavcube.errors import ConfigError, DataError
from wavcube.generation.analysis.latent_space import SpaceStatistics, measure_space
from wavcube.generation.analysis.learnability import Learnt, compare_representations, rank_correlation, write_comparison


class Frames:
    """Stands in for a corpus."""

    def __init__(self, clips: list[np.ndarray], frame_rate: float = 50.0) -> None:
        self.clips = clips
        self.cache = SimpleNamespace(extractor=SimpleNamespace(frame_rate=frame_rate))

    def __len__(self) -> int:
        return len(self.clips)

    def frames(self, index: int) -> np.ndarray:
        return self.clips[index]

    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        frames = np.concatenate(self.clips)
        return torch.from_numpy(frames.mean(0)), torch.from_numpy(frames.std(0))


def measured(clips: list[np.ndarray], frame_rate: float = 50.0) -> SpaceStatistics:
    return measure_space(Frames(clips, frame_rate))  # type: ignore[arg-type]


def test_white_noise_is_rough_unpredictable_and_full() -> None:
    random = np.random.default_rng(0)
    statistics = measured([3 + 2 * random.standard_normal((200, 8)) for _ in range(40)])
    assert statistics.channels == 8
    assert statistics.effective_dimension == pytest.approx(8, rel=0.02)
    assert statistics.roughness == pytest.approx(1, abs=0.03)
    assert statistics.unpredictability == pytest.approx(1, abs=0.03)


def test_slow_motion_in_two_directions_is_smooth_predictable_and_flat() -> None:
    random = np.random.default_rng(0)
    basis = np.linalg.qr(random.standard_normal((8, 2)))[0]
    clips = []
    for _ in range(40):
        phase = random.uniform(0, 6.3, 2) + np.arange(200)[:, None] * np.array([0.1, 0.13])
        clips.append(np.sin(phase) @ basis.T)
    statistics = measured(clips)
    assert statistics.effective_dimension <= 2.01
    assert statistics.roughness < 0.02
    assert statistics.unpredictability < 0.01


def test_steps_are_20_ms_at_every_frame_rate() -> None:
    random = np.random.default_rng(0)
    clips = [np.cumsum(random.standard_normal((400, 4)), 0) for _ in range(20)]
    coarse = measured([clip[::2] for clip in clips], 50.0)
    fine = measured(clips, 100.0)
    assert fine.roughness == pytest.approx(coarse.roughness, rel=0.1)


def test_the_middle_of_two_frames_lies_far_from_separate_islands() -> None:
    random = np.random.default_rng(0)

    def clips(island: bool) -> list[np.ndarray]:
        centres = 20 * np.eye(6)[:4] if island else np.zeros((4, 6))
        return [centre + random.standard_normal((100, 6)) for centre in np.tile(centres, (15, 1))]

    assert measured(clips(island=True)).interpolation_distance > 1.5
    assert measured(clips(island=False)).interpolation_distance < 1.1


def test_too_little_data_is_refused() -> None:
    with pytest.raises(DataError, match="four utterances"):
        measured([np.zeros((100, 4))] * 3)
    with pytest.raises(DataError, match="four utterances"):
        measured([np.random.default_rng(0).standard_normal((5, 4))] * 10)


def test_figures_that_put_representations_in_their_order_foretell() -> None:
    found = {
        str(i): Learnt(
            SpaceStatistics(8, 10.0 * i, -1.0 * i, 0.5, (i - 2) ** 2),
            {},
            [{"samples/wer": [(10, 99.0), (20, 5.0 * i)]}],
        )
        for i in range(1, 5)
    }
    told = rank_correlation(found)
    assert told["effective_dimension"]["samples/wer"] == pytest.approx(1)
    assert told["roughness"]["samples/wer"] == pytest.approx(-1)
    assert "unpredictability" not in told  # the same for all


def test_the_comparison_is_written(tmp_path: Path) -> None:
    statistics = SpaceStatistics(8, 4.0, 0.2, 0.5, 1.1)
    write_comparison(
        {
            "mel": Learnt(
                statistics,
                {"wer": 12.5},
                [{"samples/wer": [(5, 80.0), (10, 40.0)]}, {"samples/wer": [(5, 60.0), (10, 30.0), (15, 10.0)]}],
            ),
            "x": Learnt(statistics, {}, []),
        },
        tmp_path,
    )
    table = (tmp_path / "table.md").read_text().splitlines()
    assert table[2].startswith("| mel | 8 | 4 | 0.2 | 0.5 | 1.1 | 12.5 | 35 (step 10)")
    assert table[3].endswith("| - | - |")
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.long
def test_two_representations_are_trained_and_compared(manifest: Path, tmp_path: Path, wavcube_folder: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"""
model: {{preset: tiny, text_frontend: lowercase}}
data: {{train: [{{path: '{manifest}'}}], validation: [{{path: '{manifest}', limit: 3}}], cache: '{tmp_path / "cache"}'}}
batches: {{seconds: 8.0}}
optimizer: {{steps: 2, warmup: 1}}
samples: {{every: 0}}
validation: {{every: 1}}
run: {{save_every: 100}}
hardware: {{accelerator: cpu, devices: 1}}
"""
    )
    specs = {"log-mel": "logmel", "stage 2": f"wavcube:{wavcube_folder}"}
    found = compare_representations(specs, recipe, tmp_path / "out", seeds=(0, 1))
    assert found is not None
    assert {label: [step for step, _ in one.curves["validation/loss"]] for label, one in found.items()} == {
        "log-mel": [1, 2],
        "stage 2": [1, 2],
    }
    assert found["log-mel"].statistics.channels == 80
    weights = tmp_path / "out" / "stage-2" / "seed-1" / "model" / "model.safetensors"
    before = weights.read_bytes()
    assert [len(one.seeds) for one in found.values()] == [2, 2]
    assert found["log-mel"].seeds[0] != found["log-mel"].seeds[1]
    assert compare_representations(specs, recipe, tmp_path / "out", seeds=(0, 1)) == found  # nothing left to do
    assert weights.read_bytes() == before
    with pytest.raises(ConfigError, match="labels that differ"):
        compare_representations({"a b": "logmel", "a/b": "mfcc"}, recipe, tmp_path / "out")
