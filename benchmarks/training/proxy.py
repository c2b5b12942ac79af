"""How well short training predicts long training: the same networks trained for few and for many epochs.

24 networks are drawn at random from the first tier of a search, and each is trained with the recipe of the search for
1, 2 and 5 epochs and for 40, each with a learning rate that falls to zero at its own end. The short runs are judged as
in a search, by the validation split; the long ones by the test split, which shares no image with it. The report has,
for every short length, Kendall's tau with its 95 % bootstrap interval over networks, the regret of choosing by it (the
test accuracy of the best long run minus that of the network that looks best, or of the best among the three that do),
and the duration of a run. The line of the long length itself compares its validation and test accuracies: no proxy can
do better. The long runs are also evaluated on the way, at the epochs of the short ones, with the learning rate still
high: that is what `[search.screen]` decides by in a search with long training.

From the root of the repository:

    python -m benchmarks.training.proxy run       # 45 minutes on one core; resumes an interrupted run
    python -m benchmarks.training.proxy report    # writes results/proxy.json and results/proxy.png

For your own search, any file for `tiernas search` whose latency table exists; see docs/proxy.md:

    python -m benchmarks.training.proxy run --config my.toml --results my-proxy.jsonl
    python -m benchmarks.training.proxy report --results my-proxy.jsonl
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.shared.lines import Lines
from benchmarks.shared.tier_networks import draw_networks
from benchmarks.training.trust import KEYS, summarize

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError
from tiernas.spaces import Architecture, get_space
from tiernas.training import RecipeConfig, Splits, evaluate, load_data, load_trained, train

HERE = Path(__file__).parent


def run(config: SearchConfig, results: Lines, networks: int, lengths: Sequence[int], seeds: int) -> None:
    """Trains what is missing, short runs of all networks first."""
    torch.set_num_threads(1)
    architectures = draw_networks(config, get_space(config.study.space), config.tier_list()[0], networks)
    splits = load_data(config.data, cache_dir=config.study.output / "cache")
    short, long = lengths[:-1], lengths[-1]
    for seed in range(seeds):
        for epochs in lengths:
            for network, architecture in enumerate(architectures):
                if results.has(network=network, seed=seed, epochs=epochs):
                    continue
                looks = [*short, long] if epochs == long else [epochs]
                line = {"network": network, "seed": seed, "epochs": epochs}
                line |= measure(architecture, splits, config.recipe, looks, seed, tested=epochs == long)
                results.append(line)
                print(line, flush=True)


def measure(
    architecture: Architecture, splits: Splits, recipe: RecipeConfig, looks: Sequence[int], seed: int, *, tested: bool
) -> dict[str, Any]:
    """Trains for the last number of epochs, and returns the validation accuracy after each of them."""
    started_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        validation = {}
        for look in looks:
            result = train(
                architecture, splits, recipe, seed=seed, checkpoint_dir=place, epochs=looks[-1], stop_epoch=look
            )
            validation[look] = round(result.accuracy, 4)
        took_s = time.perf_counter() - started_s
        test = evaluate(load_trained(place), splits.test, architecture.resolution) if tested else None
    return {
        "resolution": architecture.resolution,
        "validation": validation,
        "test": None if test is None else round(test, 4),
        "took_s": round(took_s, 2),
    }


def plot(lines: Sequence[dict[str, Any]], summary: dict[str, Any], path: Path) -> None:
    """Long against short accuracy, one panel for each short length, first complete seed."""
    import matplotlib.pyplot as plt

    seed, figures = next(iter(summary["seeds"].items()))
    rows = [row for row in figures["lengths"] if row["way"] == "own" and row["epochs"] < summary["long_epochs"]]
    tests = {
        line["network"]: line["test"]
        for line in lines
        if (line["seed"], line["epochs"]) == (seed, summary["long_epochs"])
    }
    figure, panels = plt.subplots(1, len(rows), figsize=(3.6 * len(rows), 3.6), sharey=True, squeeze=False)
    for panel, row in zip(panels[0], rows, strict=True):
        epochs = row["epochs"]
        short = {
            line["network"]: line["validation"][str(epochs)]
            for line in lines
            if (line["seed"], line["epochs"]) == (seed, epochs)
        }
        chosen = max(short, key=lambda network: short[network])
        panel.scatter([100 * short[n] for n in tests], [100 * tests[n] for n in tests], s=18)
        panel.scatter([100 * short[chosen]], [100 * tests[chosen]], s=90, facecolors="none", edgecolors="tab:red")
        panel.set_title(f"{epochs} epoch{'s' if epochs > 1 else ''}: tau {row['tau']:.2f}", fontsize=10)
        panel.set_xlabel(f"validation accuracy after {epochs}, %")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel(f"test accuracy after {summary['long_epochs']} epochs, %")
    figure.suptitle(f"{summary['networks']} networks of one tier; circle: the one that looks best", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def report(results: Path, lines: Sequence[dict[str, Any]]) -> None:
    """Prints the figures and writes them, and the plot, next to the results."""
    summary = summarize(lines)
    results.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    plot(lines, summary, results.with_suffix(".png"))
    for seed, figures in summary["seeds"].items():
        print(f"seed {seed}: long {figures['long_test_points']}, chance {figures['regret_of_chance_points']} points\n")
        print("| epochs | way | tau (95 %) | regret: best | best of 3 | best, resampled | minutes for a network |")
        print("| ---: | --- | --- | ---: | ---: | ---: | ---: |")
        for row in figures["lengths"]:
            print(
                f"| {row['epochs']} | {row['way']} | {row['tau']:.2f} ({row['tau_low']:.2f} to {row['tau_high']:.2f}) "
                f"| {row['regret_points']:.1f} | {row['regret_of_top_points']:.1f} | {row['mean_regret_points']:.1f} "
                f"| {row['minutes_per_network']:.2f} |"
            )
        print()
    if "long_again" in summary:
        print(f"long training runs with two seeds: {summary['long_again']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "report"))
    parser.add_argument("--config", type=Path, default=HERE / "proxy.toml", help="a file for `tiernas search`")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "proxy.jsonl")
    parser.add_argument("--networks", type=int, default=24)
    parser.add_argument("--lengths", default="1,2,5,40", help="epochs, increasing; the last one is long training")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    results = Lines(options.results, *KEYS)
    try:
        if options.action == "run":
            lengths = [int(length) for length in options.lengths.split(",")]
            run(load_config(options.config), results, options.networks, lengths, options.seeds)
        else:
            report(options.results, results.read())
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
