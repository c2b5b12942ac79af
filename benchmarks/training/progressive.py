"""The effect of growing images (`recipe.start_scale`) on the accuracy of short training.

Networks of `gpunet-small` at 64 px learn clothing10_64 in three ways, with the same seeds: at full size; from half the
size, with the same number of epochs; and from half the size with more epochs, which together have about as many pixels
as the first.

From the root of the repository, on one quiet core, some 5 minutes (an interrupted run is resumed):

    OMP_NUM_THREADS=1 python -m benchmarks.training.progressive run
    python -m benchmarks.training.progressive report    # writes results/progressive.json
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev

import torch
from benchmarks.shared.lines import Lines

from tiernas.spaces import get_space
from tiernas.training import DataConfig, RecipeConfig, load_data, train
from tiernas.training.progression import resolution_at

RESULTS = Lines(Path(__file__).parent / "results" / "progressive.jsonl", "sample", "seed", "way")
DATA = DataConfig(kind="parquet", path=Path("../shared/data/clothing10_64"), train_limit=1500)

RESOLUTION = 64
SAMPLES = (5, 31)
"""Which of the first 64 Sobol points of `gpunet-small` the networks are, with their resolution changed."""
SEEDS = (0, 1)

WAYS = {
    "full size": RecipeConfig(epochs=5),
    "growing": RecipeConfig(epochs=5, start_scale=0.5),
    "growing, longer": RecipeConfig(epochs=7, start_scale=0.5),
}


def run() -> None:
    """Trains what is not in the file yet."""
    torch.set_num_threads(1)
    splits, space = load_data(DATA), get_space("gpunet-small")
    vectors = space.sample(64, seed=0)
    for seed in SEEDS:
        for sample in SAMPLES:
            for way, recipe in WAYS.items():
                if RESULTS.has(sample=sample, seed=seed, way=way):
                    continue
                vector = vectors[sample].copy()
                vector[0] = RESOLUTION
                with tempfile.TemporaryDirectory() as folder:
                    found = train(space.decode(vector), splits, recipe, seed=seed, checkpoint_dir=Path(folder))
                line = {"sample": sample, "seed": seed, "way": way, "accuracy": found.accuracy}
                RESULTS.append(line)
                print(line, flush=True)


def pixels(recipe: RecipeConfig) -> float:
    """Pixels seen in training, in epochs at full size."""
    return sum((resolution_at(epoch, recipe, RESOLUTION) / RESOLUTION) ** 2 for epoch in range(recipe.epochs))


def report() -> None:
    """Differences to full size, for the same network and seed."""
    lines = {(line["sample"], line["seed"], line["way"]): line for line in RESULTS.read()}
    pairs = [(sample, seed) for sample in SAMPLES for seed in SEEDS]
    found = {}
    for way, recipe in WAYS.items():
        ours = [lines[(*pair, way)] for pair in pairs if (*pair, way) in lines]
        full = [lines[line["sample"], line["seed"], "full size"] for line in ours]
        gains = [100 * (a["accuracy"] - b["accuracy"]) for a, b in zip(ours, full, strict=True)]
        found[way] = {
            "trainings": len(ours),
            "accuracy": round(mean(line["accuracy"] for line in ours), 4),
            "points gained": round(mean(gains), 2),
            "standard error": round(stdev(gains) / len(gains) ** 0.5, 2),
            "pixels, in epochs at full size": round(pixels(recipe), 2),
        }
    RESULTS.path.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    {"run": run, "report": report}[sys.argv[1]]()
