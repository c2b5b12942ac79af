from __future__ import annotations

import gc
import itertools
import math
import subprocess
import sys
import time

import numpy as np
import pytest

from tiernas.engines import StopRule
from tiernas.engines.timing import interval_rank, measure_call, median_and_interval, summarise


@pytest.mark.parametrize(
    ("n", "rank"),
    [
        (5, 1),  # 2/32 > 5 %: no pair reaches 95 %, the extremes are all there is
        (6, 1),  # 2 * 1/64 = 3.1 %
        (8, 1),  # 2 * (1 + 8)/256 = 7.0 % is too much for rank 2
        (9, 2),  # 2 * (1 + 9)/512 = 3.9 %
        (10, 2),  # 2 * (1 + 10)/1024 = 2.1 %; rank 3: 2 * (1 + 10 + 45)/1024 = 10.9 %
        (25, 8),  # textbook tables of the sign test
        (100, 40),
    ],
)
def test_rank_by_hand(n: int, rank: int) -> None:
    assert interval_rank(n) == rank


@pytest.mark.parametrize("n", [6, 7, 20, 101, 500])
def test_rank_is_the_largest_that_covers(n: int) -> None:
    def misses(rank: int) -> float:
        return float(2 * sum(math.comb(n, k) for k in range(rank)) / 2**n)

    assert misses(interval_rank(n)) <= 0.05 < misses(interval_rank(n) + 1)


def test_interval_by_hand() -> None:
    times = np.array([3.0, 1.0, 10.0, 2.0, 7.0, 5.0, 4.0, 8.0, 6.0, 9.0])
    assert median_and_interval(times) == (5.5, 2.0, 9.0)


def test_interval_covers_the_median_of_a_skewed_distribution() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        _, low, high = median_and_interval(rng.lognormal(size=51))
        hits += low <= 1.0 <= high
    assert hits >= 940


def test_summary_by_hand() -> None:
    found = summarise([2.0] * 50 + [4.0] * 2 + [2.0] * 48, relative_width=0.01)
    assert (found.latency_ms, found.low_ms, found.high_ms, found.runs) == (2.0, 2.0, 2.0, 100)
    assert found.p90_ms == 2.0
    assert found.cv == pytest.approx(0.28 / 2.04)  # variance 0.02 * 0.98 * 2^2
    assert not found.unstable


def test_drift_is_unstable() -> None:
    assert summarise([1.0] * 60 + [1.025] * 60, relative_width=0.2).unstable
    assert not summarise([1.0] * 60 + [1.015] * 60, relative_width=0.2).unstable


def test_wide_interval_is_unstable() -> None:
    assert summarise([1.0, 2.0] * 20, relative_width=0.01).unstable


def test_interrupted_runs_are_unstable() -> None:
    assert not summarise([1.0] * 100, 0.01, preemptions=10).unstable
    assert summarise([1.0] * 100, 0.01, preemptions=11).unstable
    assert not summarise([200.0] * 10, 0.01, preemptions=20).unstable  # in 2 s
    assert summarise([200.0] * 10, 0.01, preemptions=21).unstable


def test_a_crowded_machine_is_unstable() -> None:
    assert not summarise([1.0] * 100, 0.01, other_load=1.2, spare_cores=1).unstable
    assert summarise([1.0] * 100, 0.01, other_load=1.3, spare_cores=1).unstable


def test_load_of_others_is_noticed_and_ones_own_is_not() -> None:
    def busy_ns() -> int:
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:
            pass
        return 5_000_000

    rule = StopRule(warmup_s=0.0, min_s=0.3, limit_s=0.5)
    before = measure_call(busy_ns, rule).other_load
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            time.sleep(0.2)
            assert measure_call(busy_ns, rule).other_load > min(before, 1.0) + 0.2
        finally:
            other.kill()


def test_warm_up_is_not_timed_and_garbage_is_not_collected() -> None:
    calls = itertools.count(1)
    collecting = []

    def infer() -> int:
        next(calls)
        collecting.append(gc.isenabled())
        return 1000

    found = measure_call(infer, StopRule(warmup_s=0.01, min_s=0.01, limit_s=0.05))
    assert not any(collecting)
    assert gc.isenabled()
    assert found.runs < next(calls) - 1


def test_it_is_timed_for_the_least_time_even_if_the_median_is_known_at_once() -> None:
    def sleep_ns() -> int:
        time.sleep(0.002)
        return 2_000_000

    begin = time.perf_counter()
    found = measure_call(sleep_ns, StopRule(warmup_s=0.0, min_s=0.2, limit_s=5.0))
    assert time.perf_counter() - begin >= 0.2
    assert found.runs > 10  # after which the interval is looked at first
    assert measure_call(sleep_ns, StopRule(warmup_s=0.0, min_s=0.0, limit_s=5.0)).runs == 10


def test_time_limit_ends_a_restless_measurement() -> None:
    pause_s = itertools.cycle([0.001, 0.004])

    def sleep_ns() -> int:
        begin = time.perf_counter_ns()
        time.sleep(next(pause_s))
        return time.perf_counter_ns() - begin

    found = measure_call(sleep_ns, StopRule(warmup_s=0.0, min_s=0.0, limit_s=0.1))
    assert found.unstable
    assert found.runs < 100
