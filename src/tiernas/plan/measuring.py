"""Measures what the plan of a search is based on."""

from __future__ import annotations

import numpy as np

from tiernas.blocks import BlockRows, LayerRows
from tiernas.config import SearchConfig
from tiernas.engines import Engine
from tiernas.errors import UsageError
from tiernas.latency import LatencyTable
from tiernas.limits import WithinLimits
from tiernas.plan.basis import Basis
from tiernas.plan.sampled_space import SampledSpace, measure_space
from tiernas.plan.work import rival_names, whole_name
from tiernas.plan.workers import Workers
from tiernas.rivals import open_rivals
from tiernas.spaces import ParentSpace, SearchSpace
from tiernas.spaces.macs import macs_of
from tiernas.training import RecipeConfig
from tiernas.training.data_size import DataSize


def measure_basis(config: SearchConfig, space: SearchSpace, engine: Engine, data: DataSize) -> Basis:
    """Measures some networks of a search: their latencies unless its table exists, and their training steps.

    Args:
        config: The search.
        space: Its space.
        engine: Its engine.
        data: The size of its data.

    Raises:
        UsageError: The latency table that the configuration names cannot be used.
        TiernasError: A training step failed; the message says why.
    """
    sampled = measure_space_of(config, space, engine, config.recipe, data)
    return Basis(data, sampled.pace(config.tier_list(), baseline_macs(config, space, data)))


def measure_space_of(
    config: SearchConfig, space: SearchSpace, engine: Engine, recipe: RecipeConfig, data: DataSize
) -> SampledSpace:
    """Measures networks of the space of a search, whose tiers need not be chosen.

    Args:
        config: The search.
        space: Its space.
        engine: Its engine.
        recipe: How its candidates are trained, from the weights they start with.
        data: The size of its data set.

    Raises:
        UsageError: The latency table that the configuration names cannot be used.
        TiernasError: A training step failed; the message says why.
    """
    return measure_space(
        space,
        engine,
        recipe,
        num_classes=data.classes,
        image_size=data.image_size,
        workers=Workers.of(config),
        table=complete_table(config, space),
        within=limits_of(config, space, engine, data.classes),
        seed=config.study.seed,
    )


def limits_of(config: SearchConfig, space: SearchSpace, engine: Engine, num_classes: int) -> WithinLimits:
    """Decides which networks of a search are within its limits."""
    return WithinLimits(
        config.limits.limits, space, num_classes=num_classes, precision=engine.precision, batch=engine.batch
    )


def baseline_macs(config: SearchConfig, space: SearchSpace, data: DataSize) -> dict[str, float]:
    """Multiply-accumulates of the whole parents and rivals that are compared, by what they are called.

    Args:
        config: The search.
        space: Its space.
        data: The size of its data.

    Raises:
        UsageError: A rival cannot be built.
        NotInstalledError: A rival comes from a package that is not installed.
    """
    names = rival_names(config)
    rivals = open_rivals(config.rivals.names, data.image_size)
    counted = (float(LayerRows.of(rival.architecture.layers).each(BlockRows.macs).sum()) for rival in rivals)
    return _whole_macs(config, space) | dict(zip(names, counted, strict=True))


def _whole_macs(config: SearchConfig, space: SearchSpace) -> dict[str, float]:
    if config.parent is None or not isinstance(space, ParentSpace):
        return {}
    resolutions = config.parent.compared
    macs = macs_of(space, np.array([space.whole(px) for px in resolutions])) if resolutions else ()
    return {whole_name(px): float(each) for px, each in zip(resolutions, macs, strict=True)}


def complete_table(config: SearchConfig, space: SearchSpace) -> LatencyTable | None:
    """The latency table of a search, unless most of it must still be measured."""
    if config.latency.table is not None:
        return LatencyTable.load(config.latency.table, space)
    if not config.latency_table_path.exists():
        return None
    try:
        table = LatencyTable.load(config.latency_table_path, space)
    except UsageError:  # it has too few networks; the search says what else may be wrong with it
        return None
    return table if len(table.records) >= config.latency.networks else None
