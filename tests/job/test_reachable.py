"""Tiers below the fastest network, from latencies that are made up instead of measured."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.minimal import write_minimal

from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.job.reachable import require_reachable
from tiernas.spaces import Architecture, get_space
from tiernas.spaces.macs import smallest
from tiernas.testing.latency import measurement

SPACE = get_space("gpunet-small")

Taking = Callable[[float], list[Architecture]]


@pytest.fixture
def taking(monkeypatch: pytest.MonkeyPatch) -> Taking:
    """Makes every network take as many ms; returns the networks that are measured."""

    def taking(latency_ms: float) -> list[Architecture]:
        found: list[Architecture] = []

        def measure(architecture: Architecture, *_: Any) -> Any:
            found.append(architecture)
            return measurement(latency_ms)

        monkeypatch.setattr("tiernas.job.reachable.measure_architecture", measure)
        return found

    return taking


def configured(folder: Path, *edges: float) -> SearchConfig:
    return load_config(write_minimal(folder), [f"tiers.edges={list(edges)}", "tiers.pool=256"])


def test_tiers_above_the_fastest_network_are_accepted_after_one_measurement(
    tmp_path: Path, taking: Taking, caplog: pytest.LogCaptureFixture
) -> None:
    measured = taking(0.3)
    require_reachable(configured(tmp_path, 0.2, 0.31, 0.8), SPACE, get_engine("openvino"), 10)
    (network,) = measured
    vectors = SPACE.sample(256, 0)
    assert network == SPACE.decode(smallest(SPACE, vectors))
    assert not caplog.messages


def test_tiers_far_below_it_are_refused_by_name(tmp_path: Path, taking: Taking) -> None:
    taking(0.5004)
    with pytest.raises(UsageError) as error:
        require_reachable(configured(tmp_path, 0.05, 0.1, 0.2, 0.4, 0.8), SPACE, get_engine("openvino"), 10)
    device = get_engine("openvino").fingerprint().device
    assert str(error.value) == (
        "tiers.edges: no network is as fast as tier 0.05-0.1 and 0.1-0.2 ms: the smallest of 256 sampled networks of "
        f"'gpunet-small' takes 0.5 ms on {device} (openvino fp32, threads: 1). Choose edges above that, such as 1.1"
    )


def test_a_tier_just_below_it_is_left_to_the_table_with_a_warning(
    tmp_path: Path, taking: Taking, caplog: pytest.LogCaptureFixture
) -> None:
    taking(0.40001)
    require_reachable(configured(tmp_path, 0.2, 0.4, 0.8), SPACE, get_engine("openvino"), 10)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("tiers.edges: tier 0.2-0.4 ms may be empty: the smallest of 256 sampled")
    assert "takes 0.40001 ms on " in record.getMessage()


@pytest.mark.slow
def test_it_is_really_measured(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no network is as fast as tier 1e-06-1e-05 ms: the smallest of 256 sampled"):
        require_reachable(configured(tmp_path, 1e-6, 1e-5, 1e5), SPACE, get_engine("openvino"), 10)
