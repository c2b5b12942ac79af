"""What a search should do with the time for another finalist: train it, repeat the best candidates, or search longer.

117 networks of the MnasNet space were trained on ImageNet with 3 seeds for a short time and with 3 seeds for a long one
(Accel-NASBench, `anb_two_lengths.npz`). A long training run takes 5.6 times as long as a short one, so the time for one
finalist is that for 6 short training runs. A replayed search draws networks at random and trains each short with one
seed. A rule then chooses finalists, which are trained long with one seed, and the most accurate of them is the result.
Its loss is the accuracy that it lacks to the best of the drawn networks; accuracy is the mean of the two other long
seeds, which the rule has not seen. A longer search may draw a better network, so its loss may be negative.

All rules of a budget take the same time to within 10 %: all of it for finalists; or that of some finalists for repeats
of the best candidates with one or two other seeds, of which the mean of all seeds is then ranked; or for more networks
in the search. The default of `[finalists]` is in the budget that it comes closest to.

From the root of the repository, on one core, two minutes:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/finalist_rule.py    # writes results/finalist-rule.json and results/finalist-rule.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from tasks import RESULTS, add_tables_option, clear_errors

from tiernas.errors import UsageError

TABLE = "anb_two_lengths.npz"
SEEDS = 3
BUDGETS = (1, 2, 3, 4, 6)
"""In finalists."""

SEARCHES = 20_000
"""Searches whose mean loss is reported."""

RESAMPLES = 1000
"""Resamples of the networks, with replacement; the spread of their mean losses gives the interval."""

NORMAL_95 = 1.96
"""Half width of the 95 % interval of a normal distribution, in standard deviations."""

SEARCHES_PER_RESAMPLE = 200

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Networks:
    """Accuracies of the same networks after short and long training, in percent.

    Attributes:
        short: `n x 3`, one column for each seed.
        long: `n x 3`, likewise.
        macs: `n` multiply-accumulates.
        finalist_cost: Duration of a long training run, in short ones.
    """

    short: FloatArray
    long: FloatArray
    macs: FloatArray
    finalist_cost: float


@dataclass(frozen=True, slots=True)
class Population:
    """Groups of networks; a search draws from one of them.

    Attributes:
        words: What they are.
        drawn: Networks that a search trains.
        groups: The rows of each group; all have about as many.
    """

    words: str
    drawn: int
    groups: Sequence[IntArray]


def populations(networks: Networks) -> list[Population]:
    """All networks; the best quarter, as a search finds them; and networks of similar size, as those of a tier."""
    by_accuracy = np.argsort(-networks.long.mean(axis=1), kind="stable")
    by_size = np.argsort(networks.macs, kind="stable")
    return [
        Population("all networks", 40, [by_accuracy]),
        Population("the best quarter", 20, np.array_split(by_accuracy, 4)[:1]),
        Population("quarters of similar size", 20, np.array_split(by_size, 4)),
    ]


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens after a search has trained its candidates with one seed.

    Attributes:
        finalists: Networks that are trained long.
        repeated: Networks that are trained short with other seeds before; 0 for none.
        seeds: Seeds of each of these, including that of the search.
        more: Networks that the search trains besides.
    """

    finalists: int
    repeated: int = 0
    seeds: int = 1
    more: int = 0

    @property
    def short_trainings(self) -> int:
        """Short training runs besides those of the search."""
        return self.repeated * (self.seeds - 1) + self.more

    @property
    def words(self) -> str:
        best = f"best {self.finalists} by one seed" if self.finalists > 1 else "best one by one seed"
        if self.repeated:
            best = f"best {self.finalists} of {self.repeated} by the mean of {self.seeds} seeds"
        return f"{best}, {self.more} more networks searched" if self.more else best


DEFAULT = Rule(finalists=2, repeated=4, seeds=2)
"""`[finalists] per_tier = 2, repeat_best = 4, repeats = 1`."""


def rules_of(budget: int, exchange: int, drawn: int, available: int) -> Iterator[Rule]:
    """The rules of a budget, the one without repeats first.

    Args:
        budget: In finalists.
        exchange: Short training runs in the time of one finalist.
        drawn: Networks of a search.
        available: Networks that it can draw from.
    """
    yield Rule(budget)
    for saved in range(1, budget):
        left, trainings = budget - saved, saved * exchange
        for seeds in range(2, SEEDS + 1):
            repeated = trainings // (seeds - 1)
            if left <= repeated <= drawn:
                yield Rule(left, repeated, seeds)
        if drawn + trainings <= available:
            yield Rule(left, more=trainings)


def load(tables: Path) -> Networks:
    path = tables / TABLE
    if not path.exists():
        raise UsageError(f"{path}: no such table; give its folder with --tables or $TIERNAS_SEARCH_TABLES")
    with np.load(path) as arrays:
        cost = arrays["long_train_s"].sum() / arrays["short_train_s"].sum()
        return Networks(arrays["short_top1"], arrays["long_top1"], arrays["macs"], float(cost))


