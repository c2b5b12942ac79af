"""How good a latency table is: estimates against measurements of fresh networks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from tiernas.engines import Engine, Measurement, StopRule
from tiernas.errors import UsageError
from tiernas.latency.observe import MEASURE_ATTEMPTS, measure_architecture
from tiernas.latency.table import LatencyTable

DEFAULT_NETWORKS = 30
"""Networks of a check unless told otherwise."""

_STOP_RULE = StopRule(min_s=0.3)
_ATTEMPTS = MEASURE_ATTEMPTS
_FEWEST = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedNetwork:
    """A fresh network: its vector, what the table said, and what was measured."""

    vector: tuple[int, ...]
    estimated_ms: float
    measurement: Measurement

    @property
    def error(self) -> float:
        """Estimated over measured latency, less one."""
        return self.estimated_ms / self.measurement.latency_ms - 1


@dataclass(frozen=True, slots=True)
class Check:
    """A latency table compared with measurements.

    Attributes:
        networks: The networks that were measured, in the order they were.
    """

    networks: tuple[CheckedNetwork, ...]

    @property
    def estimated_ms(self) -> npt.NDArray[np.float64]:
        """`n` estimates."""
        return np.array([network.estimated_ms for network in self.networks])

    @property
    def measured_ms(self) -> npt.NDArray[np.float64]:
        """`n` measured medians."""
        return np.array([network.measurement.latency_ms for network in self.networks])

    @property
    def errors(self) -> npt.NDArray[np.float64]:
        """`n` relative errors, with sign."""
        return np.array([network.error for network in self.networks])

    @property
    def mape(self) -> float:
        """Mean absolute relative error, in per cent."""
        return float(100 * np.abs(self.errors).mean())

    @property
    def kendall_tau(self) -> float:
        """Rank correlation (Kendall's tau-b) of estimates and measurements."""
        return float(kendalltau(self.estimated_ms, self.measured_ms).statistic)

    def within(self, share: float) -> float:
        """Share of the networks whose relative error is at most `share`."""
        return float((np.abs(self.errors) <= share).mean())

    def to_dict(self) -> dict[str, Any]:
        """The figures and the networks as what JSON can hold."""
        return {
            "n": len(self.networks),
            "mape": self.mape,
            "within_5pct": self.within(0.05),
            "within_10pct": self.within(0.10),
            "kendall_tau": self.kendall_tau,
            "unstable": sum(network.measurement.unstable for network in self.networks),
            "networks": [
                {
                    "vector": list(network.vector),
                    "estimated_ms": network.estimated_ms,
                    "error": network.error,
                    **asdict(network.measurement),
                }
                for network in self.networks
            ],
        }


def check_table(
    table: LatencyTable,
    engine: Engine,
    *,
    networks: int = DEFAULT_NETWORKS,
    seed: int = 1,
    progress: Callable[[int, int, CheckedNetwork], None] = lambda done, wanted, network: None,
) -> Check:
    """Measures random networks that the table has never seen, and compares.

    Args:
        table: The latency table.
        engine: What to measure with.
        networks: How many networks.
        seed: Seed of the Sobol sequence that they are taken from.
        progress: Called after each network: networks done, networks wanted, the network.

    Raises:
        UsageError: Too few networks.
    """
    if networks < _FEWEST:
        raise UsageError(f"networks = {networks}: a check needs at least {_FEWEST}")
    seen = {record.vector for record in table.records}
    sampled = [tuple(int(v) for v in row) for row in table.space.sample(networks + len(seen), seed)]
    fresh = [vector for vector in sampled if vector not in seen][:networks]
    estimates_ms = table.estimate(np.array(fresh))
    checked = []
    for vector, estimated_ms in zip(fresh, estimates_ms, strict=True):
        measured = measure_architecture(
            table.space.decode(vector), table.header.num_classes, engine, _STOP_RULE, attempts=_ATTEMPTS
        )
        network = CheckedNetwork(vector, float(estimated_ms), measured)
        checked.append(network)
        progress(len(checked), networks, network)
    return Check(tuple(checked))
