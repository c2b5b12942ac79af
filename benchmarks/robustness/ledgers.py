"""Damaged ledgers: `status`, `control`, `report` and `export optuna` on a search with some finished candidates."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from attempts import Attempt, Box
from damage import ODD_VALUES, damage_bytes

from tiernas.ledger import Ledger, Purpose
from tiernas.spaces import get_space

CONFIGURATION = """
[study]
name = "mine"
output = "run"

[data]
kind = "digits"

[recipe]
epochs = 3

[tiers]
edges = [0.2, 0.4, 0.8]

[search]
trainings = 6

[search.screen]
epochs = [1]

[finalists]
epochs = 9
"""
_SLOW_EVERY = 20
"""Plots and Optuna take seconds, so only one in this many ledgers is drawn and exported."""


@contextmanager
def prepared(folder: Path) -> Iterator[Callable[[int], list[Attempt]]]:
    """A function of the seed that damages a ledger and calls the commands."""
    with Box(folder, outputs=["run", "optuna"]) as box:
        (box.work / "mine.toml").write_text(CONFIGURATION)
        pristine = box.folder / "pristine.sqlite"
        _begin(pristine)
        ledger = box.work / "run" / "ledger.sqlite"
        ledger.parent.mkdir()
        shutil.copy(pristine, ledger)
        _calls(box, "nothing", slow=True)

        def case(seed: int) -> list[Attempt]:
            rng = random.Random(seed)
            for leftover in (*box.work.glob("optuna*"), *ledger.parent.glob("*")):
                leftover.unlink() if leftover.is_file() else shutil.rmtree(leftover)
            shutil.copy(pristine, ledger)
            damage = _damage_values(ledger, rng) if rng.random() < 0.6 else _damage_file(ledger, rng)
            return _calls(box, damage, slow=seed % _SLOW_EVERY == 0)

        yield case


def _begin(path: Path) -> None:
    space = get_space("gpunet-small")
    with Ledger(path) as ledger:
        study = ledger.open_study("0.2-0.4", {"recipe.epochs": 3})
        candidates = [ledger.propose(study, x, space.decode(x).digest, 0.3) for x in space.sample(6, seed=0)]
        for candidate in candidates[:5]:
            ledger.start(candidate, f"node-3:{1000 + candidate.index}")
        for candidate, accuracy in zip(candidates, (0.81, 0.84), strict=False):
            ledger.pause(candidate, 1, accuracy - 0.1, kept=True, prune=False)
            ledger.start(candidate, "node-3:1")
            ledger.finish(candidate, accuracy, {"duration_s": 12.5, "test_accuracy": 0.8, "epochs": 3})
        ledger.fail(candidates[2], "diverged in epoch 2", retry=False)
        ledger.progress(candidates[3], 2, 0.7512)
        ledger.pause(candidates[4], 1, 0.3, kept=False, prune=True)
        measured = {"latency_ms": 0.31, "low_ms": 0.3, "high_ms": 0.32, "unstable": False}
        ledger.propose_again(study, candidates[1], Purpose.FINAL, measurement=measured)


def _damage_file(path: Path, rng: random.Random) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    damage, content = damage_bytes(path.read_bytes(), rng)
    path.write_bytes(content)
    return damage


def _damage_values(path: Path, rng: random.Random) -> str:
    """Puts an unusual value into one field of one row; SQLite stores any value in any column."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice([*tables, "candidates", "candidates", "attempts"])
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        column = rng.choice(columns)
        rows = [row for (row,) in connection.execute(f"SELECT rowid FROM {table}")]
        if rng.random() < 0.1:
            connection.execute(f"DELETE FROM {table}")
            return f"{table} is empty"
        if rng.random() < 0.1:
            connection.execute(f"ALTER TABLE {table} RENAME TO {table}_")
            return f"{table} is missing"
        value = rng.choice(ODD_VALUES)
        stored = value if isinstance(value, int | float | str) or value is None else json.dumps(value)
        if isinstance(stored, int) and abs(stored) >= 2**63:
            stored = float("inf")
        if isinstance(stored, str):
            stored = stored.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
        try:
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (stored, rng.choice(rows or [0])))
        except sqlite3.IntegrityError as error:
            return f"refused by SQLite: {error}"
        return f"{table}.{column} = {str(stored)[:40]!r}"


def _calls(box: Box, damage: str, *, slow: bool) -> list[Attempt]:
    found = [
        box.call(damage, "status", "mine.toml"),
        box.call(damage, "status", "mine.toml", "--json"),
        box.call(damage, "control", "pause", "mine.toml"),
        box.call(damage, "control", "requeue", "mine.toml", "3", "--tier", "0.2-0.4"),
    ]
    if slow:
        found.append(box.call(damage, "report", "mine.toml"))
        found.append(box.call(damage, "export", "optuna", "mine.toml", "optuna.sqlite"))
    return found
