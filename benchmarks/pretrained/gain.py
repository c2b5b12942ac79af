"""What a search around EfficientNet-Lite0 gains over its usual alternatives: photos, one core, OpenVINO.

A search for each precision finds the best part of Lite0 in each of three tiers. These networks and the alternatives
(Lite0 at every resolution, Lite0 with all widths cut evenly, MobileNetV3-Small and ResNet-18 from scratch) are trained
with several seeds; all that start from Lite0's weights use the same recipe. Their latencies are measured in one run, in
several rounds. No choice depends on the test images.

From the root of the repository; each step resumes where it stopped:

    python -m benchmarks.pretrained.gain tables                # latency tables; needs a quiet machine
    python -m benchmarks.pretrained.gain search --workers 2    # measures its finalists at the end of each search
    python -m benchmarks.pretrained.gain train --workers 2
    python -m benchmarks.pretrained.gain measure               # needs a quiet machine
    python -m benchmarks.pretrained.gain table

The second search reuses the accuracies of the first one. `--set search.trainings=12` makes a search cheaper; options
that change the recipe, such as `--set finalists.epochs=6`, must be the same in all steps. `--precision`, `--kinds` and
`--seeds` select a part to do first; a later call does the rest. Writes results/latency-tables.json and
results/gain.json. Nothing else may start from this parent while a search ends: it then removes the copy of its weights.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, stdev
from typing import Any

import numpy as np
import torch
from benchmarks.pretrained.contenders import FOUND, KINDS, SCRATCH, Contender, found_networks, rivals
from benchmarks.pretrained.front import FloatArray, Point, points_more, speed_up
from benchmarks.pretrained.latencies import latencies_ms, measure_in_rounds
from benchmarks.pretrained.setting import Setting, add_config_options, opened
from benchmarks.pretrained.tables import begun_tables, engine_of, measure_table
from benchmarks.pretrained.trainings import Training, train_missing
from benchmarks.shared.results_file import Results, print_table, read_results
from benchmarks.shared.searched import run_search, seconds, tiers_of

from tiernas.errors import UsageError
from tiernas.training import RecipeConfig

FILE = "gain.json"
RUNS = Path(__file__).resolve().parents[2] / "runs" / "benchmark-pretrained"
PRECISIONS = ("fp32", "int8")
NO_ENTRY = 3
"""Exit code of a search without a network to recommend, which may happen in int8."""

RIGHT = {"fp32": "right", "int8": "right_int8"}
"""The key of a precision's correct answers in the result of a training run."""

TIMED_PX = 96
"""The resolution of the candidates whose training time is reported."""


def changes_for(precision: str, runs: Path, changes: Sequence[str]) -> list[str]:
    """Values of `--set` for the search of a precision, with its own folder."""
    places = [f"study.output={runs / precision}", f"table.path={model_table(precision, runs)}"]
    return [f"engine.precision={precision}", *places, *changes]


def model_table(precision: str, runs: Path) -> Path:
    """The model table of the search of a precision."""
    return runs / precision / "model-table"


def search(
    config: Path, setting: Setting, changes: Sequence[str], tables: Results, results: Results, workers: int
) -> None:
    """Runs the search of a precision to its end; it reuses the accuracies of the others, which do not depend on it.

    Raises:
        UsageError: Its latency table has not been measured.
        SystemExit: It failed and printed the reason.
    """
    precision = setting.config.engine.precision
    if precision not in tables.found:
        raise UsageError(f"{tables.path}: has no latency table for {precision}: do the step `tables` first")
    edges = tables.found[precision]["edges"]
    runs = setting.config.study.output.parent
    others = [str(runs / other) for other in PRECISIONS if other != precision and f"search/{other}" in results.found]
    own = [f"tiers.edges={edges}", f"search.reuse={others}", f"workers.count={workers}"]
    run_search(config, [*changes_for(precision, runs, own), *changes], allowed=(0, NO_ENTRY))
    tiers = tiers_of(setting.config)
    timed_s = [seconds(c) for tier in tiers for c in tier.candidates if c.vector[0] == TIMED_PX and seconds(c)]
    timed = {"candidates": len(timed_s), "median_s": median(timed_s), "longest_s": max(timed_s)} if timed_s else None
    found = {"tiers": [tier.summary() for tier in tiers], f"trainings_at_{TIMED_PX}_px": timed}
    results.put(f"search/{precision}", found)


def begun_results(path: Path, setting: Setting, scratch: RecipeConfig) -> Results:
    depends_on = {
        "candidates": setting.config.recipe.digest,
        "recipe": setting.config.finalist_recipe.digest,
        "scratch": scratch.digest,
        "data": setting.splits.digest,
    }
    return Results(path, depends_on)


