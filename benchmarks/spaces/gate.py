"""Tests whether a space is worth searching: how much its networks of one tier differ, compared with seeds.

Networks are drawn at random from the first tier of a search, and each is trained with the search's recipe and two
seeds. Their accuracies are computed on the test split, which has more images than the validation split and thus adds
less noise. Three figures decide: the standard deviation of the networks' accuracies (means over seeds), that between
the seeds of one network, and their ratio. A space passes if the ratio is at least 4: otherwise its networks are all
alike, like those of AutoFormer, and a search finds only lucky seeds.

From the root of the repository, with the configuration of a search whose latency table exists:

    tiernas latency build --space vit-small --table benchmarks/spaces/results/vit-small-openvino-fp32.jsonl
    python benchmarks/spaces/gate.py run benchmarks/spaces/vit-small.toml      # resumes an interrupted run
    python benchmarks/spaces/gate.py table                                     # of all results

Every completed training run is stored in results/gate-NAME.json, with the figures so far. `run` exits with 1 if the
space does not pass.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError
from tiernas.latency import LatencyTable
from tiernas.spaces import get_space
from tiernas.tiers import sample_pools
from tiernas.training import Splits, evaluate, load_data, load_trained, train

RESULTS = Path(__file__).parent / "results"
WANTED_RATIO = 4.0

Vector = tuple[int, ...]


def drawn(config: SearchConfig, count: int) -> list[Vector]:
    """Different vectors of the first tier, in an order that depends on the study's seed alone."""
    tier = config.tier_list()[0]
    space = get_space(config.study.space)
    table = LatencyTable.load(config.latency_table_path, space)
    pool = sample_pools(space, table, [tier], n=config.tiers.pool, seed=config.study.seed)[tier]
    if len(pool) < count:
        raise UsageError(f"--networks = {count}: tier {tier.name} has {len(pool)} networks; ask for at most as many")
    rows = np.random.default_rng(config.study.seed).permutation(len(pool))[:count]
    return [tuple(vector.tolist()) for vector in pool.vectors[rows]]


def begun(path: Path, settings: dict[str, Any], vectors: Sequence[Vector]) -> dict[str, Any]:
    """What a result file has, with as many networks as are wanted."""
    networks = [{"vector": ",".join(map(str, vector)), "test_accuracy": {}, "minutes": {}} for vector in vectors]
    if not path.exists():
        return {"settings": settings, "networks": networks}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    there = found["networks"]
    same = all(old["vector"] == new["vector"] for old, new in zip(there, networks, strict=False))
    if found["settings"] != settings or not same:
        raise UsageError(f"{path}: was begun with other settings or another latency table; remove it, or use --output")
    return {"settings": settings, "networks": there + networks[len(there) :]}


