"""Drafts a search: measures the device, and chooses space, tiers and training runs that fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tiernas.config import SearchConfig
from tiernas.config.file import checked_config, override
from tiernas.drafting.choices import (
    attempts,
    chosen_space,
    comments_for,
    compared_resolutions,
    edges_up_to,
    search_values,
)
from tiernas.drafting.draft import Draft
from tiernas.drafting.reach import measure_reach
from tiernas.drafting.target import working_engine
from tiernas.drafting.toml_text import toml_text
from tiernas.drafting.wishes import Wishes
from tiernas.engines import Engine
from tiernas.errors import UsageError
from tiernas.job.device import device_engine
from tiernas.job.start import opened_parent, search_space
from tiernas.plan import Basis, SampledSpace, SearchPlan, plan_search
from tiernas.plan.measuring import baseline_macs, measure_space_of
from tiernas.plan.workers import Workers
from tiernas.rounding import duration_words
from tiernas.spaces import ParentSpace, SearchSpace
from tiernas.tier_edges import proposed_edges
from tiernas.training.beginning import starting_from
from tiernas.training.data_config import DEFAULT_SIZE
from tiernas.training.data_size import DataSize
from tiernas.training.epoch import require_batch
from tiernas.training.inspection import Inspection
from tiernas.training.sources import open_source

_ANY_LATENCY_MS = 1e6
"""End of the only tier before latencies are known."""

_MIDDLE = 0.05, 0.95
"""Quantiles of the latencies that are told."""

_BUDGET = "--max-latency-ms"


def draft_search(data: Inspection, output: Path, wishes: Wishes, overrides: Sequence[str] = ()) -> Draft:
    """Measures the device and drafts a search. Nothing is written.

    Args:
        data: The data set.
        output: The configuration file to be written; results go to folders next to it.
        wishes: What the user wants.
        overrides: Settings as `section.key=value`, instead of the chosen ones; they become part of the file.

    Raises:
        UsageError: No network is within the budget, no engine works as wanted, or an override is invalid.
        NotInstalledError: The pretrained network or the engine is not installed.
    """
    on_gpu = _trains_on_gpu()
    engine: dict[str, Any] = {"name": wishes.engine or working_engine(wishes.precision)}
    engine |= {"precision": wishes.precision, "threads": wishes.threads}
    space_name = wishes.space or chosen_space(data, on_gpu=on_gpu)

    def configured(
        edges: Sequence[float], trainings: int, compared: Sequence[int] = ()
    ) -> tuple[dict[str, dict[str, Any]], SearchConfig]:
        values = search_values(
            data,
            space=space_name,
            edges=edges,
            trainings=trainings,
            compared=compared,
            engine=engine,
            on_gpu=on_gpu,
            output=output,
        )
        for assignment in overrides:
            override(values, assignment)
        if "start" in values["recipe"]:
            values.pop("rivals", None)  # they begin with random weights
        return values, checked_config(values, output)

    any_tier = [0.0, wishes.max_latency_ms or _ANY_LATENCY_MS]
    values, unmeasured = configured(any_tier, 1)
    toml_text(values)  # refuses what cannot be written before anything is measured
    if unmeasured.study.space != space_name:
        raise UsageError(
            f"--set study.space={unmeasured.study.space}: recipe and tiers are chosen for a space; name it with "
            f"`tiernas init --space {unmeasured.study.space}`"
        )
    if unmeasured.data.model_copy(update={"image_size": data.config.image_size}) != data.config:
        data = Inspection.of(open_source(unmeasured.data), unmeasured.data)  # an override changed what is used
        _, unmeasured = configured(any_tier, 1)
    size = data.size(unmeasured.data.image_size or DEFAULT_SIZE)
    require_batch(size.train, unmeasured.recipe)
    measured = _measured(unmeasured, wishes.max_latency_ms, size)
    limit_s = None if wishes.hours is None else 3600 * wishes.hours
    for edges, trainings in attempts(measured.edges, limited=limit_s is not None):
        values, config = configured(edges, trainings, measured.compared)
        pace = measured.sampled.pace(config.tier_list(), baseline_macs(config, measured.space, size))
        plan = plan_search(config, Basis(size, pace), Workers.of(config))
        if limit_s is None or plan.seconds is None or plan.seconds <= limit_s:
            break
    comments = comments_for(data, space_name, measured.words, plan.words)
    doubts = [] if limit_s is None else list(_too_long(plan, limit_s, size))
    return Draft(config, toml_text(values, comments), Basis(size, pace), plan, measured.words, doubts)


@dataclass(frozen=True, slots=True)
class _Measured:
    """What measuring says of a space on this device.

    Attributes:
        space: The space.
        sampled: A sample of it.
        edges: Edges of tiers in which there are networks, in ms.
        compared: Resolutions of the whole parent for comparison, in pixels.
        words: What was measured, a line each.
    """

    space: SearchSpace
    sampled: SampledSpace
    edges: Sequence[float]
    compared: Sequence[int]
    words: Sequence[str]


def _measured(config: SearchConfig, max_latency_ms: float | None, size: DataSize) -> _Measured:
    """Measures networks of a search whose tiers are not chosen; first whether the budget is within reach."""
    parent = opened_parent(config)
    space = search_space(config, parent)
    reach = None
    with device_engine(config, space) as engine:
        if isinstance(space, ParentSpace):
            reach = measure_reach(config, max_latency_ms, space, engine, size.classes)
        sampled = measure_space_of(config, space, engine, starting_from(config.recipe, parent), size)
        words = [_target_words(engine)]
    if reach is None:
        edges = proposed_edges(sampled.latency_ms, max_latency_ms, name=_BUDGET)
        return _Measured(space, sampled, edges, (), [*words, _latency_words(space, sampled)])
    words.append(reach.words(parent.source if parent else space.name))
    edges, compared = edges_up_to(max_latency_ms, reach), compared_resolutions(max_latency_ms, reach)
    return _Measured(space, sampled, edges, compared, words)


def _too_long(plan: SearchPlan, limit_s: float, size: DataSize) -> Iterator[str]:
    """A line if a search, which cannot be shorter otherwise, takes longer than it should."""
    if plan.seconds is not None and plan.seconds > limit_s:
        images = max(10 * size.classes, round(size.train * limit_s / plan.seconds))
        yield (
            f"even the shortest search takes longer than {duration_words(limit_s)}; with fewer training images it is "
            f"shorter: --set data.train_limit={images}"
        )


def _trains_on_gpu() -> bool:
    """Whether training runs are given a GPU: if there is one, and Ray, which hands it out."""
    import torch

    return torch.cuda.is_available() and find_spec("ray") is not None


def _target_words(engine: Engine) -> str:
    fingerprint = engine.fingerprint()
    threads = "1 thread" if fingerprint.threads == 1 else f"{fingerprint.threads} threads"
    return f"measured with {fingerprint.engine} {fingerprint.precision} on {fingerprint.device}, {threads}"


def _latency_words(space: SearchSpace, sampled: SampledSpace) -> str:
    low_ms, high_ms = np.quantile(sampled.latency_ms, _MIDDLE).tolist()
    return f"nine of ten networks of {space.name} take about {low_ms:.2g} to {high_ms:.2g} ms"
