"""Measures whether the networks of a tier rank the same each time; writes results/order.json.

    python benchmarks/latency/order.py

Eight networks of `gpunet-small` with nearly equal work are measured five times like the finalists of a search,
interleaved with one anchor, each time next to a neighbor with another seed (`tiernas.testing.neighbour`) and with
everything compiled again. It counts the pairs of networks that a run separates, because their intervals do not overlap,
and those among them that another run has the other way round: by separated intervals, or by the ratio alone.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import numpy as np

from tiernas.engines import Engine, TurnRule, get_engine
from tiernas.latency import measure_architecture
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.networks import cost
from tiernas.spaces import Architecture, get_space
from tiernas.testing.neighbour import neighbour

RUNS, NETWORKS, NUM_CLASSES, RUNG = 5, 8, 10, 3
RULE = TurnRule(relative_width=0.01, limit_s=10.0, patience=2.0, reload_s=2.0)
"""As `tiernas.tier_clock` has it."""

SAMPLED, SEED = 512, 2026
RESULTS = Path(__file__).parent / "results" / "order.json"

Interval = tuple[float, float, float]
"""A ratio to the anchor between the ends of its interval."""


def main() -> None:
    engine, networks = get_engine("openvino", precision="fp32"), near()
    runs: list[list[Interval]] = []
    for seed in range(RUNS):
        with neighbour(seed):
            runs.append(measure(networks, engine))
        found = {"pairs": RUNS * NETWORKS * (NETWORKS - 1) // 2, **count(runs), "runs": runs}
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print({key: value for key, value in found.items() if key != "runs"}, flush=True)


def near() -> list[Architecture]:
    """Networks whose multiply-accumulates are nearest to those of a rung."""
    space = get_space("gpunet-small")
    macs = rungs_of(space)[RUNG].macs
    sampled = [space.decode(vector) for vector in space.sample(SAMPLED, SEED)]
    return sorted(sampled, key=lambda network: abs(np.log(cost(network, NUM_CLASSES).macs / macs)))[:NETWORKS]


def measure(networks: list[Architecture], engine: Engine) -> list[Interval]:
    with Ladder(rungs_of(get_space("gpunet-small")), engine) as ladder:
        found = [measure_architecture(each, NUM_CLASSES, ladder, RULE, rung=RUNG).in_turn for each in networks]
    return [(turns.ratio_low, turns.ratio, turns.ratio_high) for turns in found if turns]


def count(runs: list[list[Interval]]) -> dict[str, int]:
    """Ordered pairs of networks over all runs, and what other runs say of them."""
    told = contradicted = reversed_ = 0
    for run in runs:
        for one, other in combinations(range(NETWORKS), 2):
            fast, slow = sorted((one, other), key=lambda network: run[network][1])
            if run[fast][2] < run[slow][0]:
                told += 1
                contradicted += any(again[slow][2] < again[fast][0] for again in runs)
                reversed_ += any(again[slow][1] < again[fast][1] for again in runs)
    return {"told_apart": told, "contradicted": contradicted, "ratio_the_other_way": reversed_}


if __name__ == "__main__":
    main()
