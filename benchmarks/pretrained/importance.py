"""Compares rules that rank channels: EfficientNet-Lite0 cut to half of its multiply-accumulates.

The parent is EfficientNet-Lite0, first fine-tuned on the photos. It is cut to about half in two ways: fewer expanded
channels, and fewer channels everywhere. The channels that a rule of rules.py ranks highest are kept. The statistics of
batch normalization are recomputed on 256 training images. The accuracy is that on validation images, before training
and (with `--epochs`) after a short training run. The test images are not used.

From the root of the repository:

    python -m benchmarks.pretrained.importance run --epochs 1    # resumes where it stopped
    python -m benchmarks.pretrained.importance table

Writes results/importance.json.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from statistics import mean

import torch
from benchmarks.pretrained.rules import RULES
from benchmarks.pretrained.setting import Setting, add_config_options, opened
from benchmarks.pretrained.widths import ALL_CHANNELS, EXPANDED, evenly_cut
from benchmarks.shared.results_file import Results, print_table, read_results
from benchmarks.shared.timed_trainings import temporary_folder

from tiernas.errors import UsageError
from tiernas.inheritance import Parent, inherit_weights, keep_parent
from tiernas.networks import build, cost
from tiernas.spaces import Architecture
from tiernas.training import Splits, evaluate, train
from tiernas.training.beginning import open_parent
from tiernas.training.statistics import refresh_statistics

FILE = "importance.json"
WAYS = {"expanded channels": EXPANDED, "all channels": ALL_CHANNELS}
PERCENTS = range(20, 96, 4)
HALF = 0.5


def fine_tuned(setting: Setting, resolution: int, epochs: int) -> Parent:
    """The whole parent after fine-tuning, which happens only once."""
    folder = setting.config.study.output / f"whole-{resolution}px-{epochs}-epochs"
    architecture = setting.parent.network.architecture.resized(resolution)
    train(architecture, setting.splits, setting.recipe(epochs), seed=0, checkpoint_dir=folder, cache_dir=setting.cache)
    return open_parent(str(folder))


def halved(parent: Parent, dimensions: tuple[str, ...]) -> tuple[int, Architecture, float]:
    """The evenly cut network closest to half of the work: percentage, architecture, fraction of the work."""
    whole = parent.network.architecture
    work = cost(whole, parent.num_classes).macs
    found = []
    for percent in PERCENTS:
        cut = evenly_cut(whole, whole.resolution, percent, dimensions)
        found.append((percent, cut, cost(cut, parent.num_classes).macs / work))
    return min(found, key=lambda each: abs(each[2] - HALF))


def before_training(cut: Architecture, parent: Parent, splits: Splits) -> float:
    """Validation accuracy of a network with inherited weights."""
    network = build(cut, parent.num_classes)
    inherit_weights(network, parent, same_classes=True)
    refresh_statistics(network, splits, parent.normalization)
    return evaluate(network, splits.validation, cut.resolution, normalization=parent.normalization)


def after_training(cut: Architecture, parent: Parent, setting: Setting, epochs: int) -> float:
    """Validation accuracy after some epochs."""
    recipe = setting.recipe(epochs).model_copy(update={"start": keep_parent(parent, setting.cache)})
    with temporary_folder() as folder:
        result = train(cut, setting.splits, recipe, seed=0, checkpoint_dir=folder, cache_dir=setting.cache)
    return result.accuracy


def run(setting: Setting, path: Path, resolution: int, parent_epochs: int, epochs: int) -> None:
    torch.set_num_threads(1)
    settings = {
        "resolution": resolution,
        "parent": setting.parent.digest,
        "parent_epochs": parent_epochs,
        "recipe": setting.recipe(parent_epochs).digest,
        "data": setting.splits.digest,
    }
    results = Results(path, settings)
    parent, splits = fine_tuned(setting, resolution, parent_epochs), setting.splits
    if "whole" not in results.found:
        normalization = parent.normalization
        accuracy = evaluate(parent.network, splits.validation, resolution, normalization=normalization)
        results.put("whole", {"validation": round(accuracy, 4)})
    for way, dimensions in WAYS.items():
        percent, cut, share = halved(parent, dimensions)
        for name, rule in RULES.items():
            wanted = [count for count in sorted({0, epochs}) if f"{way}/{name}/{count}" not in results.found]
            if not wanted:
                continue
            ranked = replace(parent, orders=rule(parent, splits))
            for count in wanted:
                found = after_training(cut, ranked, setting, count) if count else before_training(cut, ranked, splits)
                what = {"percent": percent, "work": round(share, 3), "validation": round(found, 4)}
                results.put(f"{way}/{name}/{count}", what)


def table(path: Path) -> None:
    """Prints a table for each way to cut; the random rules are averaged in one row."""
    settings, found = read_results(path)
    whole = 100 * found["whole"]["validation"]
    print(f"Validation accuracy (%) at {settings['resolution']} px; the whole network: {whole:.1f}\n")
    for way in WAYS:
        of_way = {tuple(key.split("/")[1:]): value for key, value in found.items() if key.startswith(f"{way}/")}
        if not of_way:
            continue
        any_cut = next(iter(of_way.values()))
        print(f"{any_cut['percent']} % of {way}, {100 * any_cut['work']:.0f} % of the multiply-accumulates\n")
        counts = sorted({int(count) for _, count in of_way})
        rules = list(dict.fromkeys(rule.split()[0] if rule.startswith("random") else rule for rule, _ in of_way))
        rows = []
        for rule in rules:
            row = [rule]
            for count in counts:
                accuracies = [
                    100 * value["validation"]
                    for (name, of_count), value in of_way.items()
                    if int(of_count) == count and (name == rule or (rule == "random" and name.startswith(rule)))
                ]
                row.append(f"{mean(accuracies):.1f}" if accuracies else "")
            rows.append(row)
        print_table(" | ".join(["rule", *(f"after {count} epochs" for count in counts)]), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    add_config_options(parser)
    parser.add_argument("--resolution", type=int, default=96, help="of all networks, in pixels")
    parser.add_argument("--parent-epochs", type=int, default=5, help="of the whole network")
    parser.add_argument("--epochs", type=int, default=0, help="of the cut networks, besides no training")
    options = parser.parse_args()
    try:
        if options.action == "table":
            table(options.results / FILE)
        else:
            setting, path = opened(options.config, options.set), options.results / FILE
            run(setting, path, options.resolution, options.parent_epochs, options.epochs)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
