from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from tiernas.ledger import Candidate, Purpose, State
from tiernas.report import plot_front, plot_progress
from tiernas.report.plots import _scale_accuracy, short_name
from tiernas.testing.entries import entry
from tiernas.tiers import Tier

TIER = Tier(0.2, 0.4)
ENTRIES = [("a", 0.21, 0.70), ("b", 0.3, 0.98), ("c", 0.35, 0.985)]


def candidate(number: int, accuracy: float | None) -> Candidate:
    return Candidate(
        index=number,
        purpose=Purpose.SEARCH,
        estimated_latency_ms=0.2 + 0.01 * number,
        accuracy=accuracy,
        state=State.FAILED if accuracy is None else State.DONE,
    )


@pytest.mark.parametrize(
    "accuracies", [[0.1, 0.5, 0.97, 1.0], [0.0, 0.2], [0.52, 0.53, 0.54], [0.9, 0.9], [1.0], [0.0]]
)
def test_no_point_is_cut_and_the_better_is_higher(accuracies: list[float]) -> None:
    figure, axes = plt.subplots()
    axes.scatter(range(len(accuracies)), accuracies)
    _scale_accuracy(axes, accuracies, [entry("a", accuracy=0.95)] if len(accuracies) > 2 else [])
    figure.canvas.draw()
    low, high = axes.get_ylim()
    assert all(low < accuracy < high for accuracy in accuracies)
    heights = axes.transData.transform([(0.0, accuracy) for accuracy in sorted(set(accuracies))])[:, 1]
    assert (np.diff(heights) > 0).all()
    if accuracies[0] == 0.1:
        assert heights[-1] - heights[-2] > 0.1 * (heights[-1] - heights[0]), "97 and 100 % are apart"
    plt.close(figure)


def test_stars_are_named_by_tier_and_rank() -> None:
    made = replace(entry("x", latency_ms=0.3), study="mine, tier 0.2-0.4 ms", engine="torch-compile")
    named = replace(made, name=f"mine-0.2-0.4-1-torch-compile-{made.precision}-{made.digest}")
    assert short_name(named) == "0.2-0.4-1"
    assert short_name(replace(made, name="old-name")) == "old-name"


def colours(path: Path) -> int:
    return len(np.unique(np.asarray(Image.open(path).convert("RGB")) @ np.array([1 << 16, 1 << 8, 1])))


def test_plots_are_drawn_with_and_without_results(tmp_path: Path) -> None:
    candidates = [candidate(i, accuracy) for i, accuracy in enumerate([0.7, None, 0.8, 0.75])]
    full, empty = tmp_path / "full.png", tmp_path / "empty.png"
    plot_front({TIER: candidates}, [entry("a", latency_ms=0.3, accuracy=0.78)], full, "title")
    plot_front({TIER: []}, [], empty, "title")
    assert colours(full) > colours(empty) > 1
    tested = [replace(entry(name, ms, accuracy), test_images=270) for name, ms, accuracy in ENTRIES]
    plot_front({TIER: candidates}, tested, full, "title")
    assert colours(full) > colours(empty)
    published = replace(entry("d", 0.4, 0.99), source="a paper", network="gpunet_0")
    beside = tmp_path / "beside.png"
    plot_front({TIER: candidates}, tested, beside, "title", [published])
    assert beside.read_bytes() != full.read_bytes()
    rival = replace(entry("e", 0.35, 0.97), network="resnet20@32", rival=True)
    judged = tmp_path / "judged.png"
    plot_front({TIER: candidates}, [*tested, rival], judged, "title")
    assert judged.read_bytes() != full.read_bytes()
    plot_progress({TIER: candidates}, full, "title")
    plot_progress({TIER: []}, empty, "title")
    assert colours(full) > colours(empty) > 1
