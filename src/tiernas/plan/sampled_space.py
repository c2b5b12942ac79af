"""A sample of a space with the latency and the training time of each network, from measuring a few of them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.engines import Engine
from tiernas.latency import LatencyTable, profile_architecture
from tiernas.latency.estimating.build import RULE
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.limits import WithinLimits
from tiernas.networks import cost
from tiernas.plan.basis import Pace
from tiernas.plan.power_law import PowerLaw
from tiernas.plan.probes import step_times
from tiernas.plan.workers import Workers
from tiernas.spaces import SearchSpace
from tiernas.spaces.macs import macs_of
from tiernas.tiers import Tier
from tiernas.training import RecipeConfig
from tiernas.unique_rows import unique_rows

_SAMPLED = 2**13
"""Number of networks whose mean stands for that of a tier."""

_TRAINED = 5
"""Number of networks whose training steps are measured, from the smallest to the largest."""

_MEASURED = 3
"""Number of these whose latency is measured like that of a network of a latency table."""


@dataclass(frozen=True, slots=True, eq=False)
class SampledSpace:
    """A sample of a space, and what is expected of its `n` networks.

    Attributes:
        vectors: The networks, `n x d` integers; all rows differ.
        macs: Multiply-accumulates (`n`).
        latency_ms: Estimated latencies (`n`).
        training: Time of a training step per image in s, by multiply-accumulates, on one of the workers while all are
            busy; None if it cannot be measured on this machine.
        evaluation_share: Time of evaluating an image relative to that of training on one.
        memory_mb: Peak memory of a worker; None if unknown.
        params: Mean number of parameters of the networks measured.
        network_s: Time to measure one network of a latency table; None if there is a table.
    """

    vectors: IntArray
    macs: FloatArray
    latency_ms: FloatArray
    training: PowerLaw | None
    evaluation_share: float
    memory_mb: float | None
    params: float
    network_s: float | None

    def pace(self, tiers: Sequence[Tier], baseline_macs: Mapping[str, float]) -> Pace:
        """How fast the networks of each tier are trained.

        Args:
            tiers: The tiers.
            baseline_macs: Multiply-accumulates of whole parents and rivals, by what they are called.
        """
        image_s = {}
        if self.training is not None:
            for tier in tiers:
                image_s[tier.name] = float(self.training.at(self.macs[self._in(tier)]).mean())
            for name, macs in baseline_macs.items():
                image_s[name] = float(self.training.at(np.array([macs]))[0])
        return Pace(image_s, self.evaluation_share, self.memory_mb, self.params, self.network_s)

    def _in(self, tier: Tier) -> IntArray:
        """Positions of the networks of a tier; of the nearest one if there is none, as estimates are rough."""
        inside = np.flatnonzero(tier.contains(self.latency_ms))
        if len(inside):
            return inside
        return np.array([np.abs(np.log(self.latency_ms / tier.middle_ms)).argmin()])


def measure_space(
    space: SearchSpace,
    engine: Engine,
    recipe: RecipeConfig,
    *,
    num_classes: int,
    image_size: int,
    workers: Workers,
    table: LatencyTable | None = None,
    within: WithinLimits | None = None,
    seed: int = 0,
) -> SampledSpace:
    """Measures some networks of a space: their latencies unless there is a table, and their training steps.

    Args:
        space: The space.
        engine: The deployment engine.
        recipe: How candidates are trained.
        num_classes: Number of classes of the data.
        image_size: Height and width at which images are kept, in pixels.
        workers: Where candidates are trained.
        table: The latency table, if it exists.
        within: Decides which networks are within limits; None without limits.
        seed: Seed of the sample.

    Raises:
        TiernasError: A training step failed; the message says why.
    """
    vectors, _ = unique_rows(space.sample(_SAMPLED, seed))
    if within is not None and (allowed := within(vectors)).any():
        vectors = vectors[allowed]
    macs = np.maximum(macs_of(space, vectors), 1.0)  # blocks of plug-ins may count none
    chosen = spread(macs, _TRAINED)
    network_s = None
    if table is None:
        few = chosen[np.unique(np.linspace(0, len(chosen) - 1, _MEASURED).round().astype(int))]
        latencies_ms, network_s = _measured(space, engine, vectors[few], num_classes)
        latency_ms = PowerLaw.through(macs[few].tolist(), latencies_ms).at(macs)
    else:
        latency_ms = table.estimate(vectors)
    networks = [space.decode(vector) for vector in vectors[chosen]]
    params = float(np.mean([cost(network, num_classes).params for network in networks]))
    if workers.steps_device is None:
        return SampledSpace(vectors, macs, latency_ms, None, 0.0, None, params, network_s)
    times = step_times(
        list(zip(networks, macs[chosen].tolist(), strict=True)),
        num_classes,
        recipe,
        image_size,
        processes=workers.step_processes,
        device=workers.steps_device,
    )
    trained_s = [each.training_image_s for each in times]
    shares = [each.evaluation_image_s / each.training_image_s for each in times]
    return SampledSpace(
        vectors,
        macs,
        latency_ms,
        PowerLaw.through(macs[chosen].tolist(), trained_s),
        float(np.median(shares)),
        max(each.memory_mb for each in times),
        params,
        network_s,
    )


def spread(macs: FloatArray, count: int) -> IntArray:
    """Positions of at most `count` different networks from the smallest to the largest, about evenly apart by ratio.

    Args:
        macs: Multiply-accumulates (`n`).
        count: Number of networks.
    """
    wanted = np.geomspace(macs.min(), macs.max(), count)
    nearest = [int(np.abs(np.log(macs / each)).argmin()) for each in wanted]
    return np.array(list(dict.fromkeys(nearest)), dtype=np.int64)


def _measured(space: SearchSpace, engine: Engine, vectors: IntArray, num_classes: int) -> tuple[list[float], float]:
    """Latencies of networks in ms, and the mean time in s that measuring one for a table takes."""
    latencies_ms, took_s = [], []
    with Ladder(rungs_of(space, num_classes), engine) as ladder:
        for number in (0, len(ladder.rungs) // 2, len(ladder.rungs) - 1):
            ladder.anchor(number)  # compiled once for a whole table
        for vector in vectors:
            began_s = time.monotonic()
            found = profile_architecture(space.decode(vector), num_classes, ladder, RULE)
            took_s.append(time.monotonic() - began_s)
            latencies_ms.append(found.measurement.latency_ms)
    return latencies_ms, float(np.mean(took_s))
