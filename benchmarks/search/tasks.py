"""The tasks of the comparison: evaluators with a limit, and the best known value."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from tiernas.errors import UsageError
from tiernas.replay import Ackley, Anb28, Evaluator, Levy, NasBench201
from tiernas.search.lattice import Lattice

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

Device = Literal["a100", "rtx3090"]

RESULTS = Path(__file__).parent / "results"
BEST_KNOWN = RESULTS / "best-known.json"

TIGHT_US = 90.74
"""The limit of earlier trials; 25 % of all networks are within it."""

NASBENCH201_LIMIT_MS = 14.14
"""The limit of earlier trials; 3,902 of the 15,625 cells are within it."""

SECOND_ANB28 = "anb28-rtx3090-q25"
"""A second device with an equally tight limit: 25 % of all networks are within it."""

SAMPLED = 100_000
"""Uniform rows, drawn with seed 0, whose costs give the quantiles: the error of the median is 0.2 %."""


@dataclass(frozen=True, slots=True)
class Task:
    """An evaluator, and the reference value of the regret."""

    evaluator: Evaluator
    best: float


def anb28_limits(tables: Path) -> dict[str, tuple[Device, float]]:
    """The device and the limit on its cost in us, by name of task."""
    limits: dict[str, tuple[Device, float]] = {f"anb28-{TIGHT_US}us": ("a100", TIGHT_US)}
    limits |= {f"anb28-q{q}": ("a100", _quantile_us(tables, "a100", q)) for q in (20, 50, 80)}
    return limits | {SECOND_ANB28: ("rtx3090", _quantile_us(tables, "rtx3090", 25))}


def _quantile_us(tables: Path, device: Device, percent: int) -> float:
    everything = Anb28.load(tables, device=device)
    rows = np.random.default_rng(0).integers(0, everything.levels, size=(SAMPLED, len(everything.levels)))
    return round(float(np.quantile(everything.cost_us(rows), percent / 100)), 2)


def anb28(name: str, tables: Path) -> Task:
    device, limit_us = anb28_limits(tables)[name]
    try:
        best = json.loads(BEST_KNOWN.read_text(encoding="utf-8"))[name]
    except (FileNotFoundError, KeyError) as error:
        raise UsageError(f"the best value of {name} is not known: run benchmarks/search/find_best.py") from error
    if best["limit_us"] != limit_us:
        raise UsageError(f"{BEST_KNOWN} belongs to another table: run benchmarks/search/find_best.py")
    return Task(Anb28.load(tables, limit_us, device), best["best"])


def nasbench201(tables: Path, device: str = "titan_rtx_256", limit_ms: float = NASBENCH201_LIMIT_MS) -> Task:
    evaluator = NasBench201.load(tables, limit_ms, device)
    cells = Lattice(evaluator.levels, feasible=evaluator.feasible).every_row()
    return Task(evaluator, float(evaluator.value(cells).max()))


TASKS: dict[str, Callable[[Path], Task]] = {
    **{name: partial(anb28, name) for name in (f"anb28-{TIGHT_US}us", "anb28-q20", "anb28-q50", "anb28-q80")},
    "nasbench201": nasbench201,
    "levy6": lambda _: Task(Levy(6), 0.0),
    "ackley20": lambda _: Task(Ackley(20), 0.0),
    "levy20": lambda _: Task(Levy(20), 0.0),
    "ackley50": lambda _: Task(Ackley(50), 0.0),
}


def add_tables_option(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--tables",
        type=Path,
        default=Path(os.environ.get("TIERNAS_SEARCH_TABLES", ".")),
        help="folder of anb28_surrogate.npz and nasbench201.npz; by default $TIERNAS_SEARCH_TABLES, or this folder",
    )


@contextmanager
def clear_errors() -> Iterator[None]:
    """Ends with exit code 2 and one message if the user must fix something, such as a missing table."""
    try:
        yield
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
