"""Figures of ranking.py: how well each score of each brief training predicts the accuracy after a long one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from benchmarks.training.ranks import Estimate, FloatArray, mean_regret, regret, resampled_taus, tau
from benchmarks.training.ways import SEARCH
from scipy.stats import rankdata

from tiernas.errors import UsageError

KEYS = ("way", "epochs", "network", "seed")
"""The keys that identify a training run; a network is named by its digest."""

LONG = "long"
"""The way of the long training."""

NONE = "none"
"""The way of scores that need no training."""

PILOTS = 3
"""Networks whose training with the search's epochs tells what an epoch costs."""

TODAY = "validation accuracy"

Line = Mapping[str, Any]
Score = Callable[[Sequence[Line]], FloatArray]


def epochs_of(way: str, search_epochs: int, lines: Sequence[Line]) -> int:
    """Epochs of a way that take the CPU time of the search's own training: a median over the first networks.

    Args:
        way: The way.
        search_epochs: Epochs of the search.
        lines: All results, with those of the first networks.
    """

    def cpu_s(of_way: str) -> dict[str, float]:
        found = [line for line in lines if (line["way"], line["epochs"], line["seed"]) == (of_way, search_epochs, 0)]
        return {line["network"]: line["cpu_s"] for line in found[:PILOTS]}

    ours, theirs = cpu_s(SEARCH), cpu_s(way)
    ratios = [ours[network] / theirs[network] for network in ours.keys() & theirs.keys()]
    return max(1, round(search_epochs * float(np.median(ratios))))


def _values(lines: Sequence[Line], value: Callable[[Line], float]) -> FloatArray:
    """A value of each training run; one that diverged is the worst."""
    return np.array([-np.inf if line["validation"] is None else value(line) for line in lines])


