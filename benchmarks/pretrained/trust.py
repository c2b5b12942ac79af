"""How well a short fine-tuning predicts which network is best after a long one.

Networks of one tier of the space around EfficientNet-Lite0 are drawn at random. Each starts from inherited weights and
is fine-tuned twice: with the recipe of the search, and for 8 times as many epochs. Both learning rates fall to zero at
the end. Short training runs are evaluated on validation images, as in a search, and long ones on test images. The table
shows Kendall's tau with its 95 % bootstrap interval over networks, and the regret: the accuracy lost by choosing the
network with the best short training run, and its mean over networks resampled with replacement.

From the root of the repository:

    python benchmarks/pretrained/trust.py run --workers 2    # resumes where it stopped
    python benchmarks/pretrained/trust.py table

Builds the latency table of the search if it is missing. Writes results/trust.json.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
from results_file import FOLDER, Results, print_table, read_results
from scipy import stats
from setting import Setting, add_config_options, opened
from trainings import Training, train_missing

from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.latency import build_table
from tiernas.spaces import Architecture
from tiernas.tiers import Tier, parse_tier, sample_pools

PATH = FOLDER / "trust.json"
LONG = 8
"""Factor of the number of epochs of the search."""

RESAMPLES = 10_000

FloatArray = npt.NDArray[np.float64]


def drawn(setting: Setting, tier: Tier, count: int) -> list[Architecture]:
    """Different networks of a tier, in an order that depends only on the study's seed."""
    config, space = setting.config, setting.space
    wanted = config.engine
    engine = get_engine(wanted.name, precision=wanted.precision, batch=wanted.batch, threads=wanted.threads)
    classes = len(setting.splits.classes)
    table = build_table(space, engine, config.latency_table_path, networks=config.latency.networks, num_classes=classes)
    pool = sample_pools(space, table, [tier], n=config.tiers.pool, seed=config.study.seed)[tier]
    if len(pool) < count:
        raise UsageError(f"--networks = {count}: tier {tier.name} has {len(pool)} networks; ask for at most as many")
    rows = np.random.default_rng(config.study.seed).permutation(len(pool))[:count]
    return [space.decode(vector) for vector in pool.vectors[rows]]


def run(setting: Setting, tier: Tier, networks: int, seeds: int, workers: int) -> None:
    epochs = setting.config.recipe.epochs
    lengths = {"short": epochs, "long": LONG * epochs}
    settings = {
        "tier": tier.name,
        "networks": networks,
        "epochs": lengths,
        "recipe": setting.config.recipe.digest,
        "data": setting.splits.digest,
    }
    results = Results(PATH, settings)
    architectures = drawn(setting, tier, networks)
    trainings = {
        f"{length}/{seed}/{number}/{network.digest}": Training(
            network.to_json(), network.resolution, setting.recipe(count), setting.config.data, seed, setting.cache
        )
        for seed in range(seeds)
        for length, count in lengths.items()
        for number, network in enumerate(architectures)
    }
    train_missing(trainings, results, workers)


def tau(short: FloatArray, long: FloatArray) -> float:
    return float(stats.kendalltau(short, long).statistic)


def mean_regret(short: FloatArray, long: FloatArray) -> float:
    """Mean regret of choosing by `short`, over networks resampled with replacement."""
    rows = np.random.default_rng(0).integers(0, len(long), (RESAMPLES, len(long)))
    chosen = np.take_along_axis(long[rows], short[rows].argmax(1)[:, None], 1)[:, 0]
    return float((long[rows].max(1) - chosen).mean())


def table() -> None:
    """Prints a row for every complete seed."""
    settings, found = read_results(PATH)
    rows = []
    for seed in sorted({key.split("/")[1] for key in found}):
        of_seed = {
            length: {key.split("/")[2]: value for key, value in found.items() if key.startswith(f"{length}/{seed}/")}
            for length in settings["epochs"]
        }
        numbers = sorted(of_seed["short"].keys() & of_seed["long"].keys(), key=int)
        if len(numbers) < settings["networks"]:
            print(f"seed {seed}: {len(numbers)} of {settings['networks']} networks are trained both ways\n")
            continue
        short = 100 * np.array([of_seed["short"][number]["validation"] for number in numbers])
        long = 100 * np.array([of_seed["long"][number]["test"] for number in numbers])
        interval = stats.bootstrap(
            (short, long), tau, paired=True, vectorized=False, n_resamples=RESAMPLES, method="percentile", rng=0
        ).confidence_interval
        minutes = [
            float(np.median([value["minutes"] for value in of_seed[length].values()])) for length in ("short", "long")
        ]
        rows.append(
            [
                seed,
                f"{tau(short, long):.2f} ({interval.low:.2f} to {interval.high:.2f})",
                f"{long.max() - long[short.argmax()]:.1f}",
                f"{mean_regret(short, long):.1f}",
                f"{long.max() - long.mean():.1f}",
                f"{long.min():.1f} to {long.max():.1f}",
                " and ".join(f"{each:.1f}" for each in minutes),
            ]
        )
    print(f"{settings['networks']} networks of {settings['tier']} ms, epochs: {settings['epochs']}\n")
    print_table("seed | tau (95 %) | regret | resampled | of chance | long (%) | minutes, short and long", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("run", "table"))
    add_config_options(parser)
    parser.add_argument("--tier", default="1-2", help="in ms")
    parser.add_argument("--networks", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    options = parser.parse_args()
    try:
        if options.action == "table":
            table()
        else:
            setting = opened(options.config, options.set)
            run(setting, parse_tier(options.tier), options.networks, options.seeds, options.workers)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
