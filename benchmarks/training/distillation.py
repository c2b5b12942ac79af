"""Does a teacher help? One student with and without EfficientNet-Lite0 (ImageNet weights) as its teacher.

Data: `clothing10_64`, 10 classes of clothing photos, 3,068 training images of 64 px. Teacher: its features at 96 px
with a new head, fitted to the training images. Student: a network of `gpunet-small` with 11 million MACs, from scratch,
few epochs, so that it can be repeated in half an hour on one quiet core. Accuracy: on the validation and the test part
together, 713 images, which neither training nor teacher has seen and by which nothing is chosen.

From the root of the repository:

    python benchmarks/training/distillation.py run ../shared/data/clothing10_64   # continues where it was stopped
    python benchmarks/training/distillation.py report
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import torch
from lines import Lines

from tiernas.spaces import get_space
from tiernas.training import DataConfig, RecipeConfig, TeacherConfig, evaluate, load_data, load_trained, train

RESULTS = Lines(Path(__file__).parent / "results" / "distillation.jsonl", "teacher", "seed")
CACHE = Path("runs/benchmark-training/cache")
SEEDS = (0, 1, 2)
EPOCHS = 15
STUDENT = 31
"""The first of 64 Sobol points of `gpunet-small` that takes 64 px and has about 10 million MACs."""

TEACHERS = {"none": None, "lite0": TeacherConfig(kind="efficientnet-lite", name="lite0", resolution=96)}


def run(data: Path) -> None:
    torch.set_num_threads(1)
    space = get_space("gpunet-small")
    student = space.decode(space.sample(64, seed=0)[STUDENT])
    splits = load_data(DataConfig(kind="parquet", path=data, image_size=64), cache_dir=CACHE)
    for seed, name in product(SEEDS, TEACHERS):
        if RESULTS.has(teacher=name, seed=seed):
            continue
        started_s = time.perf_counter()
        recipe = RecipeConfig(epochs=EPOCHS, teacher=TEACHERS[name])
        with tempfile.TemporaryDirectory() as folder:
            result = train(student, splits, recipe, seed=seed, checkpoint_dir=Path(folder), cache_dir=CACHE)
            network = load_trained(Path(folder))
        right = sum(
            evaluate(network, part, student.resolution) * len(part) for part in (splits.validation, splits.test)
        )
        line = {
            "teacher": name,
            "seed": seed,
            "epochs": EPOCHS,
            "accuracy": round(right / (len(splits.validation) + len(splits.test)), 4),
            "teacher_accuracy": result.teacher_accuracy,
            "took_s": round(time.perf_counter() - started_s),
        }
        RESULTS.append(line)
        print(line, flush=True)


def report() -> None:
    lines = RESULTS.read()
    print("| teacher | accuracy of the student, mean of seeds | standard deviation | each seed |")
    print("| --- | ---: | ---: | --- |")
    for name in TEACHERS:
        found = [line["accuracy"] for line in sorted(lines, key=lambda x: x["seed"]) if line["teacher"] == name]
        spread = f"{100 * stdev(found):.1f}" if len(found) > 1 else ""
        print(f"| {name} | {100 * mean(found):.1f} % | {spread} | {', '.join(f'{100 * a:.1f}' for a in found)} |")
    by_seed = {(line["teacher"], line["seed"]): line["accuracy"] for line in lines}
    gains = [
        100 * (by_seed["lite0", seed] - by_seed["none", seed])
        for seed in SEEDS
        if ("lite0", seed) in by_seed and ("none", seed) in by_seed
    ]
    print(f"\ngain, seed by seed: {', '.join(f'{gain:+.1f}' for gain in gains)} points; mean {mean(gains):+.1f}")


if __name__ == "__main__":
    run(Path(sys.argv[2])) if sys.argv[1:2] == ["run"] else report()