def _late_losses(line: Line) -> float:
    losses = line["epoch_losses"]
    return -float(sum(losses[len(losses) // 2 :]))


SCORES: dict[str, Score] = {
    TODAY: lambda lines: _values(lines, lambda line: line["validation"]),
    "validation cross-entropy": lambda lines: _values(lines, lambda line: -line["cross_entropy"]),
    "training accuracy, last epoch": lambda lines: _values(lines, lambda line: line["train_accuracies"][-1]),
    "training loss, last epoch": lambda lines: _values(lines, lambda line: -line["epoch_losses"][-1]),
    "training loss, sum of last half": lambda lines: _values(lines, _late_losses),
}
"""Scores of a brief training; larger is better."""

COMBINED = ("validation accuracy", "validation cross-entropy", "training loss, last epoch")


def scores_of(lines: Sequence[Line]) -> dict[str, FloatArray]:
    """All scores of the training runs of one way and seed, `(n,)` each."""
    found = {name: score(lines) for name, score in SCORES.items()}
    return found | {"mean rank": np.mean([rankdata(found[name]) for name in COMBINED], axis=0)}


@dataclass(frozen=True, slots=True)
class Row:
    """How well a score predicts the truth.

    Attributes:
        way: The way to train.
        score: The score.
        epochs: Epochs of the training.
        cost: CPU time of a training run relative to that of the search, mean over networks.
        tau: Kendall's tau, mean over seeds.
        difference: `tau` minus that of today's score.
        regret_points: Accuracy lost by choosing the highest score, in points, mean over seeds.
        mean_regret_points: The same, mean over resampled networks.
    """

    way: str
    score: str
    epochs: int
    cost: float
    tau: Estimate
    difference: Estimate
    regret_points: float
    mean_regret_points: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one tier.

    Attributes:
        document: All figures, serializable as JSON.
        differences: Differences of tau to today's score, by way and score: value and resamples.
    """

    document: dict[str, Any]
    differences: dict[tuple[str, str], tuple[float, FloatArray]]


class _Runs:
    """The training runs of one tier, in the order of the networks of the search's first seed."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = {tuple(line[key] for key in KEYS): line for line in lines}
        self.search_epochs = min((line["epochs"] for line in lines if line["way"] == SEARCH), default=0)
        first = [line for line in lines if (line["way"], line["seed"]) == (SEARCH, 0)]
        self.networks = [line["network"] for line in first]

    def complete(self, way: str, epochs: int) -> list[list[Line]]:
        """The training runs of each seed that has all networks."""
        found = []
        for seed in sorted({key[3] for key in self._lines if key[:2] == (way, epochs)}):
            keys = [(way, epochs, network, seed) for network in self.networks]
            if all(key in self._lines for key in keys):
                found.append([self._lines[key] for key in keys])
        return found

    def ways(self) -> list[str]:
        return list(dict.fromkeys(key[0] for key in self._lines if key[0] != LONG))

    def long_epochs(self) -> int:
        return max((key[1] for key in self._lines if key[0] == LONG), default=0)


def summarize(lines: Sequence[Line], resampling_seed: int) -> Summary:
    """The figures of one tier: all ways of which a seed is complete.

    Args:
        lines: All results.
        resampling_seed: Seed of the bootstrap; another one for every tier, so that tiers are resampled independently.

    Raises:
        UsageError: No seed of the search's way, or of the long training, is complete.
    """
    runs = _Runs(lines)
    long_epochs = runs.long_epochs()
    today, long = runs.complete(SEARCH, runs.search_epochs), runs.complete(LONG, long_epochs)
    if not today or not long:
        missing = "the long training" if today else "the training of the search"
        raise UsageError(f"no seed of {missing} is complete: run it first")
    tests = np.array([[line["test"] or 0.0 for line in of_seed] for of_seed in long])
    truth = tests.mean(axis=0)
    sets = [(way, epochs_of(way, runs.search_epochs, lines)) for way in runs.ways()]
    trained = {(way, epochs): runs.complete(way, epochs) for way, epochs in (*sets, (LONG, long_epochs))}
    found: dict[tuple[str, str], tuple[int, float, list[FloatArray]]] = {}
    usual_s = _cpu_s(today)
    for (way, epochs), of_seeds in trained.items():
        if not of_seeds:
            continue
        scored = [scores_of(of_seed) for of_seed in of_seeds]
        for name in scored[0]:
            cost = _cpu_s(of_seeds) / usual_s
            found[way, name] = epochs, cost, [scores[name] for scores in scored]
    for name in ("macs", "parameters"):
        found[NONE, name] = 0, 0.0, [np.array([float(line[name]) for line in long[0]])]
    rows, differences = [], {}
    base = _mean_taus(found[SEARCH, TODAY][2], truth, resampling_seed)
    for (way, name), (epochs, cost, scores) in found.items():
        value, resampled = _mean_taus(scores, truth, resampling_seed)
        difference = value - base[0], resampled - base[1]
        differences[way, name] = difference
        rows.append(
            Row(
                way,
                name,
                epochs,
                round(cost, 2),
                Estimate.of(value, resampled),
                Estimate.of(*difference),
                _points(regret(each, truth) for each in scores),
                _points(mean_regret(each, truth, resampling_seed) for each in scores),
            )
        )
    document = {
        "devices": sorted({line["device"] for line in lines}),
        "from": min(line["at"] for line in lines),
        "to": max(line["at"] for line in lines),
        "networks": len(runs.networks),
        "seeds": len(today),
        "search_epochs": runs.search_epochs,
        "search_cpu_s": round(usual_s, 1),
        "long": _of_long_training(tests, long_epochs),
        "rows": [asdict(row) for row in rows],
    }
    return Summary(document, differences)


def _of_long_training(tests: FloatArray, epochs: int) -> dict[str, Any]:
    truth = tests.mean(axis=0)
    points = {"best": truth.max(), "mean": truth.mean(), "worst": truth.min()}
    found: dict[str, Any] = {
        "epochs": epochs,
        "seeds": len(tests),
        "test_points": {name: round(100 * float(value), 2) for name, value in points.items()},
        "regret_of_chance_points": round(100 * float(truth.max() - truth.mean()), 2),
    }
    if len(tests) > 1:
        found["seed_deviation_points"] = round(100 * float(np.sqrt(tests.var(axis=0, ddof=1).mean())), 2)
        found["tau_between_seeds"] = round(tau(tests[0], tests[1]), 3)
    return found


def _cpu_s(of_seeds: Sequence[Sequence[Line]]) -> float:
    return float(np.mean([line["cpu_s"] for of_seed in of_seeds for line in of_seed]))


def _mean_taus(scores: Sequence[FloatArray], truth: FloatArray, seed: int) -> tuple[float, FloatArray]:
    """Tau, mean over the seeds of the brief training: value and resamples."""
    value = float(np.mean([tau(each, truth) for each in scores]))
    return value, np.mean([resampled_taus(each, truth, seed) for each in scores], axis=0)


def _points(regrets: Any) -> float:
    return round(100 * float(np.mean(list(regrets))), 2)


def overall(summaries: Mapping[str, Summary]) -> list[dict[str, Any]]:
    """Mean difference of tau to today's score over all tiers, for what was trained in all of them; the best first."""
    each = [summary.differences for summary in summaries.values()]
    shared = [key for key in each[0] if all(key in differences for differences in each)]
    rows = []
    for way, name in shared:
        values, resampled = zip(*(differences[way, name] for differences in each), strict=True)
        difference = Estimate.of(float(np.mean(values)), np.mean(resampled, axis=0))
        rows.append({"way": way, "score": name, "tiers": len(each), "difference": asdict(difference)})
    return sorted(rows, key=lambda row: -row["difference"]["value"])


def tables_of(documents: Mapping[str, Mapping[str, Any]], together: Sequence[Mapping[str, Any]]) -> str:
    """All figures in Markdown."""
    lines: list[str] = []
    for name, document in documents.items():
        long = document["long"]
        points = long["test_points"]
        lines += [
            f"## {name}",
            "",
            f"{document['networks']} networks. Brief training: {document['search_epochs']} epochs, "
            f"{document['seeds']} seeds, {document['search_cpu_s']} s of CPU. Long training: {long['epochs']} epochs, "
            f"{long['seeds']} seeds; {points['worst']:.1f} to {points['best']:.1f} % of the test images, "
            f"mean {points['mean']:.1f} %.",
            "",
            "| training | score | epochs | CPU time | tau (95 %) | difference (95 %) | points lost | resampled |",
            "| --- | --- | ---: | ---: | --- | --- | ---: | ---: |",
        ]
        lines += [
            f"| {row['way']} | {row['score']} | {row['epochs']} | {row['cost']:.2f} | {Estimate(**row['tau'])} "
            f"| {Estimate(**row['difference'])} | {row['regret_points']:.1f} | {row['mean_regret_points']:.1f} |"
            for row in document["rows"]
        ]
        lines.append("")
    lines += ["## All tiers", "", "| training | score | tiers | difference of tau (95 %) |"]
    lines.append("| --- | --- | ---: | --- |")
    lines += [
        f"| {row['way']} | {row['score']} | {row['tiers']} | {Estimate(**row['difference'])} |" for row in together
    ]
    return "\n".join(lines)
