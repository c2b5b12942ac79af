from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tiernas.engines import Measurement
from tiernas.latency import measure_repeatedly, observing
from tiernas.testing.latency import measurement


@pytest.mark.parametrize(
    ("found", "times", "kept_ms"),
    [
        ([measurement(3.0)], 1, 3.0),
        ([measurement(2.0, unstable=True), measurement(3.0)], 2, 3.0),
        ([measurement(4.0, unstable=True), measurement(2.0, unstable=True), measurement(3.0, unstable=True)], 3, 2.0),
    ],
)
def test_unstable_networks_are_measured_again(
    monkeypatch: pytest.MonkeyPatch, found: Sequence[Measurement], times: int, kept_ms: float
) -> None:
    measured: list[Measurement] = []

    def measure(*_: Any) -> Measurement:
        measured.append(found[len(measured)])
        return measured[-1]

    monkeypatch.setattr(observing, "measure", measure)
    network: Any = None
    assert measure_repeatedly(network, attempts=3).latency_ms == kept_ms
    assert len(measured) == times
