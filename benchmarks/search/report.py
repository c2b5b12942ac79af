"""Tables, plots and a summary of the replays in results/replay.

From the root of the repository, in some seconds:

    python benchmarks/search/report.py                                       # for compare.py with its defaults
    python benchmarks/search/report.py --workers 300 --evaluations 3000      # for the same with these options
    python benchmarks/search/report.py --task nasbench201 --evaluations 60 --name early   # for short runs

Runs with more evaluations count too, up to the requested number. Writes, into results/, with the number of workers or
the given name in the file names: `compare-8w.md`, tables of mean regret with its 95 % interval over seeds, and of the
differences between the reference and each other optimizer, seed by seed; `compare-8w.json`, the same as numbers; and
for every task `compare-8w-<task>.png`, mean regret by number of training runs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from optimizers import OPTIMIZERS
from runs import Run, RunFile
from scipy import stats
from tasks import RESULTS, TASKS, clear_errors

from tiernas.errors import UsageError

FloatArray = npt.NDArray[np.float64]
Runs = Mapping[str, Mapping[int, Run]]
"""Runs by optimizer and seed."""

MARKS = (50, 100, 200, 300, 1000, 3000)
SMALLEST_SHOWN = 1e-2
"""Regret below which a plot does not distinguish curves: zero regret has no logarithm."""

RESAMPLES = 10_000
"""Resamples of the bootstrap, with seed 0: the ends of its intervals then vary by about 1 % of their width."""

NAMES = {
    "lamcts": "LA-MCTS + GP (ours)",
    "lamcts-without-partition": "ours without partition",
    "thompson": "plain GP, Thompson",
    "trust-region": "trust-region BO",
    "tpe": "TPE",
    "evolution": "regularized evolution",
    "sobol": "Sobol",
    "random": "random",
}


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over seeds with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Cell:
    """One optimizer on one task after some number of training runs.

    Attributes:
        task: The task.
        noise: Standard deviation of an observation.
        optimizer: The optimizer.
        evaluations: Number of training runs that had ended.
        seeds: Number of seeds of the means.
        regret: Regret of the best found.
        incumbent_regret: Regret of the one with the best observation.
        difference: Regret of the reference minus that of this optimizer, over the seeds that both have: below 0 the
            reference is better.
        p_value: Wilcoxon's signed-rank test of the difference being 0.
    """

    task: str
    noise: float
    optimizer: str
    evaluations: int
    seeds: int
    regret: Interval
    incumbent_regret: Interval
    difference: Interval | None
    p_value: float | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--reference", choices=OPTIMIZERS, default="lamcts")
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--name", help="part of the file names [default: the number of workers, such as 8w]")
    args = parser.parse_args()
    with clear_errors():
        name = f"compare-{args.name or f'{args.workers}w'}"
        report(args.results, name, args.task, args.workers, args.evaluations, args.reference)


def report(results: Path, name: str, tasks: Sequence[str], workers: int, evaluations: int, reference: str) -> None:
    """Writes the whole report for tasks with this many workers and evaluations."""
    cells: list[Cell] = []
    sections: list[str] = []
    for noise in noises(results, workers):
        for task in tasks:
            files = {o: RunFile(results, task, o, workers, noise) for o in OPTIMIZERS}
            runs = {o: own for o, file in files.items() if (own := file.read(evaluations))}
            if not runs:
                continue
            marks = [n for n in MARKS if n <= evaluations]
            found = [cell(task, noise, o, runs, reference, n) for o in runs for n in marks]
            cells += found
            sections += section(titled(task, noise), found, runs, reference)
            image = results / f"{name}-{titled(task, noise).replace(', noise ', '-noise')}.png"
            plot(f"{titled(task, noise)}, {workers} workers", runs, reference, evaluations, image)
    if not cells:
        raise UsageError(f"no such runs in {results / 'replay'}: run benchmarks/search/compare.py first")
    lines = [f"# {workers} asynchronous workers", "", *overview(cells), *sections]
    (results / f"{name}.md").write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    summary = json.dumps([asdict(c) for c in cells], indent=1)
    (results / f"{name}.json").write_text(summary + "\n", encoding="utf-8")
    print("\n".join(lines))


def noises(results: Path, workers: int) -> list[float]:
    """The noises for which there are runs."""
    names = [path.stem for path in (results / "replay").glob(f"*/*-{workers}w*.jsonl")]
    return sorted({float(name.partition("w-noise")[2] or 0) for name in names})


def titled(task: str, noise: float) -> str:
    return f"{task}, noise {noise:g}" if noise else task


def cell(task: str, noise: float, optimizer: str, runs: Runs, reference: str, n: int) -> Cell:
    own, others = runs[optimizer], runs.get(reference, {})
    common = [] if optimizer == reference else sorted(own.keys() & others.keys())
    differences = at([others[seed] for seed in common], n) - at([own[seed] for seed in common], n)
    p_value = None
    if common:
        p_value = float(stats.wilcoxon(differences).pvalue) if np.any(differences) else 1.0
    return Cell(
        task=task,
        noise=noise,
        optimizer=optimizer,
        evaluations=n,
        seeds=len(own),
        regret=interval(at(list(own.values()), n)),
        incumbent_regret=interval(at(list(own.values()), n, incumbent=True)),
        difference=interval(differences) if common else None,
        p_value=p_value,
    )


def at(runs: Sequence[Run], n: int, *, incumbent: bool = False) -> FloatArray:
    return np.array([run.curve(n, incumbent=incumbent)[-1] for run in runs])


def interval(values: FloatArray) -> Interval:
    mean, low, high = means_with_intervals(values[:, None])[:, 0].tolist()
    return Interval(mean, low, high)


def means_with_intervals(values: FloatArray) -> FloatArray:
    """Means over seeds (`seeds x k`) with the ends of their 95 % percentile bootstrap intervals (`3 x k`)."""
    seeds = len(values)
    weights = np.random.default_rng(0).multinomial(seeds, np.full(seeds, 1 / seeds), size=RESAMPLES) / seeds
    ends = np.percentile(weights @ values, [2.5, 97.5], axis=0)
    return np.concatenate([values.mean(axis=0, keepdims=True), ends])


def overview(cells: Sequence[Cell]) -> list[str]:
    """Mean regret of all tasks in one table for each number of trainings."""
    tasks = list(dict.fromkeys((c.task, c.noise) for c in cells))
    optimizers = [o for o in OPTIMIZERS if any(c.optimizer == o for c in cells)]
    means = {(c.task, c.noise, c.optimizer, c.evaluations): c.regret.mean for c in cells}
    lines = []
    for n in sorted({c.evaluations for c in cells}):
        rows = []
        for task, noise in tasks:
            found = [means.get((task, noise, o, n)) for o in optimizers]
            least = min(mean for mean in found if mean is not None)
            shown = ["–" if m is None else f"**{m:.3f}**" if m == least else f"{m:.3f}" for m in found]
            rows.append([titled(task, noise), *shown])
        lines += [f"Mean regret of the best found after {n} training runs:", ""]
        lines += table(["task", *(NAMES.get(o, o) for o in optimizers)], rows)
    return lines


def section(title: str, cells: Sequence[Cell], runs: Runs, reference: str) -> list[str]:
    """One task in Markdown: regret, differences, costs."""
    marks = [str(n) for n in sorted({c.evaluations for c in cells})]
    by_optimizer = {o: [c for c in cells if c.optimizer == o] for o in runs}
    lines = [f"## {title}", "", "Regret of the best found: mean and 95 % interval over seeds.", ""]
    lines += table(
        ["optimizer", "seeds", *marks, "CPU ms per proposal", "at the end", "peak MB"],
        [
            [NAMES.get(o, o), str(len(runs[o])), *(str(c.regret) for c in own), *cost(list(runs[o].values()))]
            for o, own in by_optimizer.items()
        ],
    )
    if cells[0].noise:
        lines += ["Regret of the one with the best observation, which is the one that would be chosen.", ""]
        rows = [[NAMES.get(o, o), *(str(c.incumbent_regret) for c in own)] for o, own in by_optimizer.items()]
        lines += table(["optimizer", *marks], rows)
    compared = {o: own for o, own in by_optimizer.items() if own[0].difference is not None}
    if compared:
        what = f"Regret of {NAMES.get(reference, reference)} minus that of each other, seed by seed, with Wilcoxon's p"
        lines += [f"{what}: below 0 it is better.", ""]
        rows = [[NAMES.get(o, o), *(f"{c.difference} p={c.p_value:.2g}" for c in own)] for o, own in compared.items()]
        lines += table(["against", *marks], rows)
    return lines


def cost(runs: Sequence[Run]) -> list[str]:
    mean_s = np.mean([run.proposal_mean_cpu_s for run in runs])
    last_s = np.mean([run.proposal_last_cpu_s for run in runs])
    return [f"{1000 * mean_s:.1f}", f"{1000 * last_s:.1f}", f"{max(run.peak_rss_mb for run in runs):.0f}"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)] + [""]


def plot(title: str, runs: Runs, reference: str, evaluations: int, path: Path) -> None:
    """Mean regret by number of training runs, with the 95 % interval of the mean as a band, on a logarithmic scale."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    trainings = np.arange(1, evaluations + 1)
    for optimizer, found in runs.items():
        curves = np.array([run.curve(evaluations) for run in found.values()])
        mean, low, high = np.maximum(means_with_intervals(curves), SMALLEST_SHOWN)
        color, width = f"C{list(OPTIMIZERS).index(optimizer)}", 2.5 if optimizer == reference else 1.5
        axes.plot(trainings, mean, color=color, linewidth=width, label=NAMES.get(optimizer, optimizer))
        axes.fill_between(trainings, low, high, color=color, alpha=0.15, linewidth=0)
    seeds = sorted({len(found) for found in runs.values()})
    axes.set(
        title=f"{title}, {' to '.join(map(str, (seeds if len(seeds) == 1 else (seeds[0], seeds[-1]))))} seeds",
        xlabel="training runs that have ended",
        ylabel="regret of the best found (mean, 95 % interval)",
        yscale="log",
        xlim=(1, evaluations),
    )
    axes.set_ylim(bottom=SMALLEST_SHOWN)
    axes.grid(which="both", alpha=0.2)
    axes.legend(fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
