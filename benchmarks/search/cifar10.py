"""LA-MCTS with Bayesian optimization, random search and regularized evolution, with real training.

A 10,000-image subset of CIFAR-10 (a JPEG copy, see the file's README), the tier 0.2-0.3 ms of `gpunet-small`, 40
training runs of about half a minute on one core for each of 3 optimizers and 3 seeds. The search sees only the
validation accuracy; the report has the accuracy on the 10,000 test images of the networks that each search would have
chosen: its best, and the mean of its five best.

From the root of the repository:

    python benchmarks/search/cifar10.py run       # resumes an interrupted run; 9 searches, 1.5 hours on 2 cores
    python benchmarks/search/cifar10.py report    # writes results/cifar10.json and results/cifar10.png
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path
from statistics import mean, stdev
from typing import Any

HERE = Path(__file__).parent
CONFIG = HERE / "cifar10.toml"
RUNS = Path("runs/benchmark-search")
OPTIMIZERS = {"lamcts": "LA-MCTS + BO", "evolution": "regularized evolution", "random": "random search"}
SEEDS = (0, 1, 2)
TOP = 5
SHARED = 10
"""Proposals before any result matters: the size of LA-MCTS's initial design and of the first population."""


def settings(optimizer: str, seed: int) -> list[str]:
    return [f"search.optimizer={optimizer}", f"study.seed={seed}", f'study.output="{RUNS / optimizer}-{seed}"']


def share(optimizer: str, seed: int) -> None:
    """Copies the training runs that all three searches of a seed begin with, to avoid doing them three times.

    The first proposals are drawn from the pool, the same for every optimizer; training is deterministic. A copy of
    any other network would be noticed and trained again.
    """
    first = RUNS / f"{next(iter(OPTIMIZERS))}-{seed}" / "checkpoints"
    for source in sorted(first.glob("*/search/*"))[:SHARED]:
        target = RUNS / f"{optimizer}-{seed}" / "checkpoints" / source.relative_to(first)
        if not target.exists():
            shutil.copytree(source, target)


def run() -> None:
    for seed, optimizer in product(SEEDS, OPTIMIZERS):
        share(optimizer, seed)
        overrides = [word for value in settings(optimizer, seed) for word in ("--set", value)]
        subprocess.run([sys.executable, "-m", "tiernas", "search", str(CONFIG), *overrides], check=True)


def measure(optimizer: str, seed: int) -> dict[str, Any]:
    from tiernas.config import load_config
    from tiernas.ledger import Ledger
    from tiernas.study import checkpoint_place
    from tiernas.training import evaluate, load_data, load_trained

    config = load_config(CONFIG, settings(optimizer, seed))
    test = load_data(config.data, cache_dir=config.study.output / "cache").test
    with Ledger(config.ledger) as ledger:
        (study,) = ledger.studies()
        candidates = ledger.candidates(study)
    if len(candidates) < config.search.trainings or any(c.finished_at is None for c in candidates):
        raise SystemExit(f"{optimizer}, seed {seed}: not complete; run it first")
    done = sorted((c for c in candidates if c.accuracy is not None), key=lambda c: -(c.accuracy or 0.0))
    top = []
    for candidate in done[:TOP]:
        network = load_trained(Path(checkpoint_place(config.checkpoints, study, candidate)))
        top.append(evaluate(network, test, network.architecture.resolution))
    return {
        "optimizer": optimizer,
        "seed": seed,
        "test_best": top[0],
        "test_mean_of_top_5": mean(top),
        "validation_best": done[0].accuracy,
        "failed": len(candidates) - len(done),
        "training_s": mean((c.result or {})["duration_s"] for c in done),
        "validation": [c.accuracy for c in candidates],
    }


def report() -> None:
    seeds = [seed for seed in SEEDS if (RUNS / f"random-{seed}").exists()]  # seeds whose three searches were run
    rows = [measure(optimizer, seed) for seed, optimizer in product(seeds, OPTIMIZERS)]
    summary = {}
    for optimizer in OPTIMIZERS:
        mine = [row for row in rows if row["optimizer"] == optimizer]
        summary[optimizer] = {
            key: {
                "mean": mean(row[key] for row in mine),
                "standard_error": stdev(row[key] for row in mine) / math.sqrt(len(mine)),
            }
            for key in ("test_best", "test_mean_of_top_5", "validation_best", "training_s")
        }
    (HERE / "results").mkdir(exist_ok=True)
    text = json.dumps({"summary": summary, "runs": rows}, indent=1)
    (HERE / "results" / "cifar10.json").write_text(text + "\n")
    draw(rows)
    for optimizer, figures in summary.items():
        best, top = figures["test_best"], figures["test_mean_of_top_5"]
        print(
            f"{OPTIMIZERS[optimizer]:24}  best {best['mean']:.4f} +- {best['standard_error']:.4f}"
            f"  mean of top {TOP} {top['mean']:.4f} +- {top['standard_error']:.4f}"
        )


def draw(rows: list[dict[str, Any]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np
    from matplotlib import pyplot as plt

    seeds = len({row["seed"] for row in rows})
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for (optimizer, label), colour in zip(OPTIMIZERS.items(), ("#0072b2", "#009e73", "#7f7f7f"), strict=True):
        curves = np.array(
            [
                np.maximum.accumulate([a or 0.0 for a in row["validation"]])
                for row in rows
                if row["optimizer"] == optimizer
            ]
        )
        steps = np.arange(1, curves.shape[1] + 1)
        axes.plot(steps, curves.mean(0), color=colour, label=label)
        axes.fill_between(steps, curves.min(0), curves.max(0), color=colour, alpha=0.15, lw=0)
    axes.set(
        xlabel="trainings",
        ylabel="best validation accuracy so far",
        title=f"10,000 CIFAR-10 images, tier 0.2-0.3 ms; mean, least and most of {seeds} seeds",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(HERE / "results" / "cifar10.png", dpi=150)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["run"]:
            run()
        case ["report"]:
            report()
        case _:
            raise SystemExit(__doc__)
