"""Does a teacher help? One student with and without EfficientNet-Lite0 (ImageNet weights) as its teacher.

Data: `clothing10_64`, 10 classes of clothing photos of 64 px, all 3,068 training images for 15 epochs, or 800 of them
for 40. Teacher: its features at 96 px with a new head, fitted to the same training images. Student: a network of
`gpunet-small` with 11 million MACs, from scratch, few epochs, so that each setting can be repeated in half an hour on
one quiet core. Accuracy: on the validation and test splits together, 713 images, which neither training nor teacher
has seen and by which nothing is chosen.

From the root of the repository:

    python -m benchmarks.training.distillation run ../shared/data/clothing10_64   # resumes an interrupted run
    python -m benchmarks.training.distillation report
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import mean, stdev

import torch
from benchmarks.shared.lines import Lines

from tiernas.spaces import get_space
from tiernas.training import DataConfig, RecipeConfig, TeacherConfig, evaluate, load_data, load_trained, train

RESULTS = Lines(Path(__file__).parent / "results" / "distillation.jsonl", "images", "teacher", "seed")
CACHE = Path("runs/benchmark-training/cache")
SEEDS = (0, 1, 2)
EPOCHS = {3068: 15, 800: 40}
"""By the number of training images."""
STUDENT = 31
"""The first of 64 Sobol points of `gpunet-small` that takes 64 px and has about 10 million MACs."""

TEACHERS = {"none": None, "lite0": TeacherConfig(kind="efficientnet-lite", name="lite0", resolution=96)}


def run(data: Path) -> None:
    torch.set_num_threads(1)
    space = get_space("gpunet-small")
    student = space.decode(space.sample(64, seed=0)[STUDENT])
    for (images, epochs), seed, name in product(EPOCHS.items(), SEEDS, TEACHERS):
        if RESULTS.has(images=images, teacher=name, seed=seed):
            continue
        config = DataConfig(kind="parquet", path=data, image_size=64, train_limit=images)
        splits = load_data(config, cache_dir=CACHE)
        started_s = time.perf_counter()
        recipe = RecipeConfig(epochs=epochs, teacher=TEACHERS[name])
        with tempfile.TemporaryDirectory() as folder:
            result = train(student, splits, recipe, seed=seed, checkpoint_dir=Path(folder), cache_dir=CACHE)
            network = load_trained(Path(folder))
        right = sum(
            evaluate(network, part, student.resolution) * len(part) for part in (splits.validation, splits.test)
        )
        line = {
            "images": images,
            "teacher": name,
            "seed": seed,
            "epochs": epochs,
            "accuracy": round(right / (len(splits.validation) + len(splits.test)), 4),
            "teacher_accuracy": result.teacher_accuracy,
            "took_s": round(time.perf_counter() - started_s),
        }
        RESULTS.append(line)
        print(line, flush=True)


def report() -> None:
    for images, epochs in EPOCHS.items():
        found = {(x["teacher"], x["seed"]): x["accuracy"] for x in RESULTS.read() if x["images"] == images}
        both = [seed for seed in SEEDS if all((name, seed) in found for name in TEACHERS)]
        if not both:
            continue
        print(f"\n{images} training images, {epochs} epochs\n")
        print("| teacher | accuracy of the student, mean of seeds | standard deviation | each seed |")
        print("| --- | ---: | ---: | --- |")
        for name in TEACHERS:
            accuracies = [found[name, seed] for seed in both]
            each = ", ".join(f"{100 * a:.1f}" for a in accuracies)
            spread = f"{100 * stdev(accuracies):.1f}" if len(accuracies) > 1 else ""
            print(f"| {name} | {100 * mean(accuracies):.1f} % | {spread} | {each} |")
        gains = [100 * (found["lite0", seed] - found["none", seed]) for seed in both]
        print(f"\ngain, seed by seed: {', '.join(f'{gain:+.1f}' for gain in gains)} points; mean {mean(gains):+.1f}")


if __name__ == "__main__":
    run(Path(sys.argv[2])) if sys.argv[1:2] == ["run"] else report()