def write(path: Path, found: dict[str, Any]) -> None:
    """Replaces a result file, at once: a process that is killed leaves the older one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    new.replace(path)


@cache
def splits_of(config: Path, changes: tuple[str, ...]) -> Splits:
    loaded = load_config(config, changes)
    return load_data(loaded.data, cache_dir=loaded.study.output / "cache", tell=False)


def test_accuracy(config: Path, changes: tuple[str, ...], vector: Vector, seed: int) -> tuple[float, float]:
    """The accuracy of a network that is trained now, and how many minutes that took."""
    torch.set_num_threads(1)
    loaded, splits = load_config(config, changes), splits_of(config, changes)
    architecture = get_space(loaded.study.space).decode(vector)
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        train(architecture, splits, loaded.recipe, seed=seed, checkpoint_dir=Path(folder))
        found = evaluate(load_trained(Path(folder)), splits.test, architecture.resolution)
    return round(found, 4), round((time.perf_counter() - began_s) / 60, 2)


def run(config: Path, changes: tuple[str, ...], path: Path, networks: int, seeds: int, workers: int) -> dict[str, Any]:
    """Trains what is missing, network by network, and writes the file after each training."""
    loaded = load_config(config, changes)
    settings = {
        "space": loaded.study.space,
        "tier": loaded.tier_list()[0].name,
        "images": loaded.data.train_limit,
        "epochs": loaded.recipe.epochs,
        "recipe": loaded.recipe.digest,
    }
    vectors = drawn(loaded, networks)
    found = begun(path, settings, vectors)
    splits_of(config, changes)  # decoded once, before the workers begin
    missing = (
        (number, seed)
        for number in range(networks)
        for seed in range(seeds)
        if str(seed) not in found["networks"][number]["test_accuracy"]
    )
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running: dict[Future[tuple[float, float]], tuple[int, int]] = {}
        while True:
            for number, seed in _first(missing, workers - len(running)):
                running[pool.submit(test_accuracy, config, changes, vectors[number], seed)] = number, seed
            if not running:
                return found
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                number, seed = running.pop(done)
                accuracy, minutes = done.result()
                network = found["networks"][number]
                network["test_accuracy"][str(seed)] = accuracy
                network["minutes"][str(seed)] = minutes
                found["figures"] = figures(found["networks"])
                write(path, found)
                print(f"network {number}, seed {seed}: {accuracy:.2%} in {minutes} minutes", flush=True)


def _first(of: Iterator[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    return [each for _, each in zip(range(count), of, strict=False)]


def figures(networks: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What the trainings so far say; None of fewer than two networks with two seeds."""
    seeds = max(len(network["test_accuracy"]) for network in networks)
    complete = [network for network in networks if len(network["test_accuracy"]) == seeds]
    if seeds < 2 or len(complete) < 2:
        return None
    points = 100 * np.array([[n["test_accuracy"][str(seed)] for seed in range(seeds)] for n in complete])
    means = points.mean(axis=1)
    spread, noise = float(means.std(ddof=1)), float(np.sqrt(points.var(axis=1, ddof=1).mean()))
    return {
        "networks": len(complete),
        "seeds": seeds,
        "least_points": round(float(means.min()), 2),
        "mean_points": round(float(means.mean()), 2),
        "most_points": round(float(means.max()), 2),
        "spread_points": round(spread, 2),
        "noise_points": round(noise, 2),
        "ratio": round(spread / noise, 2) if noise else None,
        "passes": spread >= WANTED_RATIO * noise,
        "correlation_of_seeds": round(float(np.corrcoef(points[:, 0], points[:, 1])[0, 1]), 3),
        "minutes_per_training": round(float(np.median([m for n in networks for m in n["minutes"].values()])), 2),
    }


def told(name: str, found: dict[str, Any]) -> str:
    """The verdict in a line."""
    if (known := found.get("figures")) is None:
        return f"{name}: two networks with two seeds are needed at least"
    return (
        f"{name} {'passes' if known['passes'] else 'FAILS'}: accuracies of {known['networks']} networks spread by "
        f"{known['spread_points']} points, those of a network's seeds by {known['noise_points']}: ratio "
        f"{known['ratio']} (wanted: {WANTED_RATIO:g})"
    )


def table(folder: Path) -> None:
    """Prints all results as a table of Markdown."""
    print("| space | tier (ms) | networks | accuracy (%) | spread | noise | ratio | passes |")
    print("|---|---|---|---|---|---|---|---|")
    for path in sorted(folder.glob("gate-*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        if (known := found.get("figures")) is None:
            continue
        space, tier = found["settings"]["space"], found["settings"]["tier"]
        accuracy = f"{known['least_points']:.1f} to {known['most_points']:.1f}"
        passes = "yes" if known["passes"] else "no"
        spread, noise, ratio = known["spread_points"], known["noise_points"], known["ratio"]
        print(f"| `{space}` | {tier} | {known['networks']} | {accuracy} | {spread} | {noise} | {ratio} | {passes} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    running = actions.add_parser("run", help="train what is missing")
    running.add_argument("config", type=Path, help="a file that `tiernas search` takes")
    running.add_argument("--networks", type=int, default=24)
    running.add_argument("--seeds", type=int, default=2)
    running.add_argument("--images", type=int, default=3000, help="of the training part and the validation part")
    running.add_argument("--epochs", type=int, default=10)
    running.add_argument("--workers", type=int, default=1, help="trainings at a time, each on one core")
    running.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `tiernas search`")
    running.add_argument("--output", type=Path, help="by default results/gate-NAME.json")
    actions.add_parser("table", help="print the results").add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.action == "table":
        table(options.results)
        return
    changes = (f"data.train_limit={options.images}", f"recipe.epochs={options.epochs}", *options.set)
    try:
        name = load_config(options.config, changes).study.name
        path = options.output or RESULTS / f"gate-{name}.json"
        found = run(options.config, changes, path, options.networks, options.seeds, options.workers)
    except UsageError as error:
        raise SystemExit(str(error)) from None
    print(told(name, found))
    known = found.get("figures")
    raise SystemExit(0 if known and known["passes"] else 1)


if __name__ == "__main__":
    main()
