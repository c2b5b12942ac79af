from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tiernas.ledger import Candidate, Purpose, State
from tiernas.report import pareto_front, plot_front, plot_progress
from tiernas.table import Entry
from tiernas.testing.entries import entry
from tiernas.tiers import Tier

TIER = Tier(0.2, 0.4)


def candidate(number: int, accuracy: float | None) -> Candidate:
    return Candidate(
        number=number,
        purpose=Purpose.SEARCH,
        estimated_latency_ms=0.2 + 0.01 * number,
        accuracy=accuracy,
        state=State.FAILED if accuracy is None else State.DONE,
    )


def test_pareto_front_holds_what_nothing_beats() -> None:
    def named(name: str, latency_ms: float, accuracy: float) -> Entry:
        return entry(name, latency_ms=latency_ms, accuracy=accuracy)

    entries = [named("d", 0.9, 0.90), named("a", 0.2, 0.80), named("b", 0.4, 0.79), named("c", 0.5, 0.91)]
    assert [e.name for e in pareto_front([*entries, named("e", 0.5, 0.90)])] == ["a", "c"]
    assert pareto_front([]) == []


def colours(path: Path) -> int:
    return len(np.unique(np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3), axis=0))


def test_plots_are_drawn_with_and_without_results(tmp_path: Path) -> None:
    candidates = [candidate(i, accuracy) for i, accuracy in enumerate([0.7, None, 0.8, 0.75])]
    full, empty = tmp_path / "full.png", tmp_path / "empty.png"
    plot_front({TIER: candidates}, [entry("a", latency_ms=0.3, accuracy=0.78)], full, "title")
    plot_front({TIER: []}, [], empty, "title")
    assert colours(full) > colours(empty) > 1
    plot_progress({TIER: candidates}, full, "title")
    plot_progress({TIER: []}, empty, "title")
    assert colours(full) > colours(empty) > 1
