"""What 60 core-minutes of search find in each of the small spaces, in the same two tiers with the same 10,000 images.

A search continues, with equally many training runs in both tiers, until these have taken the minutes, each on one core;
finalists and measurements do not count. The best network of each tier is trained longer and becomes an entry of a model
table. It is exported, and the export classifies the whole test split in OpenVINO and in ONNX Runtime. The minutes are
those of a clock and the finalists' latencies decide their tier, so the cores must have nothing else to do.

From the root of the repository, once the latency tables exist:

    for space in gpunet-small mobile-small vit-small mlp-small; do
        tiernas latency build --space $space --table benchmarks/spaces/results/$space-openvino-fp32.jsonl
    done
    python -m benchmarks.spaces.search run --workers 2    # resumes an interrupted run
    python -m benchmarks.spaces.search table

Writes results/search-SPACE.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.shared.results_file import Results, print_table, read_results
from benchmarks.shared.searched import SearchedTier, run_search, search_command, tiers_of
from benchmarks.shared.tier_networks import table_digest

from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.standalone.classify import Classifier
from tiernas.standalone.preprocessing import network_input
from tiernas.training import load_data

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SPACES = ("gpunet-small", "mobile-small", "vit-small", "mlp-small")
FIRST = 4
"""Training runs of each tier before it is known how long one takes."""
AT_A_TIME = 256
"""Test images that are prepared at a time."""


def next_trainings(tiers: Sequence[SearchedTier], wanted_tiers: int, minutes: float) -> int | None:
    """How many training runs each tier is to have next; None if the minutes are spent."""
    counts = [len(tier.candidates) for tier in tiers] + [0] * (wanted_tiers - len(tiers))
    most = max(counts)
    if min(counts) < most or not most:  # the first step, or one that was stopped
        return max(most, FIRST)
    affordable = int(most * minutes / sum(tier.minutes for tier in tiers))
    return min(2 * most, affordable) if affordable > most else None


def search(config: Path, changes: Sequence[str], minutes: float) -> list[dict[str, Any]]:
    """Searches until the minutes are spent; returns the entries of its finalists."""
    loaded = load_config(config, changes)
    wanted_tiers = len(loaded.tier_list())
    while (trainings := next_trainings(tiers_of(loaded), wanted_tiers, minutes)) is not None:
        run_search(config, [*changes, f"search.trainings={trainings}", "finalists.per_tier=0"])
    trainings = max(len(tier.candidates) for tier in tiers_of(loaded))
    ending = search_command(config, [*changes, f"search.trainings={trainings}"])
    ended = subprocess.run([*ending, "--json"], stdout=subprocess.PIPE, text=True)
    if ended.returncode:
        raise SystemExit(ended.returncode)
    entries: list[dict[str, Any]] = json.loads(ended.stdout)["entries"]
    return entries


def exported(config: SearchConfig, entry: dict[str, Any]) -> dict[str, Any]:
    """Exports an entry, and counts how accurate what was exported is in both engines for CPUs."""
    name, folder = entry["name"], config.study.output / "exported" / entry["name"]
    export = ["table", "export", name, "--table", str(config.table.path), "--output", str(folder.parent)]
    subprocess.run([sys.executable, "-m", "tiernas", *export], check=True, stdout=subprocess.DEVNULL)
    test = load_data(config.data, cache_dir=config.study.output / "cache", tell=False).test
    classifier = Classifier(folder)
    wanted = classifier.facts["preprocessing"]
    engine = get_engine("onnxruntime", precision="fp32", batch=entry["batch"], threads=entry["threads"])
    right = {"openvino": 0, "onnxruntime": 0}
    with engine.compile(folder / f"{name}.plain-fp32.onnx") as network:
        for rows in torch.split(torch.arange(len(test)), AT_A_TIME):
            pixels = test.images[rows].permute(0, 2, 3, 1).contiguous().numpy()
            images = network_input(
                pixels, wanted["resolution"], wanted["mean"], wanted["std"], wanted["scale_interpolation"]
            )
            logits = {
                "openvino": classifier.logits(pixels),
                "onnxruntime": np.concatenate([network.run(images[i : i + 1]) for i in range(len(images))]),
            }
            for runtime, found in logits.items():
                right[runtime] += int((found.argmax(axis=1) == test.labels[rows].numpy()).sum())
    return {
        **{key: entry[key] for key in ("name", "study", "latency_ms", "resolution", "params", "macs")},
        "vector": ",".join(map(str, entry["vector"])),
        "claimed_accuracy": entry["accuracy"],
        "torch_accuracy": entry["exact_accuracy"],
        **{f"{runtime}_accuracy": count / len(test) for runtime, count in right.items()},
    }


def run(space: str, changes: Sequence[str], minutes: float, folder: Path) -> None:
    path = HERE / f"{space}.toml"
    config = load_config(path, changes)
    settings = {
        "space": space,
        "images": config.data.train_limit,
        "epochs": config.recipe.epochs,
        "recipe": config.recipe.digest,
        "finalist_epochs": config.finalists.epochs,
        "wanted_minutes": minutes,
        "workers": config.workers.local_processes,
        "latency_table": table_digest(config),
    }
    results = Results(folder / f"search-{space}.json", settings)
    entries = search(path, changes, minutes)
    results.put("tiers", [tier.summary() for tier in tiers_of(config)])
    results.put("entries", [exported(config, entry) for entry in entries])


def table(folder: Path) -> None:
    """Prints all results as tables of Markdown."""
    found = {space: read_results(path)[1] for space in SPACES if (path := folder / f"search-{space}.json").exists()}
    rows = []
    for space, results in found.items():
        for tier in results["tiers"]:
            figures = [tier[f"{what}_validation_points"] for what in ("best", "mean", "spread")]
            rows.append([f"`{space}`", *map(str, (tier["tier"], tier["networks"], tier["core_minutes"], *figures))])
    header = "space | tier (ms) | networks | core-minutes | validation accuracy (%): best | mean | standard deviation"
    print_table(header, rows)
    rows = []
    for entry in (entry for results in found.values() for entry in results.get("entries", ())):
        accuracies = [entry[f"{what}_accuracy"] for what in ("claimed", "openvino", "onnxruntime")]
        size = f"{entry['latency_ms']:.3f}", str(entry["resolution"]), f"{entry['macs'] / 1e6:.1f}"
        rows.append([f"`{entry['name']}`", *size, *(f"{100 * accuracy:.2f}" for accuracy in accuracies)])
    print_table("entry | ms | px | M MACs | test accuracy (%): claimed | OpenVINO | ONNX Runtime", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("spaces", nargs="*", metavar="SPACE", help=f"of {', '.join(SPACES)}; by default all")
    parser.add_argument("--minutes", type=float, default=60.0, help="core-minutes of training for each space")
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `tiernas search`")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    if unknown := set(options.spaces) - set(SPACES):
        parser.error(f"no space {', '.join(sorted(unknown))}; there are: {', '.join(SPACES)}")
    if options.action == "table":
        table(options.results)
        return
    for space in options.spaces or SPACES:
        try:
            run(space, [f"workers.count={options.workers}", *options.set], options.minutes, options.results)
        except UsageError as error:
            raise SystemExit(f"{space}: {error}") from None


if __name__ == "__main__":
    main()
