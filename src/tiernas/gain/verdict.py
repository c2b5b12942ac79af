"""`read_verdict`: what a search gained and what it cost, read from its ledger."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tiernas.config import SearchConfig
from tiernas.errors import NothingFoundError
from tiernas.gain.random_networks import points_over_random, random_first
from tiernas.ledger import BASELINES, Candidate, Ledger, Purpose, State, Study
from tiernas.plan import Basis
from tiernas.table.speed_up import Interval, points_more, speed_up, speed_words

_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A network that was trained to the end and measured as deployed.

    Attributes:
        name: What it is called.
        latency_ms: Its latency.
        latency_interval_ms: The 95 % interval of the latency.
        accuracies: Its accuracy on test images with each seed, 0 to 1; the first as deployed. For the others, which
            were evaluated in torch, the difference between torch and the engine is taken to be that of the first.
        test_images: Number of test images; None if unknown.
    """

    name: str
    latency_ms: float
    latency_interval_ms: tuple[float, float]
    accuracies: tuple[float, ...]
    test_images: int | None


@dataclass(frozen=True, slots=True)
class TierGain:
    """What the search of a tier gained.

    Attributes:
        tier: Name of the tier.
        found: Its best finalist, chosen by validation accuracy; None if there is none yet.
        times_as_fast: How many times as fast it is as the rivals at equal accuracy (`tiernas.table.speed_up`).
        points: How many points more accurate it is than the rivals at equal latency.
        over_random: How many points of validation accuracy the best network of the search has over the best of as many
            random ones (`tiernas.gain.random_networks`).
        trained: Number of networks that the search trained to the end.
        random: Number of random networks among them that this is judged by.
    """

    tier: str
    found: TrainedNetwork | None
    times_as_fast: Interval | None
    points: Interval | None
    over_random: Interval | None
    trained: int
    random: int


@dataclass(frozen=True, slots=True)
class SearchVerdict:
    """What a search gained, and what it cost.

    Attributes:
        study: Name of the study.
        tiers: The gain of each tier.
        rivals: Rivals and whole parents that are trained, fastest first.
        epochs: Epochs of the training of finalists and rivals.
        test_images: Number of images that accuracies were counted on; None if unknown.
        spent: For each purpose, the number of training runs that ended and the hours that workers spent.
        core_hours: Whether each worker was one core.
    """

    study: str
    tiers: Sequence[TierGain]
    rivals: Sequence[TrainedNetwork]
    epochs: int
    test_images: int | None
    spent: Mapping[Purpose, tuple[int, float]]
    core_hours: bool

    @property
    def lines(self) -> list[str]:
        """Five lines: what is compared, the gain in latency, in accuracy, over random networks, and the cost."""
        return [self._compared(), self._speed(), self._points(), self._over_random(), self._cost()]

    def to_dict(self) -> dict[str, Any]:
        """The verdict, serializable as JSON; what is infinite or unknown is null."""
        spent = {str(purpose): {"trainings": n, "hours": hours} for purpose, (n, hours) in self.spent.items()}
        found: dict[str, Any] = _finite(
            {
                "study": self.study,
                "tiers": [asdict(tier) for tier in self.tiers],
                "rivals": [asdict(rival) for rival in self.rivals],
                "epochs": self.epochs,
                "test_images": self.test_images,
                "spent": spent,
                "lines": self.lines,
            }
        )
        return found

    def _compared(self) -> str:
        found = [tier.found for tier in self.tiers if tier.found]
        seeds = sorted({len(each.accuracies) for each in (*found, *self.rivals)})
        many = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else _count(seeds[0] if seeds else 1, "seed")
        images = "" if self.test_images is None else f", {self.test_images:,} unseen images"
        networks = f"{_count(len(found), 'finalist')} and {_count(len(self.rivals), 'rival')}"
        return f"{self.study}: {networks}, {_count(self.epochs, 'epoch')} each, {many}{images}"

    def _speed(self) -> str:
        if not self.rivals:
            return "speed: no rival is trained; name some in [rivals], and the same search trains them"
        told = (f"{t.tier} ms {speed_words(t.times_as_fast) or _incomparable(t)}" for t in self.tiers if t.found)
        return f"speed: {'; '.join(told) or 'no finalist is trained'}"

    def _points(self) -> str:
        told = [f"{t.tier} ms {_points_words(t.points)}" for t in self.tiers if t.points]
        return f"accuracy at equal latency: {'; '.join(told) or 'nothing to compare'}"

    def _over_random(self) -> str:
        told = [
            f"{t.tier} ms {_points_words(t.over_random)}, best of {t.trained}, judged by the first {t.random}"
            for t in self.tiers
            if t.over_random
        ]
        return f"over random networks, short training: {'; '.join(told) or 'too few proposals that were not random'}"

    def _cost(self) -> str:
        unit = "core-hours" if self.core_hours else "hours of workers"
        runs, hours = sum(n for n, _ in self.spent.values()), sum(hours for _, hours in self.spent.values())
        of_baselines = sum(self.spent[purpose][1] for purpose in BASELINES if purpose in self.spent)
        rivals = f", {of_baselines:.3g} of them for rivals" if of_baselines else ""
        return f"cost: {_count(runs, 'training run')}, {hours:.3g} {unit}{rivals}; measuring not included"


