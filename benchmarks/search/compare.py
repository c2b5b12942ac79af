"""Replays optimizers on tables of trained networks and on test functions, with asynchronous workers.

From the root of the repository, on one core:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/compare.py --task anb28-90.74us --optimizer lamcts --seeds 0-19
    python benchmarks/search/report.py

Without --task or --optimizer, all of them. Runs that are in results/replay already are not repeated, so the same
command resumes; delete a file to measure again. 300 evaluations take under a second with random search or evolution,
and from half a minute to some minutes with a Gaussian process.
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from optimizers import OPTIMIZERS
from runs import Run, RunFile
from tasks import RESULTS, TASKS, Task, add_tables_option, clear_errors

from tiernas.replay import Trials, replay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--optimizer", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    parser.add_argument("--workers", type=positive, default=8)
    parser.add_argument("--evaluations", type=positive, default=300)
    parser.add_argument("--seeds", type=seeds, default=range(20), help="first-last, such as 0-19")
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation of an observation")
    parser.add_argument("--results", type=Path, default=RESULTS, help="output folder; use another one for trials")
    add_tables_option(parser)
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    with clear_errors():
        for name in args.task:
            task = TASKS[name](args.tables)
            for optimizer in args.optimizer:
                file = RunFile(args.results, name, optimizer, args.workers, args.noise)
                done = file.read(args.evaluations)
                for seed in args.seeds:
                    if seed not in done:
                        began = time.perf_counter()
                        run = run_once(task, optimizer, seed, args.workers, args.evaluations, args.noise)
                        file.append(run, args.evaluations)
                        print(
                            f"{name} {optimizer} seed {seed}: regret {line(run)}; "
                            f"{time.perf_counter() - began:.1f} s, {1000 * run.proposal_last_cpu_s:.0f} ms of CPU per "
                            f"proposal at the end, {run.peak_rss_mb:.0f} MB",
                            flush=True,
                        )


def run_once(task: Task, optimizer: str, seed: int, workers: int, evaluations: int, noise: float) -> Run:
    """Replays one search."""
    evaluator = task.evaluator
    trials = Trials(evaluator, seed=seed, noise_sd=noise)
    searcher = OPTIMIZERS[optimizer](evaluator, seed)
    replayed = replay(searcher, trials, workers=workers, evaluations=evaluations)
    return Run.of(seed, replayed, evaluator.value(replayed.rows), task.best)


def line(run: Run) -> str:
    """The regret after a few numbers of training runs, for people."""
    curve = run.curve(run.evaluations)
    marks = [n for n in (50, 100, 200, 300, 1000, 3000) if n <= run.evaluations]
    return ", ".join(f"{curve[n - 1]:.3f} at {n}" for n in marks)


def seeds_parser(words: str | None) -> argparse.ArgumentParser:
    """The options of benchmarks with one table over seeds: --seeds, --results and --tables."""
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=seeds, default=range(20), help="first-last, such as 0-19")
    parser.add_argument("--results", type=Path, default=RESULTS)
    add_tables_option(parser)
    return parser


def positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(f"{number} is not positive")
    return number


def seeds(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    main()
