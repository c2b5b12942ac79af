"""Whether a space is worth searching: how far its networks of one tier differ, against what a seed does.

24 networks are drawn at random from the first tier of a search, and each is trained with its recipe and two seeds. The
report tells the standard deviation of the networks' accuracies (means over seeds), that of chance (between seeds of one
network), and their ratio. A space passes where the ratio is at least 4: else its networks are all alike, as those of
AutoFormer are, and a search finds nothing but lucky seeds.

From the root of the repository, with the file of a search whose latency table is there:

    python benchmarks/spaces/gate.py run benchmarks/spaces/vit-small.toml      # continues where it was stopped
    python benchmarks/spaces/gate.py report benchmarks/spaces/vit-small.toml
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError
from tiernas.latency import LatencyTable
from tiernas.spaces import get_space
from tiernas.tiers import sample_pools
from tiernas.training import load_data, train

RESULTS = Path(__file__).parent / "results"
WANTED_RATIO = 4.0


def drawn(config: SearchConfig, count: int) -> list[tuple[int, ...]]:
    """Different vectors of the first tier, in an order that depends on the study's seed alone."""
    tier = config.tier_list()[0]
    table = LatencyTable.load(config.latency_table_path)
    pool = sample_pools(get_space(config.study.space), table, [tier], n=config.tiers.pool, seed=config.study.seed)[tier]
    if len(pool) < count:
        raise UsageError(f"--networks = {count}: tier {tier.name} has {len(pool)} networks; ask for at most as many")
    rows = np.random.default_rng(config.study.seed).permutation(len(pool))[:count]
    return [tuple(int(value) for value in vector) for vector in pool.vectors[rows]]


def read(path: Path) -> list[dict[str, Any]]:
    """The trainings that are done."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def run(config: SearchConfig, path: Path, networks: int, seeds: int) -> None:
    """Trains what is missing, all networks with the first seed first."""
    torch.set_num_threads(1)
    space = get_space(config.study.space)
    vectors = drawn(config, networks)
    splits = load_data(config.data, cache_dir=config.study.output / "cache")
    done = {(tuple(line["vector"]), line["seed"]) for line in read(path)}
    for seed in range(seeds):
        for vector in vectors:
            if (vector, seed) in done:
                continue
            began_s = time.perf_counter()
            with tempfile.TemporaryDirectory() as folder:
                found = train(space.decode(vector), splits, config.recipe, seed=seed, checkpoint_dir=Path(folder))
            took_s = round(time.perf_counter() - began_s, 1)
            line = {"vector": vector, "seed": seed, "accuracy": round(found.accuracy, 4), "took_s": took_s}
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)


def report(path: Path) -> None:
    """Prints the figures and writes them beside the trainings."""
    by_network: dict[tuple[int, ...], dict[int, float]] = {}
    lines = read(path)
    for line in lines:
        by_network.setdefault(tuple(line["vector"]), {})[line["seed"]] = 100 * line["accuracy"]
    seeds = max(map(len, by_network.values()), default=0)
    complete = np.array([list(found.values()) for found in by_network.values() if len(found) == seeds])
    if seeds < 2 or len(complete) < 2:
        raise UsageError(f"{path}: at least 2 networks must be trained with 2 seeds; continue with: run")
    means = complete.mean(axis=1)
    spread, noise = float(means.std(ddof=1)), float(np.sqrt(complete.var(axis=1, ddof=1).mean()))
    figures = {
        "networks": len(complete),
        "seeds": seeds,
        "least_points": round(float(means.min()), 2),
        "mean_points": round(float(means.mean()), 2),
        "most_points": round(float(means.max()), 2),
        "spread_points": round(spread, 2),
        "noise_points": round(noise, 2),
        "ratio": round(spread / noise, 2),
        "passes": spread >= WANTED_RATIO * noise,
        "correlation_of_seeds": round(float(np.corrcoef(complete[:, 0], complete[:, 1])[0, 1]), 3),
        "minutes_per_training": round(float(np.median([line["took_s"] for line in lines])) / 60, 2),
    }
    path.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "report"))
    parser.add_argument("config", type=Path, help="a file that `tiernas search` takes")
    parser.add_argument("--networks", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    try:
        config = load_config(options.config)
        path = RESULTS / f"gate-{config.study.name}.jsonl"
        if options.action == "run":
            run(config, path, options.networks, options.seeds)
        else:
            report(path)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
