"""Whether a late, noisy search benefits from a process that holds more rows; writes results/model-rows.json.

From the root of the repository, on one core, about three minutes for each seed:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/model_rows.py --seeds 0-3

Replays of `anb28` at 90.74 us with 0.3 points of noise and 8 workers, with as many rows as the search uses and with
twice as many. The results are the true regret of the best row found, in points, and the mean CPU time of the last
proposals.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from ablation import patched
from compare import seeds
from optimizers import OPTIMIZERS
from runs import Run
from scipy import stats
from tasks import RESULTS, TASKS, TIGHT_US, add_tables_option, clear_errors

from tiernas.replay import Trials, replay
from tiernas.search import learned

TASK, WORKERS, NOISE = f"anb28-{TIGHT_US}us", 8, 0.3
EVALUATIONS = 600
MARKS = (300, 400, 500, 600)
FACTORS = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=seeds, default=range(4), help="first-last, such as 0-3")
    parser.add_argument("--results", type=Path, default=RESULTS)
    add_tables_option(parser)
    args = parser.parse_args()
    with clear_errors():
        task = TASKS[TASK](args.tables)
    rows = []
    for seed in args.seeds:
        for factor in FACTORS:
            sizes = {"rows": factor * learned.MODEL_ROWS, "fitted_rows": factor * learned._FIT_ROWS}
            more = ((learned, "MODEL_ROWS", sizes["rows"]), (learned, "_FIT_ROWS", sizes["fitted_rows"]))
            with patched(more):
                searcher = OPTIMIZERS["lamcts"](task.evaluator, seed)
                trials = Trials(task.evaluator, seed=seed, noise_sd=NOISE)
                replayed = replay(searcher, trials, workers=WORKERS, evaluations=EVALUATIONS)
            run = Run.of(seed, replayed, task.evaluator.value(replayed.rows), task.best)
            regret = dict(zip(map(str, MARKS), run.curve(EVALUATIONS)[np.array(MARKS) - 1].tolist(), strict=True))
            rows.append({"seed": seed, **sizes, "regret": regret, "proposal_last_cpu_s": run.proposal_last_cpu_s})
            print(rows[-1], flush=True)
            (args.results / "model-rows.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    for mark in map(str, MARKS):
        few, many = (np.array([row["regret"][mark] for row in rows[i :: len(FACTORS)]]) for i in range(len(FACTORS)))
        difference = f"{(many - few).mean():+.3f} ± {stats.sem(many - few):.3f}"
        print(f"after {mark}: {few.mean():.3f}, with twice the rows {many.mean():.3f}, difference {difference}")


if __name__ == "__main__":
    main()