def read_verdict(config: SearchConfig) -> SearchVerdict:
    """What a search gained and cost so far.

    Raises:
        NothingFoundError: The search has not started, or has neither a finalist nor enough candidates to judge.
    """
    basis = Basis.read(config.study.output)
    test_images = basis.data.test if basis else None
    names = {tier.name for tier in config.tier_list()}
    with Ledger.of_begun_search(config.ledger) as ledger:
        studies = [study for study in ledger.studies() if study.name in names]
        baselines = [
            trained for study in studies for of in BASELINES for trained in _trained(ledger, study, of, test_images)
        ]
        rivals = sorted((trained for _, trained in baselines), key=lambda each: each.latency_ms)
        tiers = [_gain(config, ledger, study, rivals, test_images) for study in studies]
        spent = {purpose: (n, seconds / _HOUR_S) for purpose, (n, seconds) in ledger.spent_s().items()}
    if not any(tier.found or tier.over_random for tier in tiers):
        raise NothingFoundError(
            f"study {config.study.name}: there is no verdict yet, because no finalist is trained; tiernas status shows "
            "the progress, and tiernas search continues"
        )
    core_hours = config.workers.executor == "local"
    return SearchVerdict(config.study.name, tiers, rivals, config.finalists.epochs, test_images, spent, core_hours)


def _gain(
    config: SearchConfig, ledger: Ledger, study: Study, rivals: Sequence[TrainedNetwork], test_images: int | None
) -> TierGain:
    done = [c for c in ledger.candidates(study, all_attempts=False) if c.state is State.DONE and c.origin is None]
    accuracies = [c.accuracy for c in done if c.accuracy is not None]
    first = None if study.reused else random_first(config)
    random = [c.accuracy for c in done if c.accuracy is not None and first is not None and c.index < first]
    over_random = points_over_random(max(accuracies), random, len(accuracies)) if accuracies else None
    finalists = _trained(ledger, study, Purpose.FINAL, test_images)
    best = max(finalists, key=lambda pair: pair[0].accuracy or 0.0, default=None)
    found = best[1] if best else None
    against = found is not None and rivals
    return TierGain(
        study.name,
        found,
        speed_up(found, rivals) if found and against else None,
        points_more(found, rivals) if found and against else None,
        over_random,
        len(accuracies),
        len(random),
    )


def _trained(
    ledger: Ledger, study: Study, purpose: Purpose, test_images: int | None
) -> list[tuple[Candidate, TrainedNetwork]]:
    """The networks for a purpose that are trained and measured as deployed."""
    others: dict[str, list[float]] = {}
    for each in ledger.candidates(study, Purpose.SEED):
        if each.state is State.DONE and each.result:
            others.setdefault(each.digest, []).append(each.result["test_accuracy"])
    found = []
    for candidate in ledger.candidates(study, purpose):
        measured, result = candidate.measurement, candidate.result
        if candidate.state is not State.DONE or measured is None or result is None or "deployment" not in measured:
            continue
        deployed = measured["deployment"]
        latency, accuracy = deployed.get("latency") or measured, deployed["accuracy"]
        lost = result["test_accuracy"] - accuracy
        seeds = (accuracy, *(other - lost for other in others.get(candidate.digest, ())))
        called = candidate.rival["name"] if candidate.rival else f"{study.name}-{candidate.number}"
        ends = latency["low_ms"], latency["high_ms"]
        found.append((candidate, TrainedNetwork(called, latency["latency_ms"], ends, seeds, test_images)))
    return found


def _incomparable(tier: TierGain) -> str:
    return "faster and less accurate than every rival" if tier.found else ""


def _points_words(points: Interval | None) -> str:
    if points is None or math.isnan(points.value):
        return "faster than every rival"
    return f"{points.value:+.2f} points ({points.low:+.2f} to {points.high:+.2f})"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _finite(value: Any) -> Any:
    """A document without numbers that JSON lacks."""
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
