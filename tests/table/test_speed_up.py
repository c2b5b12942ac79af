"""How many times as fast as others a network is: what must hold of any figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.table.speed_up import points_more, speed_up, times_as_fast
from tiernas.table.ties import pareto_front


@dataclass(frozen=True)
class Network:
    latency_ms: float
    accuracy: float
    accuracies: tuple[float, ...] = ()
    test_images: int | None = 1000
    spread: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "accuracies", self.accuracies or (self.accuracy,))

    @property
    def latency_interval_ms(self) -> tuple[float, float]:
        return self.latency_ms * (1 - self.spread), self.latency_ms * (1 + self.spread)


networks = st.builds(Network, st.floats(0.01, 100), st.floats(0.05, 0.95))
several = st.lists(networks, min_size=1, max_size=6)


def times(found: Network, others: Sequence[Network]) -> float:
    return times_as_fast(found.latency_ms, found.accuracy, [o.latency_ms for o in others], [o.accuracy for o in others])


@given(several)
def test_a_network_on_the_front_is_as_fast_as_the_front(others: list[Network]) -> None:
    for each in pareto_front(others):
        assert times(each, others) == 1.0


@given(networks, several, st.floats(0.1, 10))
def test_the_ratio_grows_with_the_latencies_of_the_others(found: Network, others: list[Network], factor: float) -> None:
    """And a scale that all latencies share does not matter."""
    slower = [replace(o, latency_ms=factor * o.latency_ms) for o in others]
    before, after = times(found, others), times(found, slower)
    if not math.isnan(before) and not math.isnan(after):
        assert after == pytest.approx(factor * before)
    same = times(replace(found, latency_ms=factor * found.latency_ms), slower)
    assert same == pytest.approx(before, nan_ok=True)


@given(networks, several, networks)
def test_one_more_network_never_helps(found: Network, others: list[Network], more: Network) -> None:
    before, after = times(found, others), times(found, [*others, more])
    if not math.isnan(before) and not math.isnan(after):
        # an inner point of the front may bend it, but never beyond the network that bounds it
        fastest = [o.latency_ms for o in (*others, more) if o.accuracy >= found.accuracy]
        assert after == math.inf or after <= min(fastest) / found.latency_ms * (1 + 1e-9)


def test_halfway_between_two_networks_the_logarithm_is_halfway() -> None:
    others = [Network(1.0, 0.8), Network(4.0, 0.9), Network(9.0, 0.85)]  # the last one is beaten
    assert times(Network(1.0, 0.85), others) == pytest.approx(2.0)
    assert times(Network(2.0, 0.91), others) == math.inf
    assert times(Network(2.0, 0.7), others) == pytest.approx(0.5)  # beaten in both
    assert math.isnan(times(Network(0.5, 0.7), others))  # faster and less accurate than all
    assert math.isnan(times(Network(0.5, 0.7), []))


def test_points_at_equal_latency() -> None:
    others = [Network(1.0, 0.8), Network(4.0, 0.9), Network(9.0, 0.85)]
    assert points_more(Network(2.0, 0.87), others).value == pytest.approx(2.0)
    assert points_more(Network(20.0, 0.87), others).value == pytest.approx(-3.0)
    assert points_more(Network(4.0, 0.9), others).value == pytest.approx(0.0)
    assert math.isnan(points_more(Network(0.5, 0.99), others).value)


def test_the_interval_contains_the_ratio_and_says_the_same_every_time() -> None:
    others = [Network(2.0, 0.8), Network(8.0, 0.9)]
    found = speed_up(Network(2.0, 0.85), others)
    assert found.value == pytest.approx(2.0)
    assert found.low < found.value < found.high
    assert speed_up(Network(2.0, 0.85), others) == found


def test_more_images_narrow_it_and_differing_seeds_widen_it() -> None:
    others = [Network(2.0, 0.8), Network(8.0, 0.9)]
    few = speed_up(Network(2.0, 0.85), others)
    many = speed_up(replace(Network(2.0, 0.85), test_images=10**6), [replace(o, test_images=10**6) for o in others])
    seeds = [replace(o, test_images=10**6, accuracies=(o.accuracy - 0.03, o.accuracy + 0.03)) for o in others]
    noisy = speed_up(replace(Network(2.0, 0.85), test_images=10**6), seeds)
    assert few.low < many.low < many.high < few.high
    assert noisy.high - noisy.low > 3 * (many.high - many.low)


def test_near_the_most_accurate_the_upper_end_is_open() -> None:
    found = speed_up(Network(2.0, 0.9), [Network(2.0, 0.8), Network(8.0, 0.9)])
    assert found.value == pytest.approx(4.0)
    assert found.high == math.inf
    assert 1 < found.low < 4
