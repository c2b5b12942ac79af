"""A ledger of 100,000 candidates with their attempts, on SQLite and PostgreSQL: what reading and writing takes.

    taskset -c 1 python benchmarks/ledger/scale.py [--candidates 100000] [--export] [--output FILE]

PostgreSQL is started here, from the binaries of Debian's package, in a temporary folder, and waits for the disk as a
real one does. `resume` is what a server reads that continues a search. `status` is the whole command `tiernas status
--json`, and `export` is `tiernas export optuna` to a journal, of 1,000 candidates, with `--export` of all: its time is
that of Optuna, which takes trials one by one. CPU time is that of the process that is measured with all its imports; on
a quiet core it is what passes, but for the part of PostgreSQL. Each write is measured on a ledger of 1,000 candidates
too: it must not cost more where there are many.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, insert

from tiernas.ledger import Attempt, Candidate, Ledger, Location, Outcome, Purpose, Server, State, Study
from tiernas.spaces import get_space
from tiernas.testing.postgresql import NoPostgresqlError, run_postgresql

FEW = 1_000
WRITES = 200
RUNNING = 320  # 40 nodes of 8 GPUs, as in the paper
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

RESUME = """
import sys, time
begin = time.perf_counter()
from tiernas.ledger import Ledger
imported = time.perf_counter()
with Ledger(sys.argv[1]) as ledger:
    opened = time.perf_counter()
    for study in ledger.studies():
        ledger.candidates(study, all_attempts=False)
    print(imported - begin, opened - imported, time.perf_counter() - opened, time.process_time())
"""

CONFIG = """
[study]
name = "many"
space = "gpunet-small"
output = "{output}"
{ledger}

[data]
kind = "digits"

[recipe]
epochs = 10

[tiers]
edges = [0.5, 0.8]

