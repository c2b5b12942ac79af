"""What is done of a search, and how fast it was, read from its ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from tiernas.config import SearchConfig
from tiernas.finalists import untried_candidates
from tiernas.ledger import BASELINES, Ledger, Purpose, State
from tiernas.plan.basis import Basis, Pace
from tiernas.plan.work import Reached, SearchProgress, rival_names, whole_names
from tiernas.tiers import parse_tier
from tiernas.training.data_size import glance_of
from tiernas.training.progression import pixel_share

_RECENT = 64
"""Number of training runs, the latest ones, whose durations count."""

_EVALUATION_SHARE = 1 / 3
"""Time of evaluating an image relative to training on one, if it was not measured: a forward pass of three passes."""


def search_progress(config: SearchConfig, ledger: Ledger) -> SearchProgress:
    """What is done of a search that has begun."""
    studies, trainings = ledger.studies(), ledger.orders().trainings
    shares: defaultdict[tuple[str, Purpose], list[float]] = defaultdict(list)
    for each in ledger.running():
        epochs = config.finalists.epochs if each.purpose.is_final else config.recipe.epochs
        shares[each.study, each.purpose].append(min(1.0, each.epochs / epochs))
    reached: dict[tuple[str, Purpose], Reached] = {}
    untried: dict[str, int] = {}
    undeployed, overall = 0, dict.fromkeys((*BASELINES, Purpose.SEED), Reached())
    for study in studies:
        for purpose in (Purpose.SEARCH, Purpose.REPEAT, Purpose.FINAL, *overall):
            states = ledger.count(study, purpose)
            over = states.total() - states[State.PENDING] - states[State.RUNNING]
            ended = states[State.DONE] if purpose is Purpose.FINAL else over
            found = Reached(ended, tuple(shares[study.name, purpose]), states[State.PENDING])
            if purpose in overall:
                before = overall[purpose]
                running = (*before.running, *found.running)
                overall[purpose] = Reached(before.ended + found.ended, running, before.waiting + found.waiting)
            reached[study.name, purpose] = found
            if purpose.is_entered:
                entered = (c for c in ledger.candidates(study, purpose) if c.state is State.DONE)
                undeployed += sum("deployment" not in (c.measurement or {}) for c in entered)
        if reached[study.name, Purpose.SEARCH].ended >= (trainings or config.search.trainings):
            untried[study.name] = untried_candidates(ledger, study, config.finalists.per_tier)
    begun = {tier.name for tier in config.tier_list()} <= {study.name for study in studies}
    return SearchProgress(
        trainings=trainings,
        table_networks=None if begun else _lines(config.latency_table_path) - 1,
        reached={**reached, **{("", purpose): found for purpose, found in overall.items()}},
        untried=untried,
        undeployed=undeployed,
    )


def observed_basis(config: SearchConfig, ledger: Ledger, basis: Basis) -> Basis:
    """A basis in which the time per image is that of the latest training runs, as far as there are any.

    The time of tiers without one is scaled like that of the others; if it was not measured either, with latency.
    """
    data = basis.data
    pace = basis.pace or Pace({}, _EVALUATION_SHARE, None, 0.0, None)
    pixels, glance = pixel_share(config.recipe), glance_of(data.train, data.validation)
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for tier, result in ledger.recent_results(_RECENT):
        epochs, duration_s = result.get("epochs"), result.get("duration_s")
        if epochs and duration_s:
            evaluated = epochs * glance + data.validation - glance
            seen[tier].append(duration_s / (epochs * data.train * pixels + pace.evaluation_share * evaluated))
    observed = {tier: float(np.mean(times)) for tier, times in seen.items()}
    return replace(basis, pace=replace(pace, image_s=_completed(config, pace.image_s, observed))) if observed else basis


def _completed(
    config: SearchConfig, expected: Mapping[str, float], observed: Mapping[str, float]
) -> Mapping[str, float]:
    """Times per image of all tiers, whole parents and rivals, given those that were observed.

    If nothing was expected, whole parents and rivals are taken to need the mean time of the tiers.
    """
    both = observed.keys() & expected.keys()
    if both:
        factor = float(np.mean([observed[tier] / expected[tier] for tier in both]))
        return {name: observed.get(name, factor * image_s) for name, image_s in expected.items()}
    middle_ms = {tier.name: tier.middle_ms for tier in config.tier_list()}
    per_ms = float(np.mean([image_s / parse_tier(tier).middle_ms for tier, image_s in observed.items()]))
    by_tier = {**{tier: per_ms * ms for tier, ms in middle_ms.items()}, **observed}
    mean = float(np.mean(list(by_tier.values())))
    return {**dict.fromkeys((*whole_names(config), *rival_names(config)), mean), **by_tier}


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return max(1, sum(1 for _ in file))
    except OSError:
        return 1
