"""Tests whether a space is worth searching: how much its networks of one tier differ, compared with seeds.

Networks are drawn at random from the first tier of a search, and each is trained with the search's recipe and two
seeds. Their accuracies are computed on the test split, which has more images than the validation split and thus adds
less noise. Three figures decide: the standard deviation of the networks' accuracies (means over seeds), that between
the seeds of one network, and their ratio. A space passes if the ratio is at least 4: otherwise its networks are all
alike, like those of AutoFormer, and a search finds only lucky seeds.

From the root of the repository, with the configuration of a search whose latency table exists:

    tiernas latency build --space vit-small --table benchmarks/spaces/results/vit-small-openvino-fp32.jsonl
    python -m benchmarks.spaces.gate run benchmarks/spaces/vit-small.toml --workers 2   # resumes an interrupted run
    python -m benchmarks.spaces.gate table                                              # of all results

Every completed training run is stored in results/gate-NAME.json, with the figures so far. `run` exits with 1 if the
space does not pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.shared.parallel import run_all
from benchmarks.shared.results_file import Results, print_table, read_results
from benchmarks.shared.tier_networks import draw_networks, table_digest
from benchmarks.shared.timed_trainings import TimedTraining, measured

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError
from tiernas.spaces import get_space
from tiernas.training import load_data

RESULTS = Path(__file__).parent / "results"
WANTED_RATIO = 4.0
FIGURES = "figures"


def run(config: SearchConfig, path: Path, networks: int, seeds: int, workers: int) -> dict[str, Any] | None:
    """Trains what is missing, network by network; returns the figures."""
    space, tier = get_space(config.study.space), config.tier_list()[0]
    drawn = draw_networks(config, space, tier, networks)
    cache = config.study.output / "cache"
    settings = {
        "space": space.name,
        "space_digest": space.digest,
        "tier": tier.name,
        "latency_table": table_digest(config),
        "seed": config.study.seed,
        "images": config.data.train_limit,
        "data": load_data(config.data, cache, tell=False).digest,
        "epochs": config.recipe.epochs,
        "recipe": config.recipe.digest,
    }
    results = Results(path, settings)
    missing = {
        key: TimedTraining(network.to_json(), config.recipe, config.data, seed, cache, tested=True)
        for number, network in enumerate(drawn)
        for seed in range(seeds)
        if (key := f"{number}/{seed}") not in results.found
    }
    for key, found in run_all(measured, missing, workers):
        results.put(key, {name: found[name] for name in ("test", "validation", "macs", "parameters", "cpu_s")})
        results.put(FIGURES, figures(results.found), tell=False)
    return figures(results.found)


def figures(results: Mapping[str, Any]) -> dict[str, Any] | None:
    """The figures of the training runs so far; None if no two networks have two seeds."""
    trainings = {key: value for key, value in results.items() if key != FIGURES}
    points: dict[str, list[float]] = {}
    for key, training in trainings.items():
        if training["test"] is not None:
            points.setdefault(key.partition("/")[0], []).append(100 * training["test"])
    seeds = max(map(len, points.values()), default=0)
    complete = np.array([of_seeds for of_seeds in points.values() if len(of_seeds) == seeds])
    if seeds < 2 or len(complete) < 2:
        return None
    means = complete.mean(axis=1)
    spread, noise = float(means.std(ddof=1)), float(np.sqrt(complete.var(axis=1, ddof=1).mean()))
    return {
        "networks": len(complete),
        "seeds": seeds,
        "diverged": sum(training["test"] is None for training in trainings.values()),
        "least_points": round(float(means.min()), 2),
        "mean_points": round(float(means.mean()), 2),
        "most_points": round(float(means.max()), 2),
        "spread_points": round(spread, 2),
        "noise_points": round(noise, 2),
        "ratio": round(spread / noise, 2) if noise else None,
        "passes": spread >= WANTED_RATIO * noise,
        "cpu_minutes_per_training": round(float(np.median([t["cpu_s"] for t in trainings.values()])) / 60, 2),
    }


def verdict(name: str, known: Mapping[str, Any] | None) -> str:
    """The figures that decide, in a line."""
    if known is None:
        return f"{name}: at least two networks with two seeds are needed"
    return (
        f"{name} {'passes' if known['passes'] else 'FAILS'}: the standard deviation of the accuracies is "
        f"{known['spread_points']} points between {known['networks']} networks and {known['noise_points']} between "
        f"seeds: ratio {known['ratio']} (at least {WANTED_RATIO:g} is needed)"
    )


def table(folder: Path) -> None:
    """Prints all results as a table of Markdown."""
    rows = []
    for path in sorted(folder.glob("gate-*.json")):
        settings, found = read_results(path)
        if (known := found.get(FIGURES)) is None:
            continue
        accuracy = f"{known['least_points']:.1f} to {known['most_points']:.1f}"
        of_file = [settings["tier"], known["networks"], accuracy, known["spread_points"], known["noise_points"]]
        passes = "yes" if known["passes"] else "no"
        rows.append([f"`{settings['space']}`", *map(str, of_file), str(known["ratio"]), passes])
    print_table("space | tier (ms) | networks | accuracy (%) | spread | noise | ratio | passes", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run", help="train what is missing")
    running.add_argument("config", type=Path, help="a file for `tiernas search`")
    running.add_argument("--networks", type=int, default=24)
    running.add_argument("--seeds", type=int, default=2)
    running.add_argument("--images", type=int, default=3000, help="of the training part")
    running.add_argument("--epochs", type=int, default=10)
    running.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    running.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `tiernas search`")
    running.add_argument("--output", type=Path, help="default: results/gate-NAME.json")
    actions.add_parser("table", help="print the results").add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.action == "table":
        table(options.results)
        return
    changes = (f"data.train_limit={options.images}", f"recipe.epochs={options.epochs}", *options.set)
    try:
        config = load_config(options.config, changes)
        name = config.study.name
        path = options.output or RESULTS / f"gate-{name}.json"
        known = run(config, path, options.networks, options.seeds, options.workers)
    except UsageError as error:
        raise SystemExit(str(error)) from None
    print(verdict(name, known))
    raise SystemExit(0 if known and known["passes"] else 1)


if __name__ == "__main__":
    main()
