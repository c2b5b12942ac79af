"""What early stopping saves: NAS-Bench-201 with and without a screen, at equal numbers of epochs.

From the root of the repository, on one core, some minutes:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/screen.py

The study's own loop, ledger, screen and forecasts, with 8 simulated workers; only training is looked up: 12 epochs on
CIFAR-100 first, 200 if a network passes the screen. The two are separate training runs in the table, so a network that
passes costs 212 epochs. Regret counts networks that were trained to the end. Seeds that are in results/screen.jsonl
already are not repeated. Writes results/screen.md at the end.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from compare import seeds_parser
from optimizers import OPTIMIZERS
from runs import curve_of, steps
from scipy import stats
from tasks import clear_errors, nasbench201

from tiernas.ledger import Candidate, Ledger, State
from tiernas.replay import NasBench201, Trials, best_so_far_regret, replay_study
from tiernas.study import Screen, report_screen

WORKERS = 8
RUNG = 12
SCREENS = {"none": None, "keep-1/2": 1 / 2, "keep-1/3": 1 / 3}
AUDIT = 8
EVALUATIONS = {"none": 100, "keep-1/2": 150, "keep-1/3": 200}
"""Enough for the last budget."""

BUDGETS = (5_000, 10_000, 15_000, 20_000)
"""Epochs: those of 25, 50, 75 and 100 complete training runs."""


def main() -> None:
    args = seeds_parser(__doc__).parse_args()
    logging.basicConfig(level=logging.ERROR)
    file: Path = args.results / "screen.jsonl"
    runs = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    there = {(run["screen"], run["seed"]) for run in runs}
    with clear_errors():
        for seed in args.seeds:
            for name in SCREENS:
                if (name, seed) not in there:
                    run = {"screen": name, "seed": seed} | search(name, seed, args.tables)
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(run) + "\n")
                    runs.append(run)
                    print(f"{name} seed {seed}: {at(run, BUDGETS[-1]):.3f} after {BUDGETS[-1]} epochs", flush=True)
    text = table(runs)
    (args.results / "screen.md").write_text(text, encoding="utf-8")
    print(text)


def search(name: str, seed: int, tables: Path) -> dict[str, Any]:
    """Replays one study; returns its regret by epochs trained, and the screen's report."""
    task = nasbench201(tables)
    assert isinstance(task.evaluator, NasBench201)
    evaluator = replace(  # as fractions of 1, as in a study
        task.evaluator,
        accuracy=task.evaluator.accuracy / 100,
        early_accuracy=task.evaluator.early_accuracy / 100,
    )
    keep = SCREENS[name]
    screen = None if keep is None else Screen((RUNG,), keep, AUDIT, None)
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        candidates = replay_study(
            OPTIMIZERS["lamcts"](evaluator, seed),
            Trials(evaluator, seed=seed),
            ledger,
            workers=WORKERS,
            evaluations=EVALUATIONS[name],
            screen=screen,
        )
        ended = sorted(candidates, key=lambda c: c.ended_order or 0)
        accuracy = 100 * np.array([c.accuracy or 0.0 for c in ended])
        report = None if screen is None else report_screen(candidates, screen, evaluator.epochs).rungs[0]
    return {
        "epochs": np.cumsum([epochs_of(c, evaluator.epochs) for c in ended]).tolist(),
        "regret": steps(best_so_far_regret(accuracy, task.best)),
        "pruned": 0 if report is None else report.pruned,
        "tau": None if report is None else report.tau,
    }


def epochs_of(candidate: Candidate, whole: int) -> int:
    return RUNG * len(candidate.rungs or []) + (whole if candidate.state is State.DONE else 0)


def at(run: Mapping[str, Any], budget: int) -> float:
    """The regret after this many trained epochs."""
    ended = int(np.searchsorted(run["epochs"], budget, side="right"))
    return float(curve_of(run["regret"], len(run["epochs"]))[ended - 1])


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Mean regret with its standard error for each screen and budget, and the tau in the reports."""
    heads = "".join(f" {budget:,} epochs |" for budget in BUDGETS)
    lines = [
        f"| screen after {RUNG} epochs | seeds |{heads} pruned | tau reported |",
        f"|---|---|{'---|' * len(BUDGETS)}---|---|",
    ]
    for name in SCREENS:
        own = [run for run in runs if run["screen"] == name]
        regrets = [np.array([at(run, budget) for run in own]) for budget in BUDGETS]
        cells = "".join(f" {regret.mean():.3f} ± {stats.sem(regret):.3f} |" for regret in regrets)
        pruned = np.mean([run["pruned"] / len(run["epochs"]) for run in own])
        taus = [run["tau"] for run in own if run["tau"] is not None]
        tau = f"{np.mean(taus):.2f} ({min(taus):.2f} to {max(taus):.2f})" if taus else "–"
        lines.append(f"| {name} | {len(own)} |{cells} {100 * pruned:.0f} % | {tau} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
