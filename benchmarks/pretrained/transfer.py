"""Compares weights from another data set with random weights for training on few photos.

A network of `gpunet-small` is trained on CIFAR-10 (10,000 of its JPEG images). Then it is trained on a tenth of the
clothing photos, once from these weights with a fresh classifier, and once from random weights: with the same network,
images, seeds and recipe. Several learning rates are compared, since trained weights need smaller ones.

From the root of the repository:

    python -m benchmarks.pretrained.transfer run --workers 2    # resumes where it stopped
    python -m benchmarks.pretrained.transfer table

`--start FOLDER` starts from an entry of a model table instead, such as one that benchmarks/spaces/search.py found.
Writes results/transfer.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev

import torch
from benchmarks.pretrained.setting import RESULTS
from benchmarks.pretrained.trainings import Training, train_missing
from benchmarks.shared.results_file import Results, print_table, read_results

from tiernas.errors import UsageError
from tiernas.spaces import get_space
from tiernas.training import DataConfig, RecipeConfig, load_data, train
from tiernas.training.beginning import begun_from, open_parent

FILE = "transfer.json"
RUNS = Path("runs/benchmark-transfer")
CACHE = RUNS / "cache"
SHARED = Path("../shared/data")

NETWORK = 31
"""The first of 64 Sobol points of `gpunet-small` with 64 px and about 10 million MACs."""

PART = 10
"""One in this many training images of the second set is used."""

WAYS = ("inherited", "fresh")


def trained_first(source: Path, images: int, epochs: int) -> Path:
    """The folder of the training run on the first set, which happens only once."""
    folder = RUNS / f"first-{images}-images-{epochs}-epochs"
    space = get_space("gpunet-small")
    data = DataConfig(kind="parquet", path=source, image_size=32, train_limit=images, validation_fraction=0.1)
    splits = load_data(data, cache_dir=CACHE)
    architecture = space.decode(space.sample(64, seed=0)[NETWORK])
    result = train(architecture, splits, RecipeConfig(epochs=epochs), seed=0, checkpoint_dir=folder)
    print(f"first set: {result.accuracy:.1%} of the validation images", flush=True)
    return folder


def a_part_of(target: Path, image_size: int) -> DataConfig:
    """The second set with a tenth of its training images."""
    whole = DataConfig(kind="parquet", path=target, image_size=image_size)
    return whole.model_copy(update={"train_limit": len(load_data(whole, cache_dir=CACHE).train) // PART})


def run(
    start: Path, target: Path, path: Path, epochs: int, learning_rates: list[float], seeds: int, workers: int
) -> None:
    parent = open_parent(str(start))
    architecture = parent.network.architecture
    data = a_part_of(target, architecture.resolution)
    settings = {
        "start": parent.digest,
        "network": architecture.digest,
        "data": load_data(data, cache_dir=CACHE, tell=False).digest,
        "epochs": epochs,
    }
    trainings = {}
    for learning_rate in learning_rates:
        recipe = begun_from(RecipeConfig(epochs=epochs, learning_rate=learning_rate), parent, CACHE)
        recipes = {"inherited": recipe, "fresh": recipe.model_copy(update={"start": None})}
        trainings |= {
            (name := f"{learning_rate:g}/{way}/{seed}"): Training(
                name, architecture.to_json(), architecture.resolution, recipes[way], data, seed, CACHE
            )
            for seed in range(seeds)
            for way in WAYS
        }
    train_missing(trainings, Results(path, settings), workers)


def table(path: Path) -> None:
    """Prints the accuracies of both for every learning rate."""
    settings, found = read_results(path)
    rows = []
    for learning_rate in sorted({key.split("/")[0] for key in found}, key=float):
        for way in WAYS:
            beginning = f"{learning_rate}/{way}/"
            done = [value for key, value in found.items() if key.startswith(beginning) and "diverged" not in value]
            if done:
                validation, test = ([100 * value[part] for value in done] for part in ("validation", "test"))
                spread = f"{stdev(test):.1f}" if len(test) > 1 else ""
                rows.append(
                    [way, learning_rate, f"{mean(validation):.1f}", f"{mean(test):.1f}", spread, str(len(test))]
                )
    print(f"{settings['epochs']} epochs\n")
    print_table("weights | learning rate | validation (%) | test (%), mean of seeds | deviation of seeds | seeds", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("--start", type=Path, help="folder of an entry, an export or a training run to start from")
    parser.add_argument("--source", type=Path, default=SHARED / "cifar10_jpeg", help="the first set, in parquet files")
    parser.add_argument("--target", type=Path, default=SHARED / "clothing10_64", help="the second one")
    parser.add_argument("--images", type=int, default=10_000, help="of the first set")
    parser.add_argument("--first-epochs", type=int, default=10, help="on the first set")
    parser.add_argument("--epochs", type=int, default=20, help="on the second one")
    parser.add_argument("--learning-rates", type=float, nargs="+", default=[1e-3, 5e-3])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        if options.action == "table":
            table(options.results / FILE)
            return
        start = options.start or trained_first(options.source, options.images, options.first_epochs)
        path, rates = options.results / FILE, options.learning_rates
        run(start, options.target, path, options.epochs, rates, options.seeds, options.workers)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
