"""Finds the best known accuracy of `anb28` within each cost limit by local search; writes results/best-known.json.

From the root of the repository, a minute on one core:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/find_best.py

Each of many random starts within the limit climbs: the best of all rows within the limit that differ in one or two
coordinates is next, until none is better. The number of starts that end at the best value shows how certain it is.
"""

from __future__ import annotations

import argparse
import itertools
import json

import numpy as np
from tasks import BEST_KNOWN, add_tables_option, anb28_limits, clear_errors

from tiernas.replay import Anb28
from tiernas.search.lattice import IntArray

STARTS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=STARTS)
    add_tables_option(parser)
    args = parser.parse_args()
    with clear_errors():
        found = {
            name: best_of(Anb28.load(args.tables, limit_us, device), args.starts)
            for name, (device, limit_us) in anb28_limits(args.tables).items()
        }
    BEST_KNOWN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def best_of(table: Anb28, starts: int) -> dict[str, object]:
    changes = one_or_two_changes(table.levels)
    rng = np.random.default_rng(0)
    ends = [climb(table, start(table, rng), changes) for _ in range(starts)]
    accuracies = np.array([table.value(row[None])[0] for row in ends])
    best = ends[int(accuracies.argmax())]
    reached = int(np.sum(accuracies > accuracies.max() - 1e-6))
    cost_us = float(table.cost_us(best[None])[0])
    found = f"{accuracies.max():.4f} at {cost_us:.2f} us, {reached} of {starts} starts end there"
    print(f"at most {table.limit_us} us: {found}", flush=True)
    return {
        "limit_us": table.limit_us,
        "best": float(accuracies.max()),
        "cost_us": round(cost_us, 4),
        "row": best.tolist(),
        "starts": starts,
        "starts_that_end_there": reached,
    }


def start(table: Anb28, rng: np.random.Generator) -> IntArray:
    while True:
        row: IntArray = rng.integers(0, table.levels)
        if table.feasible(row[None])[0]:
            return row


def one_or_two_changes(levels: tuple[int, ...]) -> IntArray:
    """What to add to a row, modulo the levels, to change it in one or two coordinates in every way."""
    steps = [(i, step) for i, n in enumerate(levels) for step in range(1, n)]
    pairs = [pair for pair in itertools.combinations(steps, 2) if pair[0][0] != pair[1][0]]
    changes = np.zeros((len(steps) + len(pairs), len(levels)), dtype=np.int64)
    for k, change in enumerate([*((step,) for step in steps), *pairs]):
        for i, step in change:
            changes[k, i] = step
    return changes


def climb(table: Anb28, row: IntArray, changes: IntArray) -> IntArray:
    accuracy = table.value(row[None])[0]
    while True:
        neighbours = (row + changes) % table.levels
        neighbours = neighbours[table.feasible(neighbours)]
        accuracies = table.value(neighbours)
        if not len(neighbours) or accuracies.max() <= accuracy:
            return row
        row, accuracy = neighbours[accuracies.argmax()], accuracies.max()


if __name__ == "__main__":
    main()
