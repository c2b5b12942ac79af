"""What a search, or the rest of it, trains, and how long each part takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tiernas.config import SearchConfig
from tiernas.config.search_section import ScreenSection
from tiernas.ledger import Purpose
from tiernas.plan.basis import Pace
from tiernas.plan.workers import Workers
from tiernas.training.data_size import DataSize, glance_of
from tiernas.training.progression import pixel_share


@dataclass(frozen=True, slots=True)
class Reached:
    """How far the training runs for one purpose in one tier are.

    Attributes:
        ended: Number that ended; of finalists, only those that succeeded, as others are replaced.
        running: For each running one, the share of its epochs that is done.
        waiting: Number that wait for a worker.
    """

    ended: int = 0
    running: tuple[float, ...] = ()
    waiting: int = 0

    @property
    def begun(self) -> int:
        """Number that run or wait."""
        return len(self.running) + self.waiting


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """What is done of a search; by default nothing.

    Attributes:
        trainings: Training runs per tier that the user ordered; None if the configuration decides.
        table_networks: Networks of the latency table measured so far; None if the table is complete.
        reached: Training runs by tier and purpose; those of whole parents, rivals and other seeds under "".
        untried: For each tier whose search is over, the number of candidates that may still become finalists.
        undeployed: Number of trained finalists, whole parents and rivals that were not measured as deployed.
    """

    trainings: int | None = None
    table_networks: int | None = 0
    reached: Mapping[tuple[str, Purpose], Reached] = field(default_factory=dict)
    untried: Mapping[str, int] = field(default_factory=dict)
    undeployed: int = 0

    def of(self, tier: str, purpose: Purpose) -> Reached:
        """How far the training runs for a purpose in a tier are."""
        return self.reached.get((tier, purpose), Reached())


@dataclass(frozen=True, slots=True)
class TrainingWork:
    """Training runs of one kind that have not ended.

    Attributes:
        purpose: What they are for.
        tier: Name of the tier; of a whole parent or rival its name in `Pace.image_s`.
        networks: Their number.
        epochs: Epochs of each, on average.
        turns: Training runs one after the other: how many times the duration of one they take.
    """

    purpose: Purpose
    tier: str
    networks: int
    epochs: float
    turns: float

    def seconds(self, pace: Pace, data: DataSize, pixels: float) -> float | None:
        """How long they take; None if the time per image is unknown.

        Args:
            pace: How fast the search advances.
            data: The size of the data set.
            pixels: Pixels of a training image relative to those of the network's own size, see `pixel_share`.
        """
        image_s = pace.image_s.get(self.tier)
        if image_s is None:
            return None
        glance = glance_of(data.train, data.validation)
        evaluated = self.epochs * glance + data.validation - glance + (data.test if self.purpose.is_final else 0)
        return self.turns * image_s * (self.epochs * data.train * pixels + pace.evaluation_share * evaluated)


def training_work(config: SearchConfig, workers: Workers, done: SearchProgress) -> Iterator[TrainingWork]:
    """The training runs of a search that have not ended, in the order in which they are trained."""
    wanted = config.finalists
    trainings = done.trainings or config.search.trainings
    tiers = [tier.name for tier in config.tier_list()]
    pending, everyone = config.search.distance, workers.at_once()
    at_once = workers.at_once(None if pending is None else pending + 1)
    short = config.recipe.epochs
    for tier in tiers:
        yield _left(Purpose.SEARCH, tier, trainings, mean_epochs(config.search.screen, short), at_once, done)
    repeats = wanted.repeats * min(wanted.repeat_best, trainings) if wanted.per_tier else 0
    for tier in tiers:
        chosen = done.of(tier, Purpose.FINAL)
        yield _left(Purpose.REPEAT, tier, 0 if chosen.ended or chosen.begun else repeats, short, everyone, done)
    for tier in tiers:
        yield _left(Purpose.FINAL, tier, _finalists(tier, wanted.per_tier, done), wanted.epochs, everyone, done)
    yield from _baselines(config, workers, done)
    if wanted.seeds > 1:
        yield _other_seeds(config, everyone, done)


def _baselines(config: SearchConfig, workers: Workers, done: SearchProgress) -> Iterator[TrainingWork]:
    for purpose, all_names in ((Purpose.PARENT, whole_names(config)), (Purpose.RIVAL, rival_names(config))):
        there = done.of("", purpose)
        names = all_names[there.ended :]
        for number, name in enumerate(names):
            begun = there.running[number] if number < len(there.running) else 0.0
            turns = (1 - begun) / workers.at_once(len(names))
            yield TrainingWork(purpose, name, 1, config.finalists.epochs, turns)


def _other_seeds(config: SearchConfig, at_once: int, done: SearchProgress) -> TrainingWork:
    """Finalists, whole parents and rivals with other seeds, as if all of them were of the last tier."""
    wanted = config.finalists
    tiers = [tier.name for tier in config.tier_list()]
    networks = sum(_finalists(tier, wanted.per_tier, done) for tier in tiers)
    networks += len(whole_names(config)) + len(rival_names(config))
    left = max(0, (wanted.seeds - 1) * networks - done.of("", Purpose.SEED).ended)
    return TrainingWork(Purpose.SEED, tiers[-1], left, wanted.epochs, math.ceil(left / at_once))


def _finalists(tier: str, per_tier: int, done: SearchProgress) -> int:
    """Number of finalists that a tier will have, ended or not."""
    chosen = done.of(tier, Purpose.FINAL)
    untried = done.untried.get(tier, per_tier)
    return min(per_tier, chosen.ended + chosen.begun + untried)


def whole_names(config: SearchConfig) -> list[str]:
    """What the whole parents that are compared are called in `Pace.image_s`."""
    return [whole_name(resolution) for resolution in (config.parent.compared if config.parent else ())]


def rival_names(config: SearchConfig) -> list[str]:
    """What the rivals are called in `Pace.image_s`."""
    return [rival_name(name) for name in config.rivals.names]


def rival_name(name: str) -> str:
    """What a rival is called; no tier is called so."""
    return f"rival {name}"


def whole_name(resolution: int) -> str:
    """What the whole parent at a resolution is called."""
    return f"whole at {resolution} px"


def mean_epochs(screen: ScreenSection, epochs: int) -> float:
    """Epochs of a candidate on average, if the screen keeps the share that it is meant to keep."""
    reaching, screened, before = 1.0, 0.0, 0
    for rung in screen.epochs:
        screened += reaching * (rung - before)
        reaching, before = reaching * screen.keep, rung
    screened += reaching * (epochs - before)
    return epochs / screen.audit + (1 - 1 / screen.audit) * screened


def search_seconds(work: TrainingWork, config: SearchConfig, pace: Pace, data: DataSize) -> float | None:
    """How long training runs take with the recipe of a search."""
    recipe = config.finalist_recipe if work.purpose.is_final else config.recipe
    return work.seconds(pace, data, pixel_share(recipe))


def _left(purpose: Purpose, tier: str, wanted: int, epochs: float, at_once: int, done: SearchProgress) -> TrainingWork:
    there = done.of(tier, purpose)
    left = max(0, wanted - there.ended)
    begun = sum(there.running) / len(there.running) if there.running and left else 0.0
    return TrainingWork(purpose, tier, left, epochs, math.ceil(left / at_once) - begun)
