"""Noise of traces that are made up, and of this machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import CommandLine

from tiernas.doctor import Noise, NoiseTrial, noise_of
from tiernas.engines import TurnRule, get_engine
from tiernas.engines.clock.level import level_of
from tiernas.engines.clock.ratio import Pairs
from tiernas.errors import UsageError
from tiernas.latency.estimating.build import RULE as TABLE_RULE
from tiernas.spaces import get_space

RULE = TurnRule(relative_width=0.02, min_s=2.0, limit_s=10.0)


def noise(
    *, seconds: float = 20.0, spread: float = 0.003, differ: float = 1.0, slower: float = 1.0, disturbed: float = 0.0
) -> Noise:
    """Turns of two copies that take 10 ms, a share of the time so many times as long, in stretches of a second."""
    random = np.random.default_rng(7)
    at_s = np.arange(0, seconds, 0.02)
    level = np.where(at_s % 1.0 < disturbed, slower, 1.0)
    network, before, after = (10 * level * np.exp(random.normal(0, spread, len(at_s))) for _ in range(3))
    pairs = Pairs(at_s, network * differ, before, after)
    return noise_of(pairs, level_of(at_s, after), RULE, prepare_s=3.0, networks=48)


def told(difference: float | None) -> float:
    assert difference is not None
    return difference


def test_a_quiet_machine() -> None:
    found = noise()
    assert found.quiet_share == 1
    assert found.network_ms == pytest.approx(10, rel=0.01)
    assert found.slowdown == pytest.approx(1, abs=0.01)
    assert found.observed_s == pytest.approx(20)
    assert told(found.table_difference) < 0.01
    assert found.network_s == pytest.approx(3 + RULE.min_s, rel=0.25)
    assert found.table_s == pytest.approx(48 * found.network_s)


def test_a_machine_that_is_disturbed_for_most_of_the_time() -> None:
    found = noise(slower=1.5, disturbed=0.6)
    assert found.quiet_share == pytest.approx(0.4, abs=0.05)
    assert found.slowdown == pytest.approx(1.5, rel=0.02)


def test_noise_takes_time_up_to_the_limit() -> None:
    calm, loud = noise(), noise(spread=0.2)
    assert loud.network_s == pytest.approx(2 * (3 + RULE.limit_s), rel=0.1)  # measured once more
    assert told(calm.table_difference) < 0.02 < told(loud.long_difference) < told(loud.table_difference)


def test_nothing_below_the_difference_of_two_copies_can_be_told() -> None:
    found = noise(differ=1.05)
    assert found.copies_differ == pytest.approx(0.05, abs=0.003)
    assert found.table_difference == found.long_difference == found.copies_differ


def test_a_look_that_is_too_short_tells_no_difference_and_promises_no_short_table() -> None:
    found = noise(seconds=1.0)
    assert (found.table_difference, found.long_difference) == (None, None)
    assert found.network_s == 2 * (3 + RULE.limit_s)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["table_difference"] is None
    assert found.sentences[0] == (
        "no difference can be resolved in a table, no difference can be resolved in one measurement of 1 s"
    )


def test_words() -> None:
    found = Noise(
        network_ms=1.0,
        observed_s=20.0,
        copies_differ=0.001,
        table_difference=0.0203,
        long_difference=0.0061,
        slowdown=1.349,
        quiet_share=0.4,
        networks=48,
        network_s=11.0,
        table_s=528.0,
    )
    assert found.sentences == (
        "differences below 2 % cannot be resolved in a table, differences below 0.61 % cannot be resolved in one "
        "measurement of 20 s",
        "the machine was quiet 40 % of the time; as found, a network takes 1.35 times as long as undisturbed",
        "a table of 48 networks takes about 9 minutes",
    )


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="must be at least 1"):
        NoiseTrial(get_space("gpunet-small"), get_engine("openvino"), seconds)


def test_this_machine() -> None:
    found = NoiseTrial(get_space("gpunet-small"), get_engine("openvino"), 1.0).run()
    assert found.observed_s > 0.5  # when the last pair ended is taken from the others
    assert 0 <= found.quiet_share <= 1 <= found.slowdown
    assert found.network_s > TABLE_RULE.min_s


@pytest.mark.slow
def test_the_command_measures_noise_when_it_is_asked_to(tmp_path: Path) -> None:
    command_line = CommandLine(tmp_path)
    asked = command_line.run("doctor", "--noise", "--seconds", "1")
    assert "a table of 48 networks takes about" in asked
    assert "gpunet-small, openvino fp32" in asked
