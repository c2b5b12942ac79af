"""Checks a latency table: compares its estimates with measurements of fresh networks."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from tiernas.blocks import Block
from tiernas.blocks.rows import IntArray
from tiernas.engines import Engine, Measurement, TurnRule
from tiernas.errors import UsageError
from tiernas.latency.estimating.agreement import TIER_WIDTH, near_pairs
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.latency.estimating.looks import Look, best_records, looks
from tiernas.latency.estimating.table_file import Record
from tiernas.latency.measuring.architecture import profile_architecture

DEFAULT_NETWORKS = 30
"""Default number of networks of a check."""

RULE = TurnRule(relative_width=0.015, min_s=1.0, limit_s=8.0, reload_s=1.0)
"""Slightly longer than for the networks of a table."""

_FEWEST = 3
_LEAST_IN_TIER = 5
"""Minimum number of networks for a meaningful rank correlation."""
_SAMPLED = 2**16
"""Number of random vectors among which networks of one tier are sought."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedLayer:
    """A layer of a fresh network: the table's estimate, and the profiled time, scaled to the measured latency."""

    layer: Block
    estimated_ms: float
    profiled_ms: float


@dataclass(frozen=True, slots=True)
class CheckedNetwork:
    """A fresh network: its vector, the table's estimate, the measurement, and the same for its layers, if profiled."""

    vector: tuple[int, ...]
    estimated_ms: float
    measurement: Measurement
    layers: tuple[CheckedLayer, ...] = ()

    @property
    def error(self) -> float:
        """Relative error: estimated over measured latency, minus one."""
        return self.estimated_ms / self.measurement.latency_ms - 1


@dataclass(frozen=True, slots=True)
class CheckedTier:
    """The networks whose measured latency is in one tier."""

    low_ms: float
    high_ms: float
    networks: int
    kendall_tau: float


@dataclass(frozen=True, slots=True)
class WorstLayer:
    """A layer whose estimate contributes to the errors of networks.

    Attributes:
        name: `Block.label`.
        networks: Number of networks that contain it.
        estimated_ms: Mean estimate.
        profiled_ms: Mean profiled time.
        effect: Mean signed error that it contributes to a network that contains it, relative to the network's latency.
    """

    name: str
    networks: int
    estimated_ms: float
    profiled_ms: float
    effect: float


