"""What a search around EfficientNet-Lite0 gains over its usual alternatives: photos, one core, OpenVINO.

A search for each precision finds the best part of Lite0 in each of three tiers. These networks and the alternatives
(Lite0 at every resolution, Lite0 with all widths cut evenly, MobileNetV3-Small and ResNet-18 from scratch) are trained
with three seeds; all that start from Lite0's weights use the same recipe. Their latencies are measured in one run, in
several rounds. No choice depends on the test images.

From the root of the repository; each step resumes where it stopped:

    python -m benchmarks.pretrained.gain search --workers 2
    python -m benchmarks.pretrained.gain train --workers 2
    python -m benchmarks.pretrained.gain measure               # needs a quiet machine
    python -m benchmarks.pretrained.gain table

`--set search.trainings=12` and `--set finalists.epochs=6` make it cheaper; use the same options in all steps. `--kinds`
and `--seeds` select a part to do first; a later call does the rest. Writes results/gain.json.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from benchmarks.pretrained.contenders import FOUND, KINDS, SCRATCH, Contender, found_networks, rivals
from benchmarks.pretrained.front import Point, points_more, speed_up
from benchmarks.pretrained.latencies import latency_ms, measure_in_rounds
from benchmarks.pretrained.setting import Setting, add_config_options, opened
from benchmarks.pretrained.trainings import Training, train_missing
from benchmarks.shared.results_file import FOLDER, Results, print_table, read_results

from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.training import RecipeConfig

PATH = FOLDER / "gain.json"
RUNS = Path(__file__).resolve().parents[2] / "runs" / "benchmark-pretrained"
NO_ENTRY = 3
"""Exit code of a search without a network to recommend, which may happen in int8."""

ACCURACY = {"fp32": "test", "int8": "test_int8"}
"""The key of a precision's accuracy in the result of a training run."""


def changes_for(precision: str, changes: Sequence[str]) -> list[str]:
    """Values of `--set` for the search of a precision, with its own folder."""
    folder = RUNS / precision
    places = [f"study.output={folder}", f"table.path={folder / 'model-table'}"]
    return [f"engine.precision={precision}", *places, *changes]


def search(config: Path, changes: Sequence[str], workers: int) -> None:
    """Runs a search to its end.

    Raises:
        SystemExit: It failed and printed the reason.
    """
    words = [word for change in (*changes, f"workers.count={workers}") for word in ("--set", change)]
    ended = subprocess.run([sys.executable, "-m", "tiernas", "search", str(config), *words])
    if ended.returncode not in (0, NO_ENTRY):
        raise SystemExit(ended.returncode)


def begun_results(settings: Sequence[Setting], scratch: RecipeConfig) -> Results:
    first = settings[0]
    depends_on = {
        "precisions": [setting.config.engine.precision for setting in settings],
        "recipe": first.config.finalist_recipe.digest,
        "scratch": scratch.digest,
        "data": first.splits.digest,
    }
    return Results(PATH, depends_on)


def trainings_of(
    contenders: Sequence[Contender], setting: Setting, scratch: RecipeConfig, seeds: int, *, int8: bool
) -> dict[str, Training]:
    """Training runs of every network with every seed, the first seed of all networks first."""
    return {
        f"training/{contender.name}/{seed}": Training(
            contender.network,
            contender.resolution,
            scratch if contender.kind == SCRATCH else setting.config.finalist_recipe,
            setting.config.data,
            seed,
            setting.cache,
            int8,
        )
        for seed in range(seeds)
        for contender in contenders
    }


def measure_all(
    contenders: Sequence[Contender], setting: Setting, results: Results, rounds: int, limit_s: float
) -> None:
    """Measures every network in a precision, except those found for another one."""
    wanted = setting.config.engine
    engine = get_engine(wanted.name, precision=wanted.precision, batch=wanted.batch, threads=wanted.threads)
    classes = len(setting.splits.classes)
    subjects = {each.name: each.subject(classes) for each in contenders if each.precision in (None, wanted.precision)}
    measure_in_rounds(subjects, engine, results, rounds, limit_s)


def accuracies(results: Mapping[str, Any], precision: str, name: str) -> list[float]:
    """Test accuracies of a network, one for each seed."""
    of_name = [value for key, value in results.items() if key.startswith(f"training/{name}/")]
    return [value[ACCURACY[precision]] for value in of_name]


def table() -> None:
    """Prints all networks of each precision, the fastest first, and what the found ones gain."""
    settings, found = read_results(PATH)
    for precision in settings["precisions"]:
        points: dict[str, list[Point]] = {}
        rows = []
        for name, facts in found.get("contenders", {}).items():
            latency, of_seeds = latency_ms(found, precision, name), accuracies(found, precision, name)
            if latency is None or not of_seeds:
                continue
            point = Point(name, latency, mean(of_seeds))
            points.setdefault(facts["kind"], []).append(point)
            spread = f"{100 * stdev(of_seeds):.1f}" if len(of_seeds) > 1 else ""
            rows.append((latency, [name, facts["kind"], f"{latency:.3f}", f"{100 * point.accuracy:.1f}", spread]))
        print(f"### {precision}\n")
        header = "network | kind | ms | test accuracy (%), mean of seeds | deviation of seeds"
        print_table(header, [row for _, row in sorted(rows)])
        others = [point for kind, of_kind in points.items() if kind != FOUND for point in of_kind]
        if others:
            gains = [gain(point, others) for point in points.get(FOUND, [])]
            print_table("network | times as fast at equal accuracy | points more at equal latency", gains)


def gain(point: Point, others: Sequence[Point]) -> list[str]:
    """A table row of how much better a network is than the best alternatives."""
    times, more = speed_up(point, others), points_more(point, others)
    return [
        point.name,
        "none is as accurate" if math.isinf(times) else f"{times:.2f}",
        "none is as fast" if math.isinf(more) else f"{more:+.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("search", "train", "measure", "table"))
    add_config_options(parser)
    parser.add_argument("--precision", nargs="+", choices=tuple(ACCURACY), default=list(ACCURACY))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="to train or measure now")
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    parser.add_argument("--seeds", type=int, default=3, help="of every network")
    parser.add_argument("--scratch-epochs", type=int, default=40, help="of networks that start from random weights")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of every network")
    parser.add_argument("--seconds", type=float, default=6.0, help="limit of one measurement")
    options = parser.parse_args()
    try:
        if options.action == "table":
            table()
            return
        changes = {precision: changes_for(precision, options.set) for precision in options.precision}
        if options.action == "search":
            for of_precision in changes.values():
                search(options.config, of_precision, options.workers)
            return
        settings = [opened(options.config, of_precision) for of_precision in changes.values()]
        scratch = RecipeConfig(epochs=options.scratch_epochs)
        results = begun_results(settings, scratch)
        contenders = [each for setting in settings for each in found_networks(setting)]
        contenders += rivals(settings[0].parent.network.architecture)
        results.put("contenders", {each.name: {"kind": each.kind} for each in contenders}, tell=False)
        contenders = [each for each in contenders if each.kind in options.kinds]
        if options.action == "train":
            int8 = "int8" in options.precision
            trainings = trainings_of(contenders, settings[0], scratch, options.seeds, int8=int8)
            train_missing(trainings, results, options.workers)
        else:
            for setting in settings:
                measure_all(contenders, setting, results, options.rounds, options.seconds)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
