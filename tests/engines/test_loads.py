"""Pooling of loads worked out by hand, and the loop on a network whose latency the test decides."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from tiernas.engines import CompiledNetwork, Measurement, NodeTime, SavedNetwork, StopRule, measure, measure_loads
from tiernas.engines.calibration import FloatArray
from tiernas.engines.loads import FEWEST, pool
from tiernas.engines.lock import lock_path
from tiernas.engines.timing import is_disturbed
from tiernas.testing.latency import FINGERPRINT, measurement


def loads(*medians_ms: float) -> list[Measurement]:
    """Measurements of loads with these medians, 100 runs each."""
    return [measurement(ms) for ms in medians_ms]


def test_pool_by_hand() -> None:
    found = pool(loads(1.01, 1.0, 1.02, 0.99, 1.0, 1.0, 1.05, 1.01, 0.9), spare_cores=1)
    assert (found.latency_ms, found.low_ms, found.high_ms) == (1.0, 0.99, 1.02)  # of 9 the 5th, 2nd and 8th
    assert (found.loads, found.runs) == (9, 900)
    assert found.load_cv == pytest.approx(0.040642, abs=1e-6)  # 0.040552 over 0.997778
    assert found.unstable  # 0.03 > 2 %
    assert not pool(loads(1.01, 1.0, 1.009, 0.995, 1.0, 1.0, 1.05, 1.01, 0.9), spare_cores=1).unstable


def test_percentiles_are_those_of_a_usual_load() -> None:
    each = [
        dataclasses.replace(load, p90_ms=1.1, p95_ms=1.2, p99_ms=p99_ms, cv=0.03, preemptions=2, other_load=0.1)
        for load, p99_ms in zip(loads(*[1.0] * 7), [2.0, 1.3, 1.4, 1.5, 9.0, 1.4, 1.3], strict=True)
    ]
    found = pool(each, spare_cores=0)
    assert (found.p90_ms, found.p95_ms, found.p99_ms, found.cv) == (1.1, 1.2, 1.4, 0.03)
    assert (found.preemptions, found.other_load) == (14, 0.1)
    assert (found.unstable, found.load_cv) == (False, 0.0)


def test_fewer_than_six_loads_are_unstable() -> None:
    assert pool(loads(*[1.0] * (FEWEST - 1)), spare_cores=1).unstable
    assert not pool(loads(*[1.0] * FEWEST), spare_cores=1).unstable


def test_one_disturbed_load_does_no_harm_and_many_do() -> None:
    good, bad = measurement(1.0), dataclasses.replace(measurement(1.3, unstable=True), preemptions=50)
    assert not pool([*[good] * 8, bad], spare_cores=1).unstable
    assert pool([*[good] * 8, *[bad] * 2], spare_cores=1).unstable
    assert is_disturbed(1000, 1.15, 101, 0.0, 1)
    assert pool([dataclasses.replace(good, other_load=1.3)] * 8, spare_cores=1).unstable


def test_device_state_is_that_before_the_first_and_after_the_last_load() -> None:
    each = [
        dataclasses.replace(load, device_state={"before": {"clock_mhz": n}, "after": {"clock_mhz": n + 1}})
        for n, load in enumerate(loads(*[1.0] * 6))
    ]
    assert pool(each, spare_cores=1).device_state == {"before": {"clock_mhz": 0}, "after": {"clock_mhz": 6}}


def test_interruptions_of_long_runs_are_counted_per_second() -> None:
    """Ten runs of 200 ms in each of 8 loads take 16 s, in which 160 interruptions do no harm."""
    long = dataclasses.replace(measurement(200.0), runs=10, preemptions=20)
    assert not pool([long] * 8, spare_cores=1).unstable
    assert pool([*[long] * 7, dataclasses.replace(long, preemptions=21)], spare_cores=1).unstable


class Network(CompiledNetwork):
    """Takes as long as it is told, load by load."""

    def __init__(self, times_ms: Iterator[float]) -> None:
        self.fingerprint = dataclasses.replace(FINGERPRINT, device="a device of test_loads")
        self.input_shape = (1, 3, 8, 8)
        self._times_ms = times_ms
        self._time_ms = next(times_ms)
        self.reloads = 0

    def run(self, images: FloatArray) -> FloatArray:
        return images

    def infer(self) -> None:
        time.sleep(1e-4)

    def time_ns(self) -> int:
        self.infer()
        return round(1e6 * self._time_ms)

    def reload(self) -> None:
        self._time_ms = next(self._times_ms)
        self.reloads += 1

    def profile(self) -> Sequence[NodeTime]:
        return ()

    def save(self, folder: Path) -> SavedNetwork:
        raise NotImplementedError

    def close(self) -> None:
        pass


def test_loads_that_agree_end_it_at_six() -> None:
    network = Network(itertools.cycle([50.0, 50.2]))
    found = measure_loads(network, limit_s=1.0)
    assert (found.loads, network.reloads, found.unstable) == (6, 5, False)
    assert found.latency_ms == pytest.approx(50.1)
    assert (found.low_ms, found.high_ms) == pytest.approx((50.0, 50.2))


def test_loads_are_added_while_they_disagree() -> None:
    found = measure_loads(Network(itertools.chain([48.0, 52.0], itertools.repeat(50.0))), limit_s=1.0)
    assert (found.loads, found.unstable) == (
        9,
        False,
    )  # the first number of loads of which the extremes may be left out
    assert found.latency_ms == 50.0


def test_loads_that_never_agree_are_unstable() -> None:
    found = measure_loads(Network(itertools.cycle([48.0, 52.0])), limit_s=0.1)
    assert found.unstable
    assert found.loads >= FEWEST
    assert found.load_cv == pytest.approx(0.04, abs=0.005)


class Watched(Network):
    """Notes whether the device is free for others while it is timed and loaded anew."""

    def __init__(self) -> None:
        super().__init__(itertools.repeat(50.0))
        self.free: list[bool] = []

    def time_ns(self) -> int:
        self.free.append(self.is_free())
        return super().time_ns()

    def reload(self) -> None:
        self.free.append(self.is_free())
        super().reload()

    def is_free(self) -> bool:
        """Whether the lock of the device can be had, as another process would try."""
        try:
            with FileLock(lock_path(self.fingerprint.device_slug), timeout=0):
                return True
        except Timeout:
            return False


@pytest.mark.parametrize(
    "clock", [partial(measure, rule=StopRule(0.0, 1.0, 0.0, 0.01)), partial(measure_loads, limit_s=0.01)]
)
def test_the_device_is_locked_while_a_network_is_timed(clock: Callable[[CompiledNetwork], Measurement]) -> None:
    network = Watched()
    clock(network)
    assert network.free
    assert not any(network.free)
    assert network.is_free()
