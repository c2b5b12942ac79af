"""Which brief training ranks the networks of a tier best, at equal cost?

Networks of a tier are drawn at random. Each is trained for a long time with several seeds; the mean of the test
accuracies is the truth. Each is also trained briefly in several ways (`ways.py`). A way gets as many epochs as take the
CPU time of the search's own training; how many is measured on three networks first. A brief training gives several
scores at no further cost: validation accuracy, which the search uses today, validation cross-entropy, training accuracy
and loss of the last epoch, the sum of the training losses of the last half of the epochs (arXiv 2006.04492), and the
mean of the ranks by accuracy, cross-entropy and loss.

The table shows Kendall's tau of each score with the truth, its difference to the tau of today's score, both with 95 %
bootstrap intervals over networks, and the accuracy lost by choosing the network with the highest score. Taus and losses
are means over the seeds of the brief training. The last rows are for the long training, which no brief one can beat,
and for counts that need no training. A last table combines all tiers.

From the root of the repository; each call resumes where it stopped:

    python -m benchmarks.training.ranking run --config benchmarks/training/ranking-cifar10.toml --workers 2
    python -m benchmarks.training.ranking run --config benchmarks/training/ranking-clothing10.toml --workers 2
    python -m benchmarks.training.ranking table    # writes results/ranking*.json

This takes all three tiers of a file in turn; `--tier 0.15-0.19` takes one. That one of ranking-cifar10.toml takes about
5 hours on one core, judging by results/proxy.jsonl (same tier, images and recipe), and half an hour for the largest
network, which the way "inherited" needs. Networks of the others are slower and have not been timed. `--ways average
half-rate` trains in some ways only; a later call adds others.

How far the brief fine-tuning of a search around a pretrained network can be trusted, once its latency table exists:

    python -m benchmarks.training.ranking run --config benchmarks/pretrained/lite0.toml --tier 0.5-0.7 --networks 24 \
        --ways search --results benchmarks/pretrained/results --workers 2
    python -m benchmarks.training.ranking table --results benchmarks/pretrained/results
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from benchmarks.shared.conditions import now
from benchmarks.shared.lines import Lines
from benchmarks.shared.parallel import run_all
from benchmarks.shared.tier_networks import draw_networks, table_digest
from benchmarks.shared.timed_trainings import TimedTraining, measured
from benchmarks.training.ranking_report import KEYS, LONG, PILOTS, epochs_of, overall, summarize, tables_of
from benchmarks.training.ways import SEARCH, Way, halved, ways_for

from tiernas.config import SearchConfig, load_config
from tiernas.engines.fingerprint import cpu_device
from tiernas.errors import UsageError
from tiernas.job.start import begun, opened_parent, search_space
from tiernas.spaces import Architecture, SearchSpace
from tiernas.tiers import Tier, parse_tier
from tiernas.training import RecipeConfig, Splits, load_data
from tiernas.training.beginning import begun_from, open_parent

HERE = Path(__file__).parent
CONFIG = HERE / "ranking-cifar10.toml"
RESULTS = HERE / "results"
LONG_FACTOR = 8
"""Factor of the number of epochs of the search."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is trained.

    Attributes:
        config: The search; its recipe starts from its parent, if there is one.
        space: Its space.
        splits: Its images.
        networks: Networks of one of its tiers.
    """

    config: SearchConfig
    space: SearchSpace
    splits: Splits
    networks: Sequence[Architecture]

    @property
    def cache(self) -> Path:
        """The folder that all training runs share."""
        return self.config.study.output / "cache"

    @property
    def long_recipe(self) -> RecipeConfig:
        return self.config.recipe.model_copy(update={"epochs": LONG_FACTOR * self.config.recipe.epochs})

    def identity(self, tier: Tier) -> list[str]:
        """What all results of a file depend on."""
        table = table_digest(self.config)
        return [self.space.digest, tier.name, self.config.recipe.digest, self.splits.digest, table]

    def training(self, way: str, kind: Way, epochs: int, network: Architecture, seed: int) -> TimedTraining:
        recipe = self.long_recipe if way == LONG else self.config.recipe.model_copy(update={"epochs": epochs})
        recipe, data = recipe.model_copy(update=dict(kind.recipe)), self.config.data
        if kind.images < 1:
            data = data.model_copy(update={"train_limit": round(kind.images * len(self.splits.train))})
        trained = halved(network) if kind.halved else network
        return TimedTraining(trained.to_json(), recipe, data, seed, self.cache, tested=way == LONG)

    def largest(self) -> TimedTraining:
        """Long training of the largest network of the space, at the highest resolution of the drawn networks."""
        resolution = max(network.resolution for network in self.networks)
        vector = [resolution if d.name == "resolution" else d.values[-1] for d in self.space.dimensions]
        network, folder = self.space.decode(vector), self.config.study.output / f"largest-{resolution}px"
        return TimedTraining(network.to_json(), self.long_recipe, self.config.data, 0, self.cache, folder=folder)

    def inheriting(self, way: Way) -> Way:
        """A way that starts from the largest network of the space, whose training is complete."""
        parent = open_parent(str(self.largest().folder))
        start = begun_from(self.long_recipe, parent, self.cache).start
        return replace(way, recipe={**way.recipe, "start": start})


def opened(path: Path, changes: Sequence[str], tier: Tier, networks: int) -> Setting:
    """Draws networks of a tier and loads the images."""
    config = load_config(path, changes)
    parent = opened_parent(config)
    space = search_space(config, parent)
    splits = load_data(config.data, config.study.output / "cache", tell=False)
    config = begun(config, parent, space, len(splits.classes))
    return Setting(config, space, splits, draw_networks(config, space, tier, networks))


def run(setting: Setting, tier: Tier, results: Lines, ways: Mapping[str, Way], options: argparse.Namespace) -> None:
    """Does the training runs that have no results yet.

    First those that tell the epochs of each way, and the long ones, beside which the largest network is trained.
    """
    identity, short, networks = setting.identity(tier), setting.config.recipe.epochs, setting.networks

    def complete(wanted: Sequence[tuple[str, int, Architecture, int]], first: Sequence[TimedTraining] = ()) -> None:
        there = {tuple(line[key] for key in KEYS) for line in results.read()}
        trainings: dict[object, TimedTraining] = dict(enumerate(first))
        trainings |= {
            (way, epochs, network.digest, seed): setting.training(way, ways.get(way, Way()), epochs, network, seed)
            for way, epochs, network, seed in wanted
            if (way, epochs, network.digest, seed) not in there
        }
        for key, found in run_all(measured, trainings, options.workers):
            if isinstance(key, tuple):
                line = dict(zip(KEYS, key, strict=True)) | {"setting": identity, "device": cpu_device(), "at": now()}
                results.append(line | found)
                print(line | found, flush=True)

    inheriting = {name for name, way in ways.items() if way.inherits}
    pilots = [(way, short, network, 0) for network in networks[:PILOTS] for way in ways]
    long = [(LONG, LONG_FACTOR * short, network, seed) for seed in range(options.long_seeds) for network in networks]
    complete(
        [*(pilot for pilot in pilots if pilot[0] not in inheriting), *long],
        first=[setting.largest()] if inheriting else [],
    )
    ways = {name: setting.inheriting(way) if way.inherits else way for name, way in ways.items()}
    complete(pilots)
    epochs = {way: epochs_of(way, short, results.read()) for way in ways}
    for seed in range(options.seeds):
        complete([(way, count, network, seed) for way, count in epochs.items() for network in networks])


def require_same(results: Lines, identity: Sequence[str]) -> None:
    """Refuses a file with results of another space, tier, recipe, data set or latency table.

    Raises:
        UsageError: It has such results.
    """
    if any(line["setting"] != identity for line in results.read()):
        raise UsageError(
            f"{results.path}: has results of another space, tier, recipe, data set or latency table; move it away, or "
            "choose another folder with --results"
        )


def report(folder: Path) -> None:
    """Prints the tables and writes their figures next to the results."""
    paths = sorted(folder.glob("ranking-*.jsonl"))
    if not paths:
        raise UsageError(f"{folder}: there are no results in it; `run` first")
    found = {path.stem: summarize(Lines(path, *KEYS).read(), seed) for seed, path in enumerate(paths)}
    for name, summary in found.items():
        write(folder / f"{name}.json", summary.document)
    together = overall(found)
    write(folder / "ranking.json", together)
    print(tables_of({name: summary.document for name, summary in found.items()}, together))


def write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    parser.add_argument("--config", type=Path, default=CONFIG, help="a file for `tiernas search`")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `tiernas search`")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--tier", help="in ms, such as 0.2-0.3; default: each tier of the file in turn")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--ways", nargs="+", default=[], help="to train briefly; default: all")
    parser.add_argument("--seeds", type=int, default=2, help="of the brief training")
    parser.add_argument("--long-seeds", type=int, default=2, help="of the long training")
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        if options.action == "table":
            report(options.results)
            return
        config = load_config(options.config, options.set)
        for tier in [parse_tier(options.tier)] if options.tier else config.tier_list():
            setting = opened(options.config, options.set, tier, options.networks)
            ways = ways_for(setting.config.recipe)
            if unknown := set(options.ways) - ways.keys():
                raise UsageError(f"--ways {min(unknown)}: must be among {', '.join(ways)}")
            chosen = {name: way for name, way in ways.items() if name == SEARCH or name in (options.ways or ways)}
            results = Lines(options.results / f"ranking-{config.study.name}-{tier.name}.jsonl", *KEYS)
            require_same(results, setting.identity(tier))
            run(setting, tier, results, chosen, options)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
