"""`SearchPlan`: what a search, or the rest of it, does, part by part, and how long that takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tiernas.config import SearchConfig
from tiernas.ledger import BASELINES, Purpose
from tiernas.plan.basis import Basis, Pace
from tiernas.plan.work import SearchProgress, search_seconds, training_work
from tiernas.plan.workers import Workers
from tiernas.rounding import duration_words
from tiernas.training.data_size import DataSize

_LOADING_S = 4.0
"""Time to export, compile and load a network that is measured, beside the time of measuring it."""

_TRIED_PER_FINALIST = 1.5
"""Measurements until a finalist is found inside its tier; each network takes one to three."""

_WHAT = {
    Purpose.SEARCH: "candidates trained",
    Purpose.REPEAT: "best trained with other seeds",
    Purpose.FINAL: "finalists trained",
    Purpose.PARENT: "whole networks trained",
    Purpose.RIVAL: "rivals trained",
    Purpose.SEED: "trained with other seeds",
}

_MEASURED = {Purpose.PARENT: "whole networks measured", Purpose.RIVAL: "rivals measured"}

_EXACT = "fp32"


@dataclass(frozen=True, slots=True)
class PlanPart:
    """A part of a plan.

    Attributes:
        what: What is done.
        where: The tier in ms, or which network; empty if it is for all tiers.
        networks: Number of networks.
        epochs: Epochs that each is trained, on average; None if they are measured.
        seconds: How long it takes; None if unknown.
    """

    what: str
    where: str
    networks: int
    epochs: float | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What is to be done.

    Attributes:
        parts: In the order in which they are done; parts that are done are left out.
        workers: Who trains.
    """

    parts: Sequence[PlanPart]
    workers: Workers

    @property
    def measuring_s(self) -> float:
        """How long networks are measured, as far as known."""
        return sum(part.seconds or 0.0 for part in self.parts if part.epochs is None)

    @property
    def training_s(self) -> float | None:
        """How long networks are trained; None if unknown."""
        return _sum(part for part in self.parts if part.epochs is not None)

    @property
    def seconds(self) -> float | None:
        """How long all of it takes; None if unknown."""
        return _sum(self.parts)

    @property
    def words(self) -> str:
        """Such as "about 2.5 hours with 2 workers (25 minutes of measuring, 2.1 hours of training)"."""
        if self.seconds is None or self.training_s is None:
            return (
                f"{duration_words(self.measuring_s)} of measuring; the time of training is unknown until the first "
                f"candidates are trained ({self.workers.words})"
            )
        shares = {"measuring": self.measuring_s, "training": self.training_s}
        told = ", ".join(f"{duration_words(seconds)} of {what}" for what, seconds in shares.items() if seconds)
        return f"about {duration_words(self.seconds)} with {self.workers.words} ({told})"

    def to_dict(self) -> dict[str, Any]:
        """The plan, serializable as JSON; durations in minutes."""
        parts = [asdict(part) | {"minutes": _minutes(part.seconds)} for part in self.parts]
        for part in parts:
            del part["seconds"]
        return {"parts": parts, "workers": self.workers.count, "minutes": _minutes(self.seconds)}


def plan_search(config: SearchConfig, basis: Basis, workers: Workers, done: SearchProgress | None = None) -> SearchPlan:
    """The plan of a search, or of the rest of it.

    Args:
        config: The search.
        basis: The size of its data, and how fast this machine is.
        workers: Who trains.
        done: What is done; nothing by default.
    """
    done = done or SearchProgress()
    pace = basis.pace or Pace({}, 0.0, None, 0.0, None)
    found = [_table(config, pace, done), *_trained(config, basis.data, pace, workers, done)]
    return SearchPlan([part for part in found if part.networks], workers)


def _table(config: SearchConfig, pace: Pace, done: SearchProgress) -> PlanPart:
    built, measured = config.latency.table is None, done.table_networks
    left = max(0, config.latency.networks - measured) if built and measured is not None else 0
    seconds = None if pace.network_s is None else left * pace.network_s
    return PlanPart("networks measured for the latency table", "", left, None, seconds)


def _trained(
    config: SearchConfig, data: DataSize, pace: Pace, workers: Workers, done: SearchProgress
) -> Iterator[PlanPart]:
    """Training runs, and the measurements in between."""
    each_s = config.finalists.measure_seconds + _LOADING_S
    entries = done.undeployed
    for work in training_work(config, workers, done):
        if work.purpose.is_entered:
            entries += work.networks
            baseline = work.purpose in BASELINES
            untried = max(0, work.networks - done.of("" if baseline else work.tier, work.purpose).begun)
            what, tries = _MEASURED.get(work.purpose, "finalists chosen"), 1.0 if baseline else _TRIED_PER_FINALIST
            yield PlanPart(what, work.tier, untried, None, tries * untried * each_s)
        yield PlanPart(
            _WHAT[work.purpose], work.tier, work.networks, work.epochs, search_seconds(work, config, pace, data)
        )
    measurements = 1 if config.engine.precision == _EXACT else 2  # a low precision is compared with a more exact one
    yield PlanPart("entries measured as deployed", "", entries, None, entries * measurements * each_s)


def _sum(parts: Iterator[PlanPart] | Sequence[PlanPart]) -> float | None:
    seconds = [part.seconds for part in parts]
    return None if None in seconds else sum(each for each in seconds if each is not None)


def _minutes(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / 60