def mean_losses(
    networks: Networks, group: IntArray, rules: Sequence[Rule], drawn: int, searches: int, rng: np.random.Generator
) -> FloatArray:
    """Mean loss of each rule in points, over searches in a group of networks that all rules share."""
    most = drawn + max(rule.more for rule in rules)
    rows = rng.permuted(np.tile(group, (searches, 1)), axis=1)[:, :most]
    short = rng.permuted(networks.short[rows], axis=2)
    long = rng.permuted(networks.long[rows], axis=2)
    final, accuracy = long[:, :, 0], long[:, :, 1:].mean(axis=2)
    best = accuracy[:, :drawn].max(axis=1)
    found = []
    for rule in rules:
        chosen = choose(rule, short[:, : drawn + rule.more])
        winner = np.take_along_axis(final, chosen, axis=1).argmax(axis=1)[:, None]
        result = np.take_along_axis(chosen, winner, axis=1)
        found.append((best - np.take_along_axis(accuracy, result, axis=1)[:, 0]).mean())
    return np.array(found)


def choose(rule: Rule, short: FloatArray) -> IntArray:
    """The finalists of each search, `searches x finalists`.

    Args:
        rule: The rule.
        short: Accuracies after short training, `searches x networks x seeds`; the search sees the first seed.
    """
    ranked = np.argsort(-short[:, :, 0], axis=1, kind="stable")
    if rule.repeated:
        ranked = ranked[:, : rule.repeated]
        means = np.take_along_axis(short[:, :, : rule.seeds].mean(axis=2), ranked, axis=1)
        ranked = np.take_along_axis(ranked, np.argsort(-means, axis=1, kind="stable"), axis=1)
    return ranked[:, : rule.finalists]


def compare(networks: Networks, population: Population) -> dict[str, Any]:
    """Losses of all rules for one population, with intervals; the groups count equally."""
    fewest = min(len(group) for group in population.groups)
    exchange = round(networks.finalist_cost)
    by_budget = {budget: list(rules_of(budget, exchange, population.drawn, fewest)) for budget in BUDGETS}
    nearest = min(BUDGETS, key=lambda budget: abs(budget - DEFAULT.finalists - DEFAULT.short_trainings / exchange))
    by_budget[nearest].append(DEFAULT)
    rules = [rule for of_budget in by_budget.values() for rule in of_budget]
    rng = np.random.default_rng(0)

    def of_groups(groups: Iterable[IntArray], searches: int) -> FloatArray:
        each = [mean_losses(networks, group, rules, population.drawn, searches, rng) for group in groups]
        return np.mean(each, axis=0)

    found = of_groups(population.groups, SEARCHES)
    resampled = np.array(
        [
            of_groups((rng.choice(group, len(group)) for group in population.groups), SEARCHES_PER_RESAMPLE)
            for _ in range(RESAMPLES)
        ]
    )
    rows = []
    for budget, of_budget in by_budget.items():
        plain = rules.index(Rule(budget))
        for rule in of_budget:
            at = rules.index(rule)
            cost = rule.short_trainings + rule.finalists * networks.finalist_cost
            rows.append(
                {
                    "budget": budget,
                    "rule": rule.words,
                    "default": rule == DEFAULT,
                    "cost": round(cost, 1),
                    "loss": interval(found[at], resampled[:, at]),
                    "difference": interval(found[at] - found[plain], resampled[:, at] - resampled[:, plain]),
                }
            )
    return {
        "groups": [len(group) for group in population.groups],
        "drawn": population.drawn,
        "tau": round(float(np.mean([tau(networks, group) for group in population.groups])), 2),
        "rows": rows,
    }


def tau(networks: Networks, group: IntArray) -> float:
    """Kendall's tau between the accuracies of short training and the mean of the long ones, mean over short seeds."""
    long = networks.long[group].mean(axis=1)
    return float(np.mean([stats.kendalltau(short, long).statistic for short in networks.short[group].T]))


def interval(value: float, resampled: FloatArray) -> list[float]:
    """A value with its 95 % interval, in points.

    Only the spread of the resamples is used: they have fewer different networks, so their mean is another one.
    """
    half_width = NORMAL_95 * resampled.std(ddof=1)
    return [round(float(number), 3) + 0.0 for number in (value, value - half_width, value + half_width)]


def tables_of(results: dict[str, Any]) -> str:
    """The results in Markdown."""
    lines = []
    for words, found in results["populations"].items():
        groups = ", ".join(map(str, found["groups"]))
        lines += [f"**{words}** ({groups}; a search draws {found['drawn']})", ""]
        lines += [f"Kendall's tau of short and long training: {found['tau']:.2f}", ""]
        lines += ["| budget | finalists | cost in short training runs | points lost (95 %) | difference (95 %) |"]
        lines += ["| ---: | --- | ---: | --- | --- |"]
        for row in found["rows"]:
            name = f"**{row['rule']}** (default)" if row["default"] else row["rule"]
            lost, difference = shown(row["loss"]), shown(row["difference"]) if any(row["difference"]) else "–"
            lines.append(f"| {row['budget']} | {name} | {row['cost']:.1f} | {lost} | {difference} |")
        lines.append("")
    return "\n".join(lines)


def shown(values: Sequence[float]) -> str:
    value, low, high = values
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    add_tables_option(parser)
    args = parser.parse_args()
    with clear_errors():
        networks = load(args.tables)
    results = {
        "finalist_cost": round(networks.finalist_cost, 2),
        "searches": SEARCHES,
        "resamples": RESAMPLES,
        "populations": {each.words: compare(networks, each) for each in populations(networks)},
    }
    text = tables_of(results)
    (args.results / "finalist-rule.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (args.results / "finalist-rule.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
