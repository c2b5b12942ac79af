"""What each part of `LaMctsOptimizer` contributes: the same replays with one part removed or replaced.

From the root of the repository, on one core, some ten seconds per replay:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/compare.py --seeds 0-9 --optimizer lamcts lamcts-without-partition thompson
    python benchmarks/search/ablation.py --seeds 0-9

Runs that are in results/ablation already are not repeated; those of compare.py are read. At the end a table is printed
and written to results/ablation.md: mean true regret, standard error, and the mean difference to the whole optimizer on
the same seeds with its 95 % interval.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from compare import seeds
from runs import Run, RunFile
from scipy import stats
from tasks import RESULTS, TASKS, TIGHT_US, Task, add_tables_option, clear_errors

from tiernas.replay import Replay, Trials, replay
from tiernas.search import (
    LaMctsOptimizer,
    Optimizer,
    candidates,
    compression,
    hyperparameters,
    lamcts,
    learned,
)
from tiernas.search.kernel import Hyperparameters
from tiernas.search.surrogate import Surrogate, fit_hyperparameters

MARKS = {f"anb28-{TIGHT_US}us": (50, 100, 200), "nasbench201": (50, 100), "levy20": (50, 100), "ackley20": (50, 100)}
WORKERS = 8
WHOLE = "lamcts"
COMPARED = {
    WHOLE: "nothing",
    "lamcts-without-partition": "no tree of regions",
    "thompson": "a Thompson draw over the candidates, no climbing, no tree",
}
"""Optimizers of compare.py, and how they differ."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to make the optimizer and to run it.

    Attributes:
        differs: The difference to the whole optimizer.
        options: Its arguments, besides those of the task.
        categorical: Which dimensions are categorical; None for those of the task.
        patches: What is replaced while it runs, `(owner, name, value)` each.
        generations: Whether workers wait for each other.
    """

    differs: str
    options: dict[str, Any] = field(default_factory=dict)
    categorical: bool | None = None
    patches: tuple[tuple[Any, str, Any], ...] = ()
    generations: bool = False


def nothing_believed(self: Surrogate, *_: np.ndarray) -> Surrogate:
    """Pending rows change nothing."""
    return self


def without_effects(Z: np.ndarray, y: np.ndarray, *, effects: bool) -> Hyperparameters:
    """The Matern kernel alone."""
    return fit_hyperparameters(Z, y)


VARIANTS = {
    "no-main-effects": Variant("the Matern kernel alone", patches=((learned, "fit_hyperparameters", without_effects),)),
    "no-compression": Variant("low observations as they are", patches=((lamcts, "compress", np.asarray),)),
    "no-margin": Variant(
        "every proposal looks for any improvement", patches=((lamcts, "_MARGIN", 0.0), (lamcts, "_NOISE_MARGIN", 0.0))
    ),
    "few-as-many": Variant(
        "the first 50 observations are treated as the rest", patches=((compression, "FEW", 0), (lamcts, "FEW", 0))
    ),
    "no-climbing": Variant("the best candidate is proposed, not climbed from", patches=((candidates, "_ROUNDS", 0),)),
    "no-beliefs": Variant("pending rows count for nothing", patches=((Surrogate, "believe", nothing_believed),)),
    "one-parent": Variant("mutations of the single best row, not of 20", patches=((learned, "_PARENTS", 1),)),
    "uniform-only": Variant(
        "no mutations of good rows; climbing from rows of anywhere", patches=((candidates, "_KEPT", 0),)
    ),
    "no-expeditions": Variant(
        "no climbs from many rows now and then", patches=((candidates, "_EXPEDITION_ROUNDS", 0),)
    ),
    "narrow-prior": Variant(
        "logarithms of length scales deviate by 0.5, not sqrt(3)", patches=((hyperparameters, "_SCALE_DEVIATION", 0.5),)
    ),
    "one-hot": Variant("every dimension coded as categorical", categorical=True),
    "ordinal": Variant("every dimension coded as ordered", categorical=False),
    "generations": Variant("8 proposals at once, all told before the next", generations=True),
    "20-initial": Variant("20 random rows first, not 10", options={"n_initial": 20}),
    "leaf-20": Variant("a region is divided from 21 rows on, not from 51", options={"leaf_size": 20}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=MARKS, default=list(MARKS))
    parser.add_argument("--variant", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", type=seeds, default=range(10), help="first-last, such as 0-9")
    parser.add_argument("--results", type=Path, default=RESULTS)
    add_tables_option(parser)
    args = parser.parse_args()
    with clear_errors():
        for seed in args.seeds:
            for name in args.task:
                task, evaluations = TASKS[name](args.tables), max(MARKS[name])
                for variant in args.variant:
                    file = run_file(args.results, name, variant)
                    if differs(VARIANTS[variant], task) and seed not in file.read(evaluations):
                        file.append(run_once(task, VARIANTS[variant], seed, evaluations), evaluations)
                        print(f"{name} {variant} seed {seed}", flush=True)
    text = table(args.results)
    (args.results / "ablation.md").write_text(text, encoding="utf-8")
    print(text)


def run_file(results: Path, task: str, variant: str) -> RunFile:
    folder = results if variant in COMPARED else results / "ablation"
    return RunFile(folder, task, variant, WORKERS, 0.0)


def differs(variant: Variant, task: Task) -> bool:
    """Whether a variant is another optimizer on a task: encoding a dimension as what it is changes nothing."""
    return variant.categorical is None or set(task.evaluator.categorical) != {variant.categorical}


def run_once(task: Task, variant: Variant, seed: int, evaluations: int) -> Run:
    """Replays one search."""
    evaluator = task.evaluator
    categorical = evaluator.categorical
    if variant.categorical is not None:
        categorical = [variant.categorical] * len(evaluator.levels)
    with patched(variant.patches):
        searcher = LaMctsOptimizer(
            evaluator.levels, categorical=categorical, feasible=evaluator.feasible, seed=seed, **variant.options
        )
        run = replay_in_generations if variant.generations else replay
        replayed = run(searcher, Trials(evaluator, seed=seed), workers=WORKERS, evaluations=evaluations)
    return Run.of(seed, replayed, evaluator.value(replayed.rows), task.best)


def replay_in_generations(optimizer: Optimizer, trials: Trials, *, workers: int, evaluations: int) -> Replay:
    """Like `replay`, but every worker waits until all have ended. Neither times nor durations are kept."""
    rows = np.empty((0, len(trials.evaluator.levels)), dtype=np.int64)
    while len(rows) < evaluations:
        asked = optimizer.ask(min(workers, evaluations - len(rows)))
        optimizer.tell(asked, [trials.train(row).value for row in asked])
        rows = np.concatenate([rows, asked])
    values = np.array([trials.train(row).value for row in rows])
    nothing = np.zeros(len(rows))
    return Replay(rows, values, np.arange(len(rows)), nothing, nothing)


@contextmanager
def patched(patches: tuple[tuple[Any, str, Any], ...]) -> Iterator[None]:
    """Replaces attributes inside the context."""
    for owner, name, value in patches[:1]:
        with mock.patch.object(owner, name, value), patched(patches[1:]):
            yield
        return
    yield


def table(results: Path) -> str:
    """All results so far, as Markdown."""
    lines = []
    for task, marks in MARKS.items():
        whole = run_file(results, task, WHOLE).read(max(marks))
        heads = "".join(f" regret at {n} | difference |" for n in marks)
        lines += [f"**{task}**, {WORKERS} workers", "", f"| variant | differs in | seeds |{heads}"]
        lines += ["|---|---|---|" + "---|---|" * len(marks)]
        for name, differs in {**COMPARED, **{name: variant.differs for name, variant in VARIANTS.items()}}.items():
            runs = run_file(results, task, name).read(max(marks))
            common = sorted(runs.keys() & whole.keys())
            if not common:
                continue
            cells = ""
            for n in marks:
                regret = np.array([runs[s].curve(n)[-1] for s in common])
                cells += f" {regret.mean():.3f} ± {stats.sem(regret):.3f} |"
                cells += f" {interval(regret - [whole[s].curve(n)[-1] for s in common])} |" if name != WHOLE else " |"
            lines.append(f"| {name} | {differs} | {len(common)} |{cells}")
        lines.append("")
    return "\n".join(lines)


def interval(difference: np.ndarray) -> str:
    """Mean and 95 % interval by Student's t."""
    half = stats.sem(difference) * stats.t.ppf(0.975, len(difference) - 1)
    return f"{difference.mean():+.3f} ({difference.mean() - half:+.3f} to {difference.mean() + half:+.3f})"


if __name__ == "__main__":
    main()
