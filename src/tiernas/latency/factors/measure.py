"""Measures the factors sweep by sweep, resuming an earlier study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tiernas.engines import Anchor, Engine, Measurement, TurnRule
from tiernas.latency.factors import study_file
from tiernas.latency.factors.study import FactorStudy, FactorSweep
from tiernas.latency.factors.variants import Base, Factor, Variant, variants
from tiernas.latency.measuring.untrained import compiled_untrained
from tiernas.networks import cost

RULE = TurnRule(relative_width=0.01, min_s=1.0, limit_s=8.0, patience=2.0, reload_s=1.0)
"""How long each variant is interleaved with the base."""

Progress = Callable[[int, int, str, Measurement], None]
"""Called after each measurement: number done, total number, what was measured, the measurement."""


def measure_factors(
    base: Base,
    engines: Sequence[Engine],
    *,
    factors: Sequence[Factor] = tuple(Factor),
    path: Path | None = None,
    progress: Progress = lambda done, wanted, what, found: None,
) -> FactorStudy:
    """Measures every value of every factor on every engine, each interleaved with the base.

    Args:
        base: The network around which the factors are varied.
        engines: The engines to measure with.
        factors: The factors to vary.
        path: File to which each factor of each engine is saved as soon as it is measured; what it already contains is
            not measured again.
        progress: See `Progress`.

    Returns:
        Everything in the file, or everything measured if there is no file.

    Raises:
        UsageError: The file belongs to another base or device, is damaged, or cannot be written.
    """
    sweeps = study_file.read(path, base, engines) if path else []
    plan = {engine: _missing(base, factors, engine, sweeps) for engine in engines}
    wanted, done = sum(len(networks) for missing in plan.values() for networks in missing), 0

    def measured(engine: Engine, network: Variant, found: Measurement) -> None:
        nonlocal done
        done += 1
        what = f"{engine.name} {engine.precision}, {network.factor} {network.factor.label(network.value)}"
        progress(done, wanted, what, found)

    for engine, missing in plan.items():
        if not missing:
            continue
        with compiled_untrained(base.architecture, base.num_classes, engine) as (network, graph):
            anchor = network.anchor(graph)
            for networks in missing:
                outdated = _of(sweeps, engine, networks[0].factor)
                sweeps = [sweep for sweep in sweeps if sweep not in outdated]
                sweeps.append(_measure(base, networks, engine, anchor, measured))
                if path:
                    study_file.write(path, base, sweeps)
    return FactorStudy(base, cost(base.architecture, base.num_classes), tuple(sweeps))


def _missing(
    base: Base, factors: Sequence[Factor], engine: Engine, sweeps: Sequence[FactorSweep]
) -> list[tuple[Variant, ...]]:
    """The variants of each factor whose values are not all measured yet."""
    missing = []
    for factor in dict.fromkeys(factors):
        networks = variants(base.architecture, factor)
        values = tuple(network.value for network in networks)
        if networks and not any(sweep.values == values for sweep in _of(sweeps, engine, factor)):
            missing.append(networks)
    return missing


def _of(sweeps: Sequence[FactorSweep], engine: Engine, factor: Factor) -> list[FactorSweep]:
    """The sweeps of a factor that were measured with the engine's fingerprint."""
    here = engine.fingerprint()
    return [sweep for sweep in sweeps if sweep.factor == factor and not sweep.fingerprint.differences(here)]


def _measure(
    base: Base,
    networks: Sequence[Variant],
    engine: Engine,
    anchor: Anchor,
    measured: Callable[[Engine, Variant, Measurement], None],
) -> FactorSweep:
    """Measures the variants of one factor."""
    measurements = []
    for variant in networks:
        with compiled_untrained(variant.architecture, base.num_classes, engine) as (network, _):
            measurements.append(anchor.measure(network, RULE))
        measured(engine, variant, measurements[-1])
    return FactorSweep(
        fingerprint=engine.fingerprint(),
        factor=networks[0].factor,
        values=tuple(variant.value for variant in networks),
        costs=tuple(cost(variant.architecture, base.num_classes) for variant in networks),
        measurements=tuple(measurements),
    )