@dataclass(frozen=True, slots=True)
class Check:
    """A latency table compared with measurements.

    Attributes:
        networks: The measured networks, in the order of their first measurements.
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
        """`n` signed relative errors."""
        return np.array([network.error for network in self.networks])

    @property
    def mape(self) -> float:
        """Mean absolute relative error, in percent."""
        return float(100 * np.abs(self.errors).mean())

    @property
    def kendall_tau(self) -> float:
        """Rank correlation (Kendall's tau-b) between estimates and measurements."""
        return float(kendalltau(self.estimated_ms, self.measured_ms).statistic)

    def within(self, share: float) -> float:
        """Share of the networks whose relative error is at most `share`."""
        return float((np.abs(self.errors) <= share).mean())

    def tiers(self, width: float = TIER_WIDTH) -> tuple[CheckedTier, ...]:
        """Rank correlation in tiers of this width, starting at the fastest network; only tiers with 5 networks."""
        measured, estimated = self.measured_ms, self.estimated_ms
        index = np.floor(np.log(measured / measured.min()) / math.log1p(width) + 1e-9).astype(int)
        found = []
        for tier in np.unique(index):
            inside = index == tier
            if inside.sum() >= _LEAST_IN_TIER:
                low_ms = float(measured.min() * (1 + width) ** int(tier))
                tau = float(kendalltau(estimated[inside], measured[inside]).statistic)
                found.append(CheckedTier(low_ms, low_ms * (1 + width), int(inside.sum()), tau))
        return tuple(found)

    def near_tau(self, width: float = TIER_WIDTH) -> float:
        """Rank correlation of all pairs of networks that could share a tier of this width; nan if there is none."""
        return near_pairs(self.estimated_ms, self.measured_ms, width).tau

    def worst_layers(self, n: int = 10) -> tuple[WorstLayer, ...]:
        """The `n` layers with the worst estimates, by their effect on the networks that contain them."""
        seen: dict[Block, list[tuple[float, float, float]]] = {}
        for network in self.networks:
            whole_ms = network.measurement.latency_ms
            for checked in dict.fromkeys(c.layer for c in network.layers):
                same = [c for c in network.layers if c.layer == checked]
                estimated, profiled = sum(c.estimated_ms for c in same), sum(c.profiled_ms for c in same)
                entry = (estimated / len(same), profiled / len(same), (estimated - profiled) / whole_ms)
                seen.setdefault(checked, []).append(entry)
        worst = [
            WorstLayer(layer.label, len(entries), *(float(mean) for mean in np.mean(entries, axis=0)))
            for layer, entries in seen.items()
        ]
        return tuple(sorted(worst, key=lambda layer: -abs(layer.effect))[:n])

    def to_dict(self) -> dict[str, Any]:
        """The figures and the networks, serializable as JSON."""
        return {
            "n": len(self.networks),
            "mape": self.mape,
            "within_5pct": self.within(0.05),
            "within_10pct": self.within(0.10),
            "kendall_tau": self.kendall_tau,
            "kendall_tau_within_20pct": None if math.isnan(self.near_tau()) else self.near_tau(),
            "tiers": [asdict(tier) for tier in self.tiers()],
            "worst_layers": [asdict(layer) for layer in self.worst_layers()],
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
    tier_ms: tuple[float, float] | None = None,
    rule: TurnRule | None = None,
    progress: Callable[[Look, CheckedNetwork], None] = lambda look, network: None,
) -> Check:
    """Measures random networks that the table has never seen, and compares them with their estimates.

    They are measured interleaved with the anchors of the table, and on its scale (`LatencyTable.ladder`). As in
    `build_table`, those whose ratio has a wide interval are measured once more at the end, and the narrower one counts.

    Args:
        table: The latency table.
        engine: The engine to measure with.
        networks: Number of networks.
        seed: Seed of the Sobol sequence from which they are taken.
        tier_ms: Use only networks whose estimate is in this interval, `low <= latency < high`.
        rule: How long each network is measured; `RULE` by default.
        progress: Called after each measurement with its place and the network, compared by this measurement alone.

    Raises:
        UsageError: Too few networks are requested, or the space has too few in the tier.
    """
    if networks < _FEWEST:
        raise UsageError(f"networks = {networks}: a check needs at least {_FEWEST}")
    fresh = [tuple(int(v) for v in vector) for vector in _fresh(table, networks, seed, tier_ms)]
    records: list[Record] = []
    with table.ladder(engine) as ladder:
        for look in looks(fresh, records, networks):
            architecture = table.space.decode(look.vector)
            observation = profile_architecture(architecture, table.header.num_classes, ladder, rule or RULE)
            record = Record(look.vector, observation)
            records.append(record)
            progress(look, _compared(table, record))
    return Check(tuple(_compared(table, record) for record in best_records(records)))


def _fresh(table: LatencyTable, networks: int, seed: int, tier_ms: tuple[float, float] | None) -> IntArray:
    """Vectors (`networks x d`) that the table has not measured."""
    seen = {record.vector for record in table.records}
    sampled = table.space.sample(networks + len(seen) if tier_ms is None else _SAMPLED, seed)
    if tier_ms is not None:
        estimates_ms = table.estimate(sampled)
        sampled = sampled[(estimates_ms >= tier_ms[0]) & (estimates_ms < tier_ms[1])]
    fresh = [vector for vector in sampled if tuple(int(v) for v in vector) not in seen][:networks]
    if len(fresh) < networks:
        assert tier_ms is not None
        raise UsageError(
            f"tier {tier_ms[0]:g}-{tier_ms[1]:g} ms: {len(fresh)} of {_SAMPLED} random networks are estimated to be in "
            f"it, {networks} are needed; estimates range from {estimates_ms.min():.3g} to {estimates_ms.max():.3g} ms"
        )
    return np.array(fresh)


def _compared(table: LatencyTable, record: Record) -> CheckedNetwork:
    found = record.observation
    estimated_ms = float(table.estimate(np.array([record.vector]))[0])
    if not found.layer_ms:
        return CheckedNetwork(record.vector, estimated_ms, found.measurement)
    scale = found.measurement.latency_ms / sum(found.layer_ms)
    costs = table.layer_costs(record.layers(table.space))
    layers = tuple(
        CheckedLayer(cost.layer, cost.latency_ms, profiled_ms * scale)
        for cost, profiled_ms in zip(costs, found.layer_ms, strict=True)
    )
    return CheckedNetwork(record.vector, estimated_ms, found.measurement, layers)
