"""What kits measured is looked up, on the scale of the table."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tiernas.devices.carried import WaitsForKitError, carried_engine
from tiernas.engines import Measurement
from tiernas.kit_clock import KitClock
from tiernas.latency import LatencyTable
from tiernas.runner.results import ResultsFile
from tiernas.testing.latency import FINGERPRINT, HEADER, SPACE, in_turn, records_in_turn
from tiernas.tiers import Tier

TIER = Tier(0.1, 1e5)
ARCHITECTURE = SPACE.decode(SPACE.sample(1, 3)[0])


@pytest.fixture(scope="module")
def table() -> LatencyTable:
    return LatencyTable(HEADER, records_in_turn(16))


def write(path: Path, measured: list[Measurement]) -> None:
    """What a kit writes about one network."""
    file = ResultsFile(path, {"plan": "0" * 64, "about": {}, "fingerprint": FINGERPRINT.to_dict()})
    for found in measured:
        result: dict[str, Any] = {
            "network": 0,
            "about": {"digest": ARCHITECTURE.digest},
            "graph": "0" * 16,
            "measurement": dataclasses.asdict(found),
            "nodes": [],
            "before": {},
            "after": {},
            "disturbed": [],
            "tries": 1,
        }
        file.append(result)


def clock(table: LatencyTable, folder: Path) -> KitClock:
    return KitClock(lambda: table, carried_engine(FINGERPRINT), 1.0, folder)


def test_a_network_that_was_not_measured_is_waited_for(table: LatencyTable, tmp_path: Path) -> None:
    with clock(table, tmp_path) as empty, pytest.raises(WaitsForKitError, match=r"tier 0\.1-.* AMD EPYC 7763 first"):
        empty.measure_architecture(ARCHITECTURE, 10, TIER)


def test_the_latency_is_on_the_scale_of_the_table_whatever_the_kit_saw(table: LatencyTable, tmp_path: Path) -> None:
    (anchor, anchor_ms), *_ = table.anchors_ms.items()
    write(tmp_path / "a.jsonl", [in_turn(2.0, 3.7 * anchor_ms, anchor=anchor)])
    with clock(table, tmp_path) as kit:
        found = kit.measure_architecture(ARCHITECTURE, 10, TIER)
    assert found.latency_ms == pytest.approx(2.0 * anchor_ms)
    assert found.in_turn is not None
    assert found.in_turn.anchor_ms == anchor_ms


def test_of_several_measurements_the_narrowest_counts(table: LatencyTable, tmp_path: Path) -> None:
    (anchor, anchor_ms), *_ = table.anchors_ms.items()
    for name, ratios in (("a", [(2.2, 0.05), (2.1, 0.02)]), ("b", [(2.0, 0.004), (1.9, 0.03)])):
        measured = [in_turn(ratio, anchor_ms, anchor=anchor, half_width=half) for ratio, half in ratios]
        write(tmp_path / f"{name}.jsonl", measured)
    with clock(table, tmp_path) as kit:
        assert kit.measure_architecture(ARCHITECTURE, 10, TIER).latency_ms == pytest.approx(2.0 * anchor_ms)


def test_the_anchor_of_a_tier_is_that_of_the_table(table: LatencyTable, tmp_path: Path) -> None:
    with clock(table, tmp_path) as kit:
        rungs = table.ladder(kit.engine).rungs
        low, high = kit.rung(Tier(0.0, 0.01)), kit.rung(Tier(1e4, 1e5))
        assert (low, high) == (0, len(rungs) - 1)
        assert kit.measures_once
