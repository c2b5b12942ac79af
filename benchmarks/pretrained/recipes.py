"""Compares recipes for fine-tuning: EfficientNet-Lite0 and an even half of its channels, on photos.

Both start from the ImageNet weights and are trained for as many epochs as the candidates of a search. Recipes are
compared by accuracy on the validation images; the test images are not used.

From the root of the repository:

    python -m benchmarks.pretrained.recipes run --workers 2    # resumes where it stopped
    python -m benchmarks.pretrained.recipes table

Writes results/recipes.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import mean, stdev

import torch
from benchmarks.pretrained.setting import Setting, add_config_options, opened
from benchmarks.pretrained.trainings import Training, train_missing
from benchmarks.pretrained.widths import ALL_CHANNELS, evenly_cut
from benchmarks.shared.results_file import Results, print_table, read_results

from tiernas.errors import UsageError
from tiernas.training import RecipeConfig
from tiernas.training.beginning import begun_from

FILE = "recipes.json"
PERCENT = 50

RECIPES = {
    "rate 2e-3, below the classifier 2e-4": {"learning_rate": 2e-3, "body_learning_rate_scale": 0.1},
    "rate 2e-3, below the classifier 6e-4": {"learning_rate": 2e-3, "body_learning_rate_scale": 0.3},
    "rate 2e-3": {"learning_rate": 2e-3, "body_learning_rate_scale": 1.0},
    "rate 4e-3": {"learning_rate": 4e-3, "body_learning_rate_scale": 1.0},
    "rate 8e-3": {"learning_rate": 8e-3, "body_learning_rate_scale": 1.0},
    "rate 2e-3, below the classifier 2e-4, no running mean": {
        "learning_rate": 2e-3,
        "body_learning_rate_scale": 0.1,
        "ema_decay": 0.0,
    },
    "rate 4e-3, no running mean": {"learning_rate": 4e-3, "body_learning_rate_scale": 1.0, "ema_decay": 0.0},
}
"""What differs from the preset `finetune`; complete, so that rows keep their meaning when the preset changes."""


def run(setting: Setting, path: Path, resolution: int, epochs: int, seeds: int, workers: int) -> None:
    whole = setting.parent.network.architecture.resized(resolution)
    networks = {"whole": whole, f"{PERCENT} % of the channels": evenly_cut(whole, resolution, PERCENT, ALL_CHANNELS)}
    settings = {
        "resolution": resolution,
        "parent": setting.parent.digest,
        "epochs": epochs,
        "data": setting.splits.digest,
    }
    trainings = {}
    for recipe, values in RECIPES.items():
        begun = begun_from(
            RecipeConfig.model_validate({"preset": "finetune", **values, "epochs": epochs}),
            setting.parent,
            setting.cache,
        )
        trainings |= {
            (name := f"{network}/{recipe}/{seed}"): Training(
                name, architecture.to_json(), resolution, begun, setting.config.data, seed, setting.cache
            )
            for network, architecture in networks.items()
            for seed in range(seeds)
        }
    train_missing(trainings, Results(path, settings), workers)


def table(path: Path) -> None:
    """Prints the accuracies of all recipes for each network."""
    settings, found = read_results(path)
    print(f"{settings['epochs']} epochs at {settings['resolution']} px\n")
    for network in dict.fromkeys(key.split("/")[0] for key in found):
        rows = []
        for recipe in RECIPES:
            of_recipe = [value for key, value in found.items() if key.startswith(f"{network}/{recipe}/")]
            done = [100 * value["validation"] for value in of_recipe if "diverged" not in value]
            if done:
                spread = f"{stdev(done):.1f}" if len(done) > 1 else ""
                minutes = mean(value["minutes"] for value in of_recipe if "diverged" not in value)
                rows.append([recipe, f"{mean(done):.1f}", spread, str(len(done)), f"{minutes:.1f}"])
        print_table(f"{network} | validation accuracy (%), mean of seeds | deviation of seeds | seeds | minutes", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    add_config_options(parser)
    parser.add_argument("--resolution", type=int, default=96, help="of all networks, in pixels")
    parser.add_argument("--epochs", type=int, default=3, help="of every training run")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        if options.action == "table":
            table(options.results / FILE)
        else:
            setting, path = opened(options.config, options.set), options.results / FILE
            run(setting, path, options.resolution, options.epochs, options.seeds, options.workers)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
