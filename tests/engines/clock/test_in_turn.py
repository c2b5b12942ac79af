from __future__ import annotations

import dataclasses
import gc
import json
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tiernas.engines import Measurement, TurnRule
from tiernas.engines.calibration import FloatArray
from tiernas.engines.clock.ratio import Ratio
from tiernas.engines.engine import CompiledNetwork, NodeTime
from tiernas.engines.saved import SavedNetwork
from tiernas.errors import TiernasError
from tiernas.testing.latency import FINGERPRINT

ANCHOR_MS, TRUE = 10.0, 1.74
FAST = TurnRule(min_s=0.05, limit_s=0.1)


class Synthetic(CompiledNetwork):
    """Says that an inference took what a function of the inferences so far tells, in ms."""

    def __init__(self, time_ms: Callable[[int], float]) -> None:
        self.fingerprint = dataclasses.replace(FINGERPRINT, device="a device of test_in_turn")
        self.input_shape = (1, 3, 8, 8)
        self._time_ms = time_ms
        self.inferences = self.reloads = 0

    def run(self, images: FloatArray) -> FloatArray:
        return images

    def infer(self) -> None:
        time.sleep(2e-4)

    def time_ns(self) -> int:
        self.infer()
        self.inferences += 1
        return round(1e6 * self._time_ms(self.inferences))

    def reload(self) -> None:
        self.reloads += 1

    def profile(self) -> Sequence[NodeTime]:
        return ()

    def save(self, folder: Path) -> SavedNetwork:
        raise NotImplementedError

    def close(self) -> None:
        pass


def noisy(latency_ms: float, seed: int) -> Synthetic:
    rng = np.random.default_rng(seed)
    return Synthetic(lambda _: latency_ms * math.exp(0.005 * rng.standard_normal()))


def test_known_ratio_is_found() -> None:
    anchor = noisy(ANCHOR_MS, 0).anchor("the anchor")
    found = anchor.measure(noisy(TRUE * ANCHOR_MS, 1), TurnRule(min_s=0.2, limit_s=0.5))
    assert found.in_turn is not None
    assert found.in_turn.ratio == pytest.approx(TRUE, rel=0.01)
    assert found.in_turn.ratio_low <= found.in_turn.ratio <= found.in_turn.ratio_high
    assert found.in_turn.anchor == "the anchor"
    assert found.in_turn.anchor_ms == pytest.approx(ANCHOR_MS, rel=0.02)
    assert found.latency_ms == pytest.approx(found.in_turn.ratio * found.in_turn.anchor_ms)
    assert found.low_ms == pytest.approx(found.in_turn.ratio_low * found.in_turn.anchor_ms)
    assert found.high_ms == pytest.approx(found.in_turn.ratio_high * found.in_turn.anchor_ms)
    assert found.found_ms == pytest.approx(TRUE * ANCHOR_MS, rel=0.01)
    assert not found.unstable


def test_known_latency_of_the_anchor_is_the_scale() -> None:
    anchor = noisy(ANCHOR_MS, 0).anchor("the anchor", known_ms=20.0)
    found = anchor.measure(noisy(TRUE * ANCHOR_MS, 1), FAST)
    assert found.in_turn is not None
    assert found.in_turn.anchor_ms == 20.0
    assert found.in_turn.anchor_found_ms == pytest.approx(ANCHOR_MS, rel=0.02)
    assert found.latency_ms == pytest.approx(20.0 * found.in_turn.ratio)


def test_time_that_is_over_ends_it_at_eight_pairs() -> None:
    found = noisy(ANCHOR_MS, 0).anchor("the anchor").measure(noisy(ANCHOR_MS, 1), TurnRule(limit_s=0.0))
    assert found.in_turn is not None
    assert found.in_turn.pairs == 8
    assert math.isfinite(found.high_ms)


def test_wide_interval_is_marked() -> None:
    rng = np.random.default_rng(0)
    network = Synthetic(lambda _: 20 * math.exp(0.3 * rng.standard_normal()))
    assert noisy(ANCHOR_MS, 0).anchor("the anchor").measure(network, FAST).unstable


@pytest.mark.parametrize(("reload_s", "reloads"), [(None, False), (0.01, True)])
def test_reloads_are_counted(reload_s: float | None, reloads: bool) -> None:
    network = noisy(20.0, 1)
    rule = dataclasses.replace(FAST, reload_s=reload_s)
    found = noisy(ANCHOR_MS, 0).anchor("the anchor").measure(network, rule)
    assert found.loads == 1 + network.reloads
    assert (network.reloads > 0) == reloads


@pytest.mark.parametrize("zero_at", [3, 12])
def test_times_of_zero_are_refused(zero_at: int) -> None:
    network = Synthetic(lambda inference: 0.0 if inference == zero_at else 20.0)
    with pytest.raises(TiernasError, match="less time than the clock can resolve"):
        noisy(ANCHOR_MS, 0).anchor("the anchor").measure(network, FAST)
    assert gc.isenabled()


def test_fast_networks_run_untimed_first_and_take_turns_of_several() -> None:
    slow, fast = noisy(30.0, 0), noisy(2.0, 1)
    found = slow.anchor("the anchor").measure(fast, TurnRule(limit_s=0.0))
    assert found.in_turn is not None
    assert found.runs == 5 * found.in_turn.pairs
    assert fast.inferences == 4 + 6 * found.in_turn.pairs
    assert slow.inferences == 4 + 1 + found.in_turn.pairs


RULE = TurnRule(relative_width=0.02, min_s=2.0, limit_s=10.0)


@pytest.mark.parametrize(
    ("width", "quiet_pairs", "elapsed_s", "is_over"),
    [
        (0.01, 8, 2.0, True),
        (0.01, 8, 1.9, False),  # too early
        (0.01, 7, 9.9, False),  # agree, but beside a neighbour
        (0.03, 8, 9.9, False),
        (0.03, 0, 10.0, True),  # the limit
        (math.inf, 0, 10.0, False),  # no interval yet
    ],
)
def test_rule_by_hand(width: float, quiet_pairs: int, elapsed_s: float, is_over: bool) -> None:
    ratio = Ratio(1.0, 1.0 - width / 2, 1.0 + width / 2, 1.0, 100, quiet_pairs)
    assert RULE.is_over(ratio, elapsed_s) == is_over


def test_a_quiet_moment_is_waited_for() -> None:
    rule = dataclasses.replace(RULE, patience=3.0)
    loud, quiet = Ratio(1.0, 0.9, 1.1, 1.0, 100, 7), Ratio(1.0, 0.9, 1.1, 1.0, 100, 8)
    assert not rule.is_over(loud, 10.0)
    assert rule.is_over(quiet, 10.0)
    assert rule.is_over(loud, 30.0)


def test_looks_come_an_eighth_later() -> None:
    assert [RULE.next_look(n) for n in (0, 8, 9, 80)] == [8, 9, 10, 90]


def test_measurement_is_read_from_json() -> None:
    found = noisy(ANCHOR_MS, 0).anchor("the anchor").measure(noisy(20.0, 1), FAST)
    assert Measurement.from_dict(json.loads(json.dumps(dataclasses.asdict(found)))) == found


def test_a_trace_has_the_turns_of_both() -> None:
    trace = noisy(ANCHOR_MS, 0).anchor("the anchor").trace(noisy(TRUE * ANCHOR_MS, 1), 0.2)
    assert len(trace.pairs.at_s) >= 8
    assert np.median(trace.pairs.log_ratios) == pytest.approx(math.log(TRUE), abs=0.01)
    assert trace.level.undisturbed_ms == pytest.approx(ANCHOR_MS, rel=0.02)
