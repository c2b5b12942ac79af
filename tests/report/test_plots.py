from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tiernas.ledger import Candidate, Purpose, State
from tiernas.report import plot_front, plot_progress
from tiernas.testing.entries import entry
from tiernas.tiers import Tier

TIER = Tier(0.2, 0.4)
ENTRIES = [("a", 0.21, 0.70), ("b", 0.3, 0.98), ("c", 0.35, 0.985)]


def candidate(number: int, accuracy: float | None) -> Candidate:
    return Candidate(
        number=number,
        purpose=Purpose.SEARCH,
        estimated_latency_ms=0.2 + 0.01 * number,
        accuracy=accuracy,
        state=State.FAILED if accuracy is None else State.DONE,
    )


def colours(path: Path) -> int:
    return len(np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0))


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
    plot_progress({TIER: candidates}, full, "title")
    plot_progress({TIER: []}, empty, "title")
    assert colours(full) > colours(empty) > 1
