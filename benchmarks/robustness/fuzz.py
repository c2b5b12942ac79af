"""Damages what tiernas reads, and checks how it ends: images, entries, ledgers, latency tables and configurations.

Every case has a seed, which fixes the damage. Cases run in a child process, one after the other, through the command
line (images: through `load_data`); one that takes too long is killed and counted. A fault is: a traceback, an exit code
other than 0, 2 and 3, an exit code without a message, a library's warning on the terminal, a process that hangs or
dies, and a file that is written anywhere but into the output folder.

    python benchmarks/robustness/fuzz.py --out benchmarks/robustness/results/robustness.json   all of it
    python benchmarks/robustness/fuzz.py entries --first-seed 17 --count 1 --show              one case and its messages
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from attempts import Attempt

KINDS = {"images": 200, "entries": 1_000, "ledgers": 1_000, "latency_tables": 1_000, "configurations": 500}
"""Number of cases of each kind; a case of images has 50 of them. The module of a kind has `prepared(folder)`, which
returns a function of the seed."""

LIMIT_S = 400.0
"""A case that takes longer hangs."""

_REPORTED = 50
"""Number of faults that are listed; all are counted."""

Found = list[Attempt] | None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "kinds", nargs="*", choices=[[], *KINDS], metavar="KIND", help=f"{', '.join(KINDS)}; default: all"
    )
    parser.add_argument("--count", type=int, help="cases of each kind")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON; results of other kinds in it are kept")
    parser.add_argument("--show", action="store_true", help="print every case, not only faults")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for the children
    found = {}
    for kind in args.kinds or KINDS:
        seeds = range(args.first_seed, args.first_seed + (args.count or KINDS[kind]))
        found[kind] = summary(kind, seeds, show=args.show)
        print(kind, json.dumps({k: v for k, v in found[kind].items() if k != "faults"}), flush=True)
    if args.out:
        before = json.loads(args.out.read_text()) if args.out.exists() else {}
        args.out.write_text(json.dumps({**before, **found}, indent=1) + "\n")
    sys.exit(any(kind["faulty"] for kind in found.values()))


def summary(kind: str, seeds: range, *, show: bool) -> dict[str, Any]:
    """Runs the cases of a kind and counts."""
    begin_s = time.monotonic()
    codes: Counter[str] = Counter()
    kinds_of_fault: Counter[str] = Counter()
    faults: list[dict[str, Any]] = []
    faulty = slowest_s = 0.0
    for seed, attempts, took_s in run(kind, seeds):
        slowest_s = max(slowest_s, took_s)
        for attempt in attempts:
            codes[str(attempt.exit_code)] += 1
            if show or attempt.faults:
                print(json.dumps({"seed": seed, **asdict(attempt)}), flush=True)
            if attempt.faults and len(faults) < _REPORTED:
                faults.append({"seed": seed, **asdict(attempt)})
            kinds_of_fault.update(fault.split(" /")[0] for fault in attempt.faults)
        faulty += any(attempt.faults for attempt in attempts)
    return {
        "first_seed": seeds.start,
        "cases": len(seeds),
        "calls": sum(codes.values()),
        "exit_codes": dict(sorted(codes.items())),
        "faulty": int(faulty),
        "faults_by_kind": dict(kinds_of_fault.most_common()),
        "slowest_s": round(slowest_s, 1),
        "seconds": round(time.monotonic() - begin_s),
        "tiernas": version("tiernas"),
        "python": platform.python_version(),
        "faults": faults,
    }


def run(kind: str, seeds: range) -> Iterator[tuple[int, list[Attempt], float]]:
    """Each seed with how its calls ended, and their duration; a child that hangs or dies is replaced."""
    left = list(seeds)
    while left:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        child = multiprocessing.get_context("spawn").Process(target=_serve, args=(kind, left, theirs))
        child.start()
        theirs.close()
        try:
            ours.recv()  # it is prepared
            while left:
                begin_s = time.monotonic()
                how = "hangs"
                if ours.poll(LIMIT_S):
                    try:
                        yield left[0], ours.recv(), time.monotonic() - begin_s
                        left.pop(0)
                        continue
                    except EOFError:
                        child.join()
                        how = f"dies with {child.exitcode}"
                yield left.pop(0), [Attempt("", kind, None, "", (how,))], time.monotonic() - begin_s
                break
        finally:
            child.kill()
            child.join()


def _serve(kind: str, seeds: list[int], parent: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="tiernas-robustness-") as folder:
        prepared: Callable[[Path], Any] = import_module(kind).prepared
        with prepared(Path(folder)) as case:
            parent.send("ready")
            for seed in seeds:
                parent.send(case(seed))


if __name__ == "__main__":
    main()