[finalists]
epochs = 30
"""


def fill(location: Path | str, candidates: int) -> None:
    """One study; one candidate in five was tried twice, one in a hundred failed, `RUNNING` run."""
    with Ledger(location) as ledger:
        study_id = ledger.open_study("0.5-0.8", {"study.seed": 0}).id
    vectors = get_space("gpunet-small").sample(candidates).tolist()
    engine = create_engine(Location.of(location).url)
    for first in range(0, candidates, 10_000):
        rows: list[dict[str, Any]] = []
        tries: list[dict[str, Any]] = []
        for number in range(first, min(first + 10_000, candidates)):
            runs = number >= candidates - min(RUNNING, candidates // 4)
            state = State.RUNNING if runs else State.FAILED if number % 100 == 7 else State.DONE
            ended = None if runs else BEGAN + dt.timedelta(seconds=number)
            done = {"epochs": 10, "seed": 0, "duration_s": 61.5, "batch_size": 256, "test_accuracy": None}
            rows.append(
                {
                    "id": number + 1,
                    "study_id": study_id,
                    "purpose": Purpose.SEARCH,
                    "number": number,
                    "vector": vectors[number],
                    "digest": f"{number:064x}",
                    "seed_offset": 0,
                    "estimated_latency_ms": 0.5 + number % 300 / 1000,
                    "state": state,
                    "accuracy": 0.5 + number * 7919 % 3000 / 10_000 if state is State.DONE else None,
                    "result": done if state is State.DONE else None,
                    "reason": "the loss is no number" if state is State.FAILED else None,
                    "forgiven": 0,
                    "ended_order": None if runs else number,
                    "created_at": BEGAN,
                    "finished_at": ended,
                }
            )
            last = 2 if number % 5 == 0 else 1
            for attempt in range(1, last + 1):
                ends = Outcome.FAILED if attempt < last or state is State.FAILED else Outcome.DONE
                tries.append(
                    {
                        "candidate_id": number + 1,
                        "number": attempt,
                        "outcome": Outcome.RUNNING if runs and attempt == last else ends,
                        "worker": f"node{number % 40}:4711",
                        "node": f"node{number % 40}",
                        "gpu": str(number % 8),
                        "epochs": 10,
                        "reason": "the worker died" if ends is Outcome.FAILED else None,
                        "started_at": BEGAN,
                        "finished_at": None if runs and attempt == last else ended or BEGAN,
                    }
                )
        with engine.begin() as connection:
            connection.execute(insert(Candidate), rows)
            connection.execute(insert(Attempt), tries)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # rows with numbers of their own leave the sequence where it was
            connection.exec_driver_sql("SELECT setval('candidates_id_seq', (SELECT max(id) FROM candidates))")
            connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def read(location: Path | str) -> list[float]:
    """What a process that resumes prints: the best of three, as others use this machine."""
    command = [sys.executable, "-c", RESUME, str(location)]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(3)]
    return min(([float(figure) for figure in run] for run in runs), key=lambda figures: sum(figures[:3]))


def command_s(location: Path | str, *arguments: str) -> tuple[float, float]:
    """Wall and CPU time in s of a command of tiernas on a ledger; `{config}` in the arguments is its configuration."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.toml"
        url = f"sqlite:///{location}" if isinstance(location, Path) else location
        path.write_text(CONFIG.format(output=folder, ledger=f'ledger = "{url}"'), encoding="utf-8")
        begin_s, before_s = time.perf_counter(), _children_s()
        filled = [argument.format(config=path, folder=folder) for argument in arguments]
        subprocess.run([sys.executable, "-m", "tiernas", *filled], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - begin_s, _children_s() - before_s


def _children_s() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def writes_ms(location: Path | str) -> dict[str, float]:
    """Median time of each write under a lease, in ms."""
    spent: dict[str, list[float]] = {}

    def timed(what: str, call: Callable[..., Any], *args: Any) -> Any:
        begin = time.perf_counter()
        result = call(*args)
        spent.setdefault(what, []).append(1000 * (time.perf_counter() - begin))
        return result

    with Ledger(location) as ledger, ledger.serve(Server.here(), 600) as lease:
        study: Study = ledger.studies()[0]
        for number in range(WRITES):
            vector = [number] * 41
            candidate = timed("propose", ledger.propose, study, vector, f"new{number}", 0.6)
            timed("start", ledger.start, candidate, "node1:1", "node1", "0")
            timed("progress", ledger.progress, candidate, 1)
            timed("finish", ledger.finish, candidate, 0.5, {"seed": 0})
            timed("orders", ledger.orders)
            timed("renew", lease.renew, 320, 0)
    return {what: round(statistics.median(times), 3) for what, times in spent.items()}


def measure(many: Path | str, few: Path | str, candidates: int, *, exported: bool) -> dict[str, Any]:
    """Figures of one database."""
    begin = time.perf_counter()
    fill(many, candidates)
    fill(few, FEW)
    filled_s = time.perf_counter() - begin
    imported_s, opened_s, resume_s, resume_cpu_s = read(many)
    status_s, status_cpu_s = min(command_s(many, "status", "{config}", "--json") for _ in range(3))
    export = "export", "optuna", "{config}", "{folder}/many.log"
    export_s, export_cpu_s = command_s(many, *export) if exported else (None, None)
    few_s, few_cpu_s = command_s(few, *export)
    return {
        "candidates": candidates,
        "fill_s": round(filled_s, 1),
        "resume_import_s": round(imported_s, 3),
        "resume_open_s": round(opened_s, 3),
        "resume_read_s": round(resume_s, 3),
        "resume_cpu_s": round(resume_cpu_s, 3),
        "status_s": round(status_s, 3),
        "status_cpu_s": round(status_cpu_s, 3),
        "export_s": export_s and round(export_s, 3),
        "export_cpu_s": export_cpu_s and round(export_cpu_s, 3),
        f"export_s_of_{FEW}": round(few_s, 3),
        f"export_cpu_s_of_{FEW}": round(few_cpu_s, 3),
        "writes_ms": writes_ms(many),
        f"writes_ms_of_{FEW}": writes_ms(few),
    }


@contextmanager
def locations(database: str) -> Iterator[tuple[Path | str, Path | str]]:
    """Two empty ledgers."""
    if database == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / "many.sqlite", Path(folder) / "few.sqlite"
    else:
        with run_postgresql(safe=True) as server:
            yield server.empty(), server.empty()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--export", action="store_true", help="export all candidates, not 1,000; takes long")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "scale.json")
    options = parser.parse_args()
    results: dict[str, Any] = {"python": platform.python_version(), "system": platform.platform()}
    for database in ("sqlite", "postgresql"):
        try:
            with locations(database) as (many, few):
                results[database] = measure(many, few, options.candidates, exported=options.export)
        except NoPostgresqlError as error:
            print(f"{database}: not measured: {error}", file=sys.stderr)
            continue
        print(database, json.dumps(results[database], indent=2))
    options.output.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
