"""The cost of a second device once a first one was searched: replays with and without the known accuracies.

From the root of the repository, on one core, some minutes:

    export OMP_NUM_THREADS=1 TIERNAS_SEARCH_TABLES=<folder of the tables>
    python benchmarks/search/reuse.py

Accuracy does not depend on the device. So the first device is searched with 300 training runs, and then the second one
twice: by an optimizer that knows nothing, and by one that is told all of these 300. Known networks within the second
limit count before anything is trained. Seeds that are in results/reuse.jsonl already are not repeated. Writes
results/reuse.md at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from compare import seeds_parser
from optimizers import OPTIMIZERS
from runs import curve_of, steps
from scipy import stats
from tasks import SECOND_ANB28, TIGHT_US, Task, anb28, clear_errors, nasbench201

from tiernas.replay import Trials, best_so_far_regret, replay

WORKERS = 8
FIRST, SECOND = 300, 200
MARKS = (0, 10, 25, 50, 100, 200)

EYERISS_MS = 4.63
"""25 % of all cells are within it on that accelerator, as 25 % are within the limit on the Titan RTX; 2,417 in both."""


@dataclass(frozen=True, slots=True)
class Devices:
    """The first device and the second one."""

    words: str
    first: Callable[[Path], Task]
    second: Callable[[Path], Task]


PAIRS = {
    "anb28": Devices(
        "A100, then RTX 3090",
        lambda tables: anb28(f"anb28-{TIGHT_US}us", tables),
        lambda tables: anb28(SECOND_ANB28, tables),
    ),
    "nasbench201": Devices(
        "Titan RTX, then Eyeriss", nasbench201, lambda tables: nasbench201(tables, "eyeriss", EYERISS_MS)
    ),
}


def main() -> None:
    args = seeds_parser(__doc__).parse_args()
    file: Path = args.results / "reuse.jsonl"
    done = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    with clear_errors():
        for name, devices in PAIRS.items():
            tasks = devices.first(args.tables), devices.second(args.tables)
            there = {run["seed"] for run in done if run["pair"] == name}
            for seed in args.seeds:
                if seed not in there:
                    run = {"pair": name, "seed": seed} | search_both(*tasks, seed)
                    with file.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(run) + "\n")
                    done.append(run)
                    print(f"{name} seed {seed}: {run['known_within']} known, regret {run['known_regret']}", flush=True)
    text = "\n".join(line for name in PAIRS for line in table(name, [run for run in done if run["pair"] == name]))
    (args.results / "reuse.md").write_text(text, encoding="utf-8")
    print(text)


def search_both(first: Task, second: Task, seed: int) -> dict[str, Any]:
    """Searches the first device, then the second one with and without its results."""
    known = replay(
        OPTIMIZERS["lamcts"](first.evaluator, seed),
        Trials(first.evaluator, seed=seed),
        workers=WORKERS,
        evaluations=FIRST,
    )
    within = second.evaluator.feasible(known.rows)
    best_known = max(known.values[within], default=-np.inf)
    curves = {}
    for name in ("fresh", "reused"):
        optimizer = OPTIMIZERS["lamcts"](second.evaluator, seed)
        if name == "reused":
            optimizer.tell(known.rows, known.values)
        replayed = replay(optimizer, Trials(second.evaluator, seed=seed), workers=WORKERS, evaluations=SECOND)
        values = replayed.values[replayed.ended]
        curves[name] = steps(
            best_so_far_regret(np.maximum(values, best_known) if name == "reused" else values, second.best)
        )
    return {
        "known_within": int(within.sum()),
        "known_regret": round(second.best - best_known, 4) if within.any() else None,
        **curves,
    }


def table(name: str, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Mean regret with its standard error, and the number of runs that reach the final regret of the fresh search."""
    known = np.array([np.inf if run["known_regret"] is None else run["known_regret"] for run in runs])
    fresh = np.array([curve_of(run["fresh"], SECOND) for run in runs])
    reused = np.column_stack([known, [curve_of(run["reused"], SECOND) for run in runs]])
    lines = [
        f"**{name}**: {PAIRS[name].words}, {len(runs)} seeds, {FIRST} accuracies known, "
        f"{np.mean([run['known_within'] for run in runs]):.0f} of them within the second limit",
        "",
        f"| new training runs | {' | '.join(map(str, MARKS))} |",
        f"|---|{'---|' * len(MARKS)}",
        f"| from scratch | – | {' | '.join(shown(fresh[:, n - 1]) for n in MARKS[1:])} |",
        f"| with the first device's results | {' | '.join(shown(reused[:, n]) for n in MARKS)} |",
        "",
    ]
    for n in (100, SECOND):
        reached = int(np.argmax(reached_by(reused.mean(axis=0), fresh[:, n - 1].mean())))
        when = f"reached after {reached} new ones" if reached <= SECOND else f"not reached with {SECOND} new ones"
        lines += [f"Mean regret of {n} training runs from scratch: {when}.", ""]
    return lines


def reached_by(curve: npt.NDArray[np.float64], regret: float) -> npt.NDArray[np.bool_]:
    return np.append(curve <= regret, True)


def shown(regrets: npt.NDArray[np.float64]) -> str:
    return f"{regrets.mean():.3f} ± {stats.sem(regrets):.3f}"


if __name__ == "__main__":
    main()
