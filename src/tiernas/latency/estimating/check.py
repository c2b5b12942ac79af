"""How good a latency table is: estimates against measurements of fresh networks."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
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
from tiernas.latency.measuring.architecture import profile_architecture
from tiernas.latency.measuring.ladder import Ladder

DEFAULT_NETWORKS = 30
"""Networks of a check unless told otherwise."""

RULE = TurnRule(relative_width=0.015, min_s=1.0, limit_s=8.0, reload_s=1.0)
"""A little surer than the networks of a table."""

_FEWEST = 3
_LEAST_IN_TIER = 5
"""Networks without which a rank correlation says nothing."""
_SAMPLED = 2**16
"""Vectors among which those of one tier are looked for."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CheckedLayer:
    """A layer of a fresh network: what the table said, and what the profile says, scaled to the measured whole."""

    layer: Block
    estimated_ms: float
    profiled_ms: float


@dataclass(frozen=True, slots=True)
class CheckedNetwork:
    """A fresh network: its vector, what the table said, what was measured, and the same of its layers."""

    vector: tuple[int, ...]
    estimated_ms: float
    measurement: Measurement
    layers: tuple[CheckedLayer, ...] = ()

    @property
    def error(self) -> float:
        """Estimated over measured latency, less one."""
        return self.estimated_ms / self.measurement.latency_ms - 1


@dataclass(frozen=True, slots=True)
class CheckedTier:
    """The networks whose measured latency lies in one tier."""

    low_ms: float
    high_ms: float
    networks: int
    kendall_tau: float


@dataclass(frozen=True, slots=True)
class WorstLayer:
    """A layer whose estimate makes networks wrong.

    Attributes:
        name: `Block.label`.
        networks: In how many of the networks it was.
        estimated_ms: Mean estimate.
        profiled_ms: Mean of the profiles.
        effect: Mean error that it brings into a network that has it, as a share of the network's latency, with sign.
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

    def tiers(self, width: float = TIER_WIDTH) -> tuple[CheckedTier, ...]:
        """Rank correlation inside tiers that begin at the fastest network and are so wide; those with 5 networks."""
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
        """Rank correlation of all pairs of networks that could share a tier so wide; nan if there is none."""
        return near_pairs(self.estimated_ms, self.measured_ms, width).tau

    def worst_layers(self, n: int = 10) -> tuple[WorstLayer, ...]:
        """The `n` layers whose estimates err most, by their effect on the networks that have them."""
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
        """The figures and the networks as what JSON can hold."""
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
    progress: Callable[[int, int, CheckedNetwork], None] = lambda done, wanted, network: None,
) -> Check:
    """Measures random networks that the table has never seen, and compares.

    They are measured in turn with the anchors of the table, and on its scale (`LatencyTable.ladder`).

    Args:
        table: The latency table.
        engine: What to measure with.
        networks: How many networks.
        seed: Seed of the Sobol sequence that they are taken from.
        tier_ms: Only networks whose estimate lies in this interval, `low <= latency < high`.
        rule: How long each network is measured; `RULE` by default.
        progress: Called after each network: networks done, networks wanted, the network.

    Raises:
        UsageError: Too few networks are asked for, or the space has too few in the tier.
    """
    if networks < _FEWEST:
        raise UsageError(f"networks = {networks}: a check needs at least {_FEWEST}")
    checked: list[CheckedNetwork] = []
    vectors = _fresh(table, networks, seed, tier_ms)
    with table.ladder(engine) as ladder:
        for vector in vectors:
            network = _check(table, ladder, tuple(int(v) for v in vector), rule or RULE)
            checked.append(network)
            progress(len(checked), networks, network)
    return Check(tuple(checked))


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
            f"it, {networks} are wanted; all are from {estimates_ms.min():.3g} to {estimates_ms.max():.3g} ms"
        )
    return np.array(fresh)


def _check(table: LatencyTable, ladder: Ladder, vector: tuple[int, ...], rule: TurnRule) -> CheckedNetwork:
    architecture = table.space.decode(vector)
    found = profile_architecture(architecture, table.header.num_classes, ladder, rule)
    scale = found.measurement.latency_ms / sum(found.layer_ms)
    costs: Sequence[float] = [cost.latency_ms for cost in table.layer_costs(architecture.layers)]
    layers = tuple(
        CheckedLayer(layer, estimated_ms, profiled_ms * scale)
        for layer, estimated_ms, profiled_ms in zip(architecture.layers, costs, found.layer_ms, strict=True)
    )
    return CheckedNetwork(vector, float(table.estimate(np.array([vector]))[0]), found.measurement, layers)
