"""Measures the factors block by block, and continues."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tiernas.engines import Engine, Measurement, StopRule
from tiernas.latency.factors import file
from tiernas.latency.factors.study import FactorBlock, FactorStudy
from tiernas.latency.factors.variants import Base, Factor, Variant, variants
from tiernas.latency.observing import MEASURE_ATTEMPTS, measure_architecture, measure_repeatedly
from tiernas.networks import cost
from tiernas.spaces import Architecture

STOP_RULE = StopRule(min_s=0.3)
"""How long each network is measured; as in a check of a latency table."""

ATTEMPTS = MEASURE_ATTEMPTS
"""An unstable measurement is repeated so often."""

Progress = Callable[[int, int, str, Measurement], None]
"""Called after each measurement: how many are done, of how many, what was measured, the measurement."""


def measure_factors(
    base: Base,
    engines: Sequence[Engine],
    *,
    factors: Sequence[Factor] = tuple(Factor),
    path: Path | None = None,
    progress: Progress = lambda done, wanted, what, found: None,
) -> FactorStudy:
    """Measures every value of every factor on every engine, each factor between two measurements of the base.

    Args:
        base: The network around which the factors are varied.
        engines: What to measure with.
        factors: What to vary.
        path: File that keeps each factor of each engine as soon as it is measured; what it holds is not measured
            again.
        progress: See `Progress`.

    Returns:
        All that the file holds, or what was measured where there is none.

    Raises:
        UsageError: The file is of another base or device, is damaged, or cannot be written.
    """
    blocks = file.read(path, base, engines) if path else []
    plan = []
    for engine in engines:
        for factor in dict.fromkeys(factors):
            networks = variants(base.architecture, factor)
            values = tuple(network.value for network in networks)
            if not any(block.values == values for block in _of(blocks, engine, factor)):
                plan.append((engine, factor, networks))
    clock = _Clock(base, sum(len(networks) + 1 for _, _, networks in plan) + len({id(e) for e, _, _ in plan}), progress)
    for engine, factor, networks in plan:
        outdated = _of(blocks, engine, factor)
        blocks = [block for block in blocks if block not in outdated]
        blocks.append(clock.block(engine, factor, networks))
        if path:
            file.write(path, base, blocks)
    return FactorStudy(base, cost(base.architecture, base.num_classes), tuple(blocks))


def _of(blocks: Sequence[FactorBlock], engine: Engine, factor: Factor) -> list[FactorBlock]:
    """The blocks of a factor that were measured under the engine's conditions."""
    here = engine.fingerprint()
    return [block for block in blocks if block.factor == factor and not block.fingerprint.differences(here)]


class _Clock:
    """Measures block after block; the base after one block is the base before the next on the same engine."""

    def __init__(self, base: Base, wanted: int, progress: Progress) -> None:
        self._base, self._wanted, self._progress = base, wanted, progress
        self._done = 0
        self._last: tuple[Engine, Measurement] | None = None

    def block(self, engine: Engine, factor: Factor, networks: Sequence[Variant]) -> FactorBlock:
        if self._last is not None and self._last[0] is engine:
            before = self._last[1]
        else:
            before = self._measure(self._base.architecture, engine, "base")
        found = [
            self._measure(network.architecture, engine, f"{factor} {factor.label(network.value)}")
            for network in networks
        ]
        after = self._measure(self._base.architecture, engine, "base")
        self._last = engine, after
        return FactorBlock(
            fingerprint=engine.fingerprint(),
            factor=factor,
            values=tuple(network.value for network in networks),
            costs=tuple(cost(network.architecture, self._base.num_classes) for network in networks),
            measurements=tuple(found),
            before=before,
            after=after,
        )

    def _measure(self, architecture: Architecture, engine: Engine, what: str) -> Measurement:
        clock = partial(measure_repeatedly, rule=STOP_RULE, attempts=ATTEMPTS)
        found = measure_architecture(architecture, self._base.num_classes, engine, clock)
        self._done += 1
        self._progress(self._done, self._wanted, f"{engine.name} {engine.precision}, {what}", found)
        return found