def trainings_of(
    contenders: Sequence[Contender], setting: Setting, scratch: RecipeConfig, seeds: int
) -> dict[str, Training]:
    """Training runs of every network with every seed, the first seed of all networks first."""
    return {
        (name := f"training/{contender.name}/{seed}"): Training(
            name,
            contender.network,
            contender.resolution,
            scratch if contender.kind == SCRATCH else setting.config.finalist_recipe,
            setting.config.data,
            seed,
            setting.cache,
            int8=True,
        )
        for seed in range(seeds)
        for contender in contenders
    }


def measure_all(
    contenders: Sequence[Contender], setting: Setting, results: Results, rounds: int, limit_s: float
) -> None:
    """Measures every network in a precision, except those found for another one."""
    engine = engine_of(setting)
    classes = len(setting.splits.classes)
    subjects = {each.name: each.subject(classes) for each in contenders if each.precision in (None, engine.precision)}
    measure_in_rounds(subjects, engine, results, rounds, limit_s)


def answers_of(results: Mapping[str, Any], precision: str, name: str) -> FloatArray:
    """For each training run of a network and each test image 1 if it is classified correctly (`seeds x n`), else 0."""
    of_name = [value for key, value in results.items() if key.startswith(f"training/{name}/")]
    found = [value[RIGHT[precision]] for value in of_name if "diverged" not in value]
    return np.array([[float(digit) for digit in right] for right in found])


def table(path: Path) -> None:
    """Prints what is known of each precision: its search, all networks, and the gains."""
    _, found = read_results(path)
    for precision in PRECISIONS:
        print(f"### {precision}\n")
        print(f"search: {found.get(f'search/{precision}')}\n")
        known_ms, scale = latencies_ms(found, precision)
        if scale is not None:
            print(f"{scale.words}\n")
        points: dict[str, list[Point]] = {}
        rows = []
        for name, facts in found.get("contenders", {}).items():
            if name not in known_ms:
                continue
            answers = answers_of(found, precision, name)
            if not len(answers):
                continue
            point = Point(name, known_ms[name], answers.mean(axis=0))
            points.setdefault(facts["kind"], []).append(point)
            spread = f"{100 * stdev(answers.mean(axis=1).tolist()):.1f}" if len(answers) > 1 else ""
            shown = f"{point.latency_ms:.3f}", f"{100 * point.accuracy:.1f}", spread, str(len(answers))
            rows.append((point.latency_ms, [name, facts["kind"], *shown]))
        header = "network | kind | ms | test accuracy (%), mean of seeds | deviation of seeds | seeds"
        print_table(header, [row for _, row in sorted(rows)])
        others = [point for kind, of_kind in points.items() if kind != FOUND for point in of_kind]
        if others:
            gains = [gain(point, others) for point in points.get(FOUND, [])]
            print_table("network | times as fast at equal accuracy | points more at equal latency", gains)


def gain(point: Point, others: Sequence[Point]) -> list[str]:
    """A table row of how much better a network is than the best alternatives."""
    times, (more, error) = speed_up(point, others), points_more(point, others)
    return [
        point.name,
        "none is as accurate" if math.isinf(times) else f"{times:.2f}",
        "none is as fast" if math.isinf(more) else f"{more:+.1f} +- {error:.1f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("tables", "search", "train", "measure", "table"))
    add_config_options(parser)
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of the searches")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=list(PRECISIONS), help="to do now")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="to train or measure now")
    parser.add_argument("--workers", type=int, default=1, help="parallel training runs, each on one core")
    parser.add_argument("--seeds", type=int, default=3, help="of every network")
    parser.add_argument("--scratch-epochs", type=int, default=40, help="of networks that start from random weights")
    parser.add_argument("--checked", type=int, default=40, help="fresh networks that check each latency table")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of every network")
    parser.add_argument("--seconds", type=float, default=6.0, help="limit of one measurement")
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        if options.action == "table":
            table(options.results / FILE)
            return
        runs = options.runs.resolve()
        settings = [opened(options.config, changes_for(each, runs, options.set)) for each in options.precision]
        scratch = RecipeConfig(epochs=options.scratch_epochs)
        tables = begun_tables(options.results, settings[0])
        if options.action == "tables":
            for setting in settings:
                measure_table(setting, tables, options.checked)
            return
        results = begun_results(options.results / FILE, settings[0], scratch)
        if options.action == "search":
            for setting in settings:
                search(options.config, setting, options.set, tables, results, options.workers)
            return
        space = settings[0].space
        contenders = [*rivals(settings[0].parent.network.architecture)]
        for precision in PRECISIONS:
            contenders += found_networks(model_table(precision, runs), space, precision)
        results.put("contenders", {each.name: {"kind": each.kind} for each in contenders}, tell=False)
        contenders = [each for each in contenders if each.kind in options.kinds]
        if options.action == "train":
            trainings = trainings_of(contenders, settings[0], scratch, options.seeds)
            train_missing(trainings, results, options.workers)
        else:
            for setting in settings:
                measure_all(contenders, setting, results, options.rounds, options.seconds)
    except UsageError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
