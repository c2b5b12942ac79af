"""What 60 core-minutes of search find in each of the small spaces, in the same two tiers with the same 10,000 images.

A search continues, with equally many training runs in both tiers, until these have taken the minutes, each on one core;
finalists and measurements do not count. The best network of each tier is trained longer and becomes an entry of a model
table. It is exported, and the export classifies the whole test split in OpenVINO and in ONNX Runtime.

From the root of the repository, once the latency tables exist:

    for space in gpunet-small mobile-small vit-small mlp-small; do
        tiernas latency build --space $space --table benchmarks/spaces/results/$space-openvino-fp32.jsonl
    done
    python benchmarks/spaces/search.py run --workers 2    # resumes an interrupted run
    python benchmarks/spaces/search.py table

Writes results/search-SPACE.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch

from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.ledger import Candidate, Ledger
from tiernas.standalone.classify import Classifier
from tiernas.standalone.preprocessing import network_input
from tiernas.training import load_data

HERE = Path(__file__).parent
RESULTS = HERE / "results"
SPACES = ("gpunet-small", "mobile-small", "vit-small", "mlp-small")
FIRST = 4
"""Trainings of each tier before it is known how long one takes."""
AT_A_TIME = 256
"""Test images that are prepared at a time."""


@dataclass(frozen=True)
class Tier:
    """The trainings of a tier that have ended."""

    name: str
    candidates: Sequence[Candidate]

    @property
    def minutes(self) -> float:
        """Core-minutes that they took: each ran on one thread."""
        return sum((c.result or {}).get("duration_s", 0.0) for c in self.candidates) / 60

    def summary(self) -> dict[str, Any]:
        points = [100 * c.accuracy for c in self.candidates if c.accuracy is not None]
        return {
            "tier": self.name,
            "networks": len(self.candidates),
            "failed": len(self.candidates) - len(points),
            "core_minutes": round(self.minutes, 1),
            "best_validation_points": round(max(points), 2),
            "mean_validation_points": round(mean(points), 2),
            "spread_validation_points": round(stdev(points), 2) if len(points) > 1 else None,
        }


def tiers_of(config: SearchConfig) -> list[Tier]:
    """What a search has trained so far, tier by tier."""
    assert isinstance(config.ledger, Path)
    if not config.ledger.exists():
        return []
    with Ledger(config.ledger) as ledger:
        found = [(study.name, ledger.candidates(study)) for study in ledger.studies()]
    return [Tier(name, [c for c in candidates if c.finished_at is not None]) for name, candidates in found]


def next_trainings(tiers: Sequence[Tier], wanted_tiers: int, minutes: float) -> int | None:
    """How many trainings each tier is to have next; None where the minutes are spent."""
    counts = [len(tier.candidates) for tier in tiers] + [0] * (wanted_tiers - len(tiers))
    most = max(counts)
    if min(counts) < most or not most:  # the first step, or one that was stopped
        return max(most, FIRST)
    affordable = int(most * minutes / sum(tier.minutes for tier in tiers))
    return min(2 * most, affordable) if affordable > most else None


def command(config: Path, changes: Sequence[str]) -> list[str]:
    words = [word for change in changes for word in ("--set", change)]
    return [sys.executable, "-m", "tiernas", "search", str(config), *words]


def search(config: Path, changes: Sequence[str], minutes: float) -> list[dict[str, Any]]:
    """Searches until the minutes are spent; gives the entries that its finalists became."""
    loaded = load_config(config, changes)
    wanted_tiers = len(loaded.tier_list())
    while (trainings := next_trainings(tiers_of(loaded), wanted_tiers, minutes)) is not None:
        step = [f"search.trainings={trainings}", "finalists.per_tier=0"]
        subprocess.run(command(config, [*changes, *step]), check=True)
    trainings = max(len(tier.candidates) for tier in tiers_of(loaded))
    ending = command(config, [*changes, f"search.trainings={trainings}"])
    ended = subprocess.run([*ending, "--json"], stdout=subprocess.PIPE, text=True, check=True)
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


def run(space: str, changes: Sequence[str], minutes: float, results: Path) -> None:
    path = HERE / f"{space}.toml"
    entries = search(path, changes, minutes)
    config = load_config(path, changes)
    tiers = tiers_of(config)
    found = {
        "space": space,
        "images": config.data.train_limit,
        "epochs": config.recipe.epochs,
        "finalist_epochs": config.finalists.epochs,
        "wanted_minutes": minutes,
        "core_minutes": round(sum(tier.minutes for tier in tiers), 1),
        "tiers": [tier.summary() for tier in tiers],
        "entries": [exported(config, entry) for entry in entries],
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / f"search-{space}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(results: Path) -> None:
    """Prints all results as tables of Markdown."""
    files = [results / f"search-{space}.json" for space in SPACES]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in files if path.exists()]
    print("| space | tier (ms) | networks | core-minutes | validation accuracy (%): best | mean | spread |")
    print("|---|---|---|---|---|---|---|")
    for each in found:
        for tier in each["tiers"]:
            best, average = tier["best_validation_points"], tier["mean_validation_points"]
            row = [f"`{each['space']}`", tier["tier"], tier["networks"], tier["core_minutes"], best, average]
            print(f"| {' | '.join(map(str, row))} | {tier['spread_validation_points']} |")
    print("\n| entry | ms | px | M MACs | test accuracy (%): claimed | OpenVINO | ONNX Runtime |")
    print("|---|---|---|---|---|---|---|")
    for entry in (entry for each in found for entry in each["entries"]):
        accuracies = [entry[f"{what}_accuracy"] for what in ("claimed", "openvino", "onnxruntime")]
        size = f"{entry['latency_ms']:.3f} | {entry['resolution']} | {entry['macs'] / 1e6:.1f}"
        print(f"| `{entry['name']}` | {size} | {' | '.join(f'{100 * each:.2f}' for each in accuracies)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("spaces", nargs="*", metavar="SPACE", help=f"of {', '.join(SPACES)}; by default all")
    parser.add_argument("--minutes", type=float, default=60.0, help="core-minutes of trainings for each space")
    parser.add_argument("--workers", type=int, default=1, help="trainings at a time, each on one core")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `tiernas search`")
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
        except subprocess.CalledProcessError as error:
            raise SystemExit(error.returncode) from None


if __name__ == "__main__":
    main()
