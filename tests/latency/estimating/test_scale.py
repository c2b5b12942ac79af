"""The scale of a table: what its anchors take, found again from synthetic measurements whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.latency import LatencyTable, Observation
from tiernas.latency.estimating.equations import equations_of
from tiernas.latency.estimating.scale import find_scale, on_scale
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.testing.latency import HEADER, SPACE, in_turn, measurement, records, records_in_turn, true_layer_ms

BETWEEN = 2.5
"""From an anchor to the next, how many times as long it takes."""


def observed(graph: str, anchor: int, loud: float = 1.0, ratio: float = 1.3, width: float = 0.01) -> Observation:
    """A network measured in turn with the anchor of that number, of `BETWEEN ** number` ms."""
    found = in_turn(ratio, BETWEEN**anchor, anchor=f"anchor {anchor}", loud=loud, half_width=width)
    return Observation(graph, found, (1.0,))


def tie(number: int, ratio: float = BETWEEN, width: float = 0.01, loud: float = 1.0) -> Observation:
    """An anchor measured in turn with the one before it."""
    return observed(f"anchor {number}", number - 1, loud, ratio, width)


def anchors_ms(observations: list[Observation]) -> list[float]:
    """Latencies of the anchors by their numbers."""
    scale = find_scale(observations)
    assert scale is not None
    return [scale.anchors_ms[name] for name in sorted(scale.anchors_ms)]


def test_nothing_in_turn_is_no_scale() -> None:
    assert find_scale([Observation("0" * 16, measurement(1.0), (1.0,))]) is None
    table = LatencyTable(HEADER, records(8))
    assert table.anchors_ms == {}
    summary = table.summary()
    assert [summary[key] for key in ("quiet", "scale_low", "scale_high", "as_found")] == [None] * 4


@given(
    seed=st.integers(0, 2**32 - 1),
    networks=st.integers(20, 60),
    quiet=st.floats(0.25, 1.0),
    loudest=st.floats(1.2, 10.0),
)
def test_the_scale_is_found_though_most_moments_are_loud(
    seed: int, networks: int, quiet: float, loudest: float
) -> None:
    rng = np.random.default_rng(seed)
    is_quiet = rng.permutation(np.arange(networks) < quiet * networks)
    louds = np.where(is_quiet, rng.uniform(1.0, 1.02, networks), rng.uniform(1.2, loudest, networks))
    anchors = rng.integers(0, 4, networks)
    ties = [tie(number, BETWEEN * rng.uniform(0.995, 1.005), loud=loudest) for number in (1, 2, 3)]
    found = [observed("x", int(anchor), float(loud)) for anchor, loud in zip(anchors, louds, strict=True)]
    scale = find_scale([*found, *ties, observed("x", 3)])
    assert scale is not None
    for name, ms in scale.anchors_ms.items():
        assert ms == pytest.approx(BETWEEN ** int(name[-1]), rel=0.05)
    assert scale.low <= 1 <= scale.high


def test_an_anchor_that_met_loud_moments_only_has_its_latency_by_its_tie() -> None:
    louds = [observed("x", 1, loud=2.0) for _ in range(4)]
    assert anchors_ms([*(observed("x", 0) for _ in range(30)), *louds, tie(1)]) == pytest.approx([1, BETWEEN], rel=0.01)


def test_an_anchor_without_a_tie_has_what_it_was_seen_to_take() -> None:
    untied = [observed("x", number) for number in (0, 1) for _ in range(5)]
    assert anchors_ms(untied) == pytest.approx([1, BETWEEN])


def test_a_tie_counts_by_its_interval() -> None:
    seen = [observed("x", number) for number in (0, 1) for _ in range(5)]
    sure, unsure = tie(1), tie(1, ratio=2 * BETWEEN, width=1.0)
    low_ms, high_ms = anchors_ms([*seen, sure, unsure])
    assert high_ms / low_ms == pytest.approx(BETWEEN, rel=0.01)
    low_ms, high_ms = anchors_ms([*seen, unsure])
    assert high_ms / low_ms == pytest.approx(BETWEEN, rel=0.2)


def test_a_quiet_machine_and_one_that_never_was() -> None:
    quiet = find_scale([observed("x", 0, loud=1 + 0.001 * i) for i in range(48)])
    noisy = find_scale([observed("x", 0, loud=1.1**i) for i in range(48)])
    assert quiet is not None
    assert noisy is not None
    assert (quiet.is_quiet, noisy.is_quiet) == (True, False)
    # a tenth of 48 is 4.7; as many below as 10 are met in less than one of 40 cases
    assert noisy.low == pytest.approx(1.1**-4.7)
    assert noisy.high == pytest.approx(1.1 ** (9 - 4.7))
    assert noisy.as_found == pytest.approx(1.1 ** (23.5 - 4.7), rel=0.01)
    assert noisy.words.startswith("the machine was never quiet: the scale is known within 51 %")


def test_a_measurement_goes_with_the_scale() -> None:
    found = on_scale(in_turn(2.0, 3.0, half_width=0.1), {"anchor": 5.0})
    assert (found.latency_ms, found.found_ms) == (10.0, 6.0)
    assert (found.low_ms, found.high_ms) == pytest.approx((10 / 1.1, 11.0))
    assert found.in_turn is not None
    assert found.in_turn.anchor_ms == 5.0
    for other in (measurement(2.0), in_turn(2.0, 3.0, anchor="another")):
        assert on_scale(other, {"anchor": 5.0}) == other


def test_a_table_measured_in_loud_moments_tells_what_networks_take_undisturbed() -> None:
    measured = records_in_turn(48, noise=0.005, louds=[3.0, 1.5, 5.0, 1.0, 2.0])
    table = LatencyTable(HEADER, measured)
    fresh = SPACE.sample(40, seed=77)
    true_ms = np.array([true_layer_ms(SPACE.decode(row)).sum() for row in fresh])
    assert np.abs(table.estimate(fresh) / true_ms - 1).mean() < 0.02
    summary = table.summary()
    assert summary["as_found"] == pytest.approx(2.0, rel=0.02)
    assert summary["cv_mape"] < 4
    assert summary["disturbed"] == 0
    assert not summary["quiet"]


def test_a_table_that_was_scaled_once_is_scaled_the_same_again() -> None:
    once = LatencyTable(HEADER, records_in_turn(24, noise=0.02, louds=[1.0, 1.3]))
    again = LatencyTable(HEADER, once.records)
    assert again.anchors_ms == pytest.approx(once.anchors_ms)
    np.testing.assert_allclose(again.measured_ms, once.measured_ms)


def test_records_that_are_known_better_weigh_more() -> None:
    measured = records_in_turn(12)
    for index, half_width in ((3, 0.01), (4, 0.03), (5, 0.1)):
        found = measured[index].observation.measurement.in_turn
        assert found is not None
        wide = in_turn(found.ratio, found.anchor_ms, anchor=found.anchor, half_width=half_width)
        measured[index] = replace(measured[index], observation=replace(measured[index].observation, measurement=wide))
    found_weights = equations_of(SPACE, measured).weight[3:6]
    # 2 ln 1.01 / 4 = 0.5 %, 1.5 % and 4.8 %, against 1.5 % that a fit leaves unexplained
    np.testing.assert_allclose(found_weights, [0.901, 0.507, 0.09], rtol=0.01)


def test_a_rung_that_no_network_was_measured_with_is_on_the_scale_too() -> None:
    names = [f"rung {number}" for number in range(len(rungs_of(SPACE)))]
    measured = [
        record
        for record in records_in_turn(16, louds=[2.0, 1.0])
        if record.observation.measurement.in_turn and record.observation.measurement.in_turn.anchor != names[-1]
    ]
    table = LatencyTable(HEADER, measured)
    assert table.scale is not None
    assert names[-1] not in table.scale.anchors_ms
    true_ms = [true_layer_ms(rung.architecture).sum() for rung in rungs_of(SPACE)]
    assert [table.anchors_ms[name] for name in names] == pytest.approx(true_ms, rel=0.01)
