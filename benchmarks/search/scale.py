"""The growth of the cost of proposals with the history, on `anb28`; writes results/scale.json and results/scale.png.

From the root of the repository, on one core, minutes:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/scale.py             # 300 proposals, 300 pending, at 300 to 6,000 observations

The results of 300 workers come from another replay:

    python benchmarks/search/compare.py --task anb28-90.74us --workers 300 --evaluations 3000 --seeds 0-4

The history consists of results of regularized evolution with 300 workers; its 300 unfinished rows are pending. Each
number of observations has its own process, so that peak memory is its own. With one thread, CPU time equals elapsed
time on a quiet core; on a busy one it is still right.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from optimizers import OPTIMIZERS
from tasks import RESULTS, TASKS, TIGHT_US, add_tables_option, clear_errors

from tiernas.replay import Trials, replay

TASK = f"anb28-{TIGHT_US}us"
OBSERVATIONS = (300, 1000, 3000, 6000)
PROPOSALS = 300
"""As many as the workers of a large search."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optimizer", nargs="+", choices=OPTIMIZERS, default=["lamcts"])
    parser.add_argument("--observations", nargs="+", type=int, default=OBSERVATIONS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--one", action="store_true", help="measure in this process and print JSON")
    add_tables_option(parser)
    args = parser.parse_args()
    with clear_errors():
        if args.one:
            print(json.dumps(measure(args.optimizer[0], args.observations[0], args.tables)))
            return
        TASKS[TASK](args.tables)  # reports missing tables once
    rows = []
    for optimizer in args.optimizer:
        for observations in args.observations:
            words = ["--one", "--optimizer", optimizer, "--observations", str(observations), "--tables", args.tables]
            done = subprocess.run([sys.executable, __file__, *words], stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout))
            print(
                "{optimizer}, {observations} observations: {proposals} proposals at once {batch_s:.2f} s, of which CPU "
                "{batch_cpu_s:.2f} s; one after each result {single_mean_cpu_ms:.1f} ms of CPU, longest "
                "{single_max_cpu_ms:.0f}; {peak_rss_mb} MB".format(**rows[-1]),
                flush=True,
            )
    (args.results / "scale.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    plot(rows, args.results / "scale.png")


def measure(optimizer: str, observations: int, tables: Path) -> dict[str, object]:
    """Times 300 proposals at once, and then as many one by one, each after one more result."""
    evaluator = TASKS[TASK](tables).evaluator
    known = replay(
        OPTIMIZERS["evolution"](evaluator, 0),
        Trials(evaluator),
        workers=PROPOSALS,
        evaluations=observations + PROPOSALS,
    )
    told, later = known.ended[:observations], known.ended[observations:]
    searcher = OPTIMIZERS[optimizer](evaluator, 0)
    searcher.add_pending(known.rows[later])
    searcher.tell(known.rows[told], known.values[told])
    began, began_cpu = time.perf_counter(), time.process_time()
    searcher.ask(PROPOSALS)
    batch_s, batch_cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    took_cpu_s = []
    for k in later:
        began_cpu = time.process_time()
        searcher.tell(known.rows[k][None], [known.values[k]])
        searcher.ask(1)
        took_cpu_s.append(time.process_time() - began_cpu)
    return {
        "optimizer": optimizer,
        "observations": observations,
        "proposals": PROPOSALS,
        "batch_s": round(batch_s, 3),
        "batch_cpu_s": round(batch_cpu_s, 3),
        "single_mean_cpu_ms": round(1000 * float(np.mean(took_cpu_s)), 2),
        "single_max_cpu_ms": round(1000 * max(took_cpu_s), 2),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Time by number of observations."""
    figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
    for i, optimizer in enumerate(dict.fromkeys(row["optimizer"] for row in rows)):
        own = [row for row in rows if row["optimizer"] == optimizer]
        observations = [row["observations"] for row in own]
        batch_ms = [1000 * row["batch_cpu_s"] / row["proposals"] for row in own]
        single_ms = [row["single_mean_cpu_ms"] for row in own]
        axes.plot(observations, batch_ms, f"C{i}o-", label=f"{optimizer}: {PROPOSALS} at once")
        axes.plot(observations, single_ms, f"C{i}s--", label=f"{optimizer}: one after each result")
    axes.set(
        title=f"{TASK}, one core, {PROPOSALS} more pending",
        xlabel="observations",
        ylabel="CPU time per proposal in ms",
        xscale="log",
        ylim=(0, None),
    )
    observed = sorted({row["observations"] for row in rows})
    axes.set_xticks(observed, labels=[f"{n:,}" for n in observed])
    axes.minorticks_off()
    axes.grid(alpha=0.2)
    axes.legend(fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
