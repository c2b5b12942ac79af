"""How busy a server keeps hundreds of workers, and what that costs; writes results/scale.json and results/scale.png.

From the root of the repository, on an otherwise idle machine; some 7 minutes for each number of workers:

    OMP_NUM_THREADS=1 python benchmarks/cluster/scale.py --clients 8 32 128 320 --minutes 5

Each number is measured in its own process, which is tried twice, and its row is saved in results/scale.json at once;
the plot is drawn after each. `--without-ray` runs the same loop with workers in the server's own process, which shows
the cost without Ray, and `--plot` only draws.

Real are the server's loop with its lease, heartbeat, orders and events, its ledger (SQLite), its LA-MCTS optimizer on
`gpunet-small` with 41 integers and a latency limit estimated by a latency table, and the executor with Ray's head, its
node manager, driver and actors.

Simulated are training and nodes. A training run sleeps for 60 s +- 50 %, and sends an event for each of its 4 epochs.
40 nodes of 8 GPUs are one Ray node with 320 logical GPUs on this machine, and one actor process for each 8 workers; the
workers of a process are threads. So messages, processes and actors are those of 40 nodes except for their number (a
real worker is an actor of its own), and network, object store transfers and 40 node managers are missing.

Each worker records when its jobs began and ended; it is idle in between. Idle time counts from when every worker has
had its first job: all start at once and wait for the first proposals (`ramp_s`). A study has `--known` results before
the clock starts: with 320 workers it ends near 5,000.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scale_figures import all_busy_s, figures, growth_mb_per_1000, plot
from scale_load import PARTS, sampled
from simulated_client import draw
from simulated_executor import InProcessExecutor

from tiernas.blocks.rows import IntArray
from tiernas.cli.progress import watching
from tiernas.executors import Executor, Job, RaySettings
from tiernas.ledger import Known, Ledger, Purpose, Study
from tiernas.search import LaMctsOptimizer
from tiernas.study import Proposals, Trainings, serving, train_candidates
from tiernas.testing.latency import SPACE, synthetic_table
from tiernas.testing.ray_cluster import RayCluster, connected
from tiernas.tiers import Pool, Tier, sample_pools

RESULTS = Path(__file__).parent / "results"
PER_NODE = 8
TIER = Tier(0.2, 0.4)


class TimeOverError(Exception):
    """The run is long enough."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[8, 32, 128, 320])
    parser.add_argument("--seconds", type=float, default=60, help="mean duration of a training run")
    parser.add_argument("--minutes", type=float, default=5, help="duration of each run, without the start of Ray")
    parser.add_argument("--known", type=int, default=3500, help="number of candidates done before the clock starts")
    parser.add_argument("--without-ray", action="store_true")
    parser.add_argument("--plot", action="store_true", help="only draw the existing results")
    parser.add_argument("--output", type=Path, default=RESULTS / "scale.json")
    args = parser.parse_args()
    if args.plot:
        plot(json.loads(args.output.read_text()), args.output.with_suffix(".png"))
    elif len(args.clients) == 1:
        with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
            row = measure(args, args.clients[0], Path(folder))
        rows = keep(row, args.output)
        print(json.dumps({key: value for key, value in row.items() if key != "samples"}), flush=True)
        plot(rows, args.output.with_suffix(".png"))
    else:
        for clients in args.clients:
            command = [sys.executable, __file__, "--clients", str(clients), *_same_options(args)]
            if all(subprocess.run(command, check=False).returncode != 0 for _ in range(2)):
                print(f"{clients} workers: failed twice, no row", file=sys.stderr, flush=True)


def _same_options(args: argparse.Namespace) -> list[str]:
    options = [f"--{key}={getattr(args, key)}" for key in ("seconds", "minutes", "known", "output")]
    return [*options, "--without-ray"] if args.without_ray else options


def measure(args: argparse.Namespace, clients: int, folder: Path) -> dict[str, Any]:
    """One study of `args.minutes`; returns how busy its workers and its server were."""
    table = synthetic_table()
    pool = sample_pools(SPACE, table, [TIER], n=65_536, seed=0)[TIER]

    def feasible(rows: IntArray) -> npt.NDArray[np.bool_]:
        latency_ms = table.estimate(SPACE.from_levels(rows))
        return (TIER.low_ms <= latency_ms) & (latency_ms < TIER.high_ms)

    optimizer = LaMctsOptimizer(
        SPACE.levels,
        categorical=[d.categorical for d in SPACE.dimensions],
        feasible=feasible,
        pool=SPACE.to_levels(pool.vectors),
        canonical=lambda rows: SPACE.to_levels(SPACE.canonical(SPACE.from_levels(rows))),
        seed=0,
    )
    with (
        Ledger(folder / "ledger.sqlite") as ledger,
        executor_of(args, clients, folder) as executor,
        serving(ledger, folder) as heartbeat,
        watching() as (stop, watch),
    ):
        study = ledger.open_study(TIER.name, {})
        know(ledger, study, pool, args.known)
        over_s = time.monotonic() + 60 * args.minutes

        def report(clients: int, idle: int) -> None:
            heartbeat(clients, idle)
            if time.monotonic() > over_s:
                raise TimeOverError

        trainings = Trainings(
            ledger=ledger,
            executor=executor,
            space=SPACE,
            data={},
            recipes={purpose: {"seconds": args.seconds} for purpose in Purpose},
            seed=0,
            output=folder,
            stop=stop,
            watch=watch,
            report=report,
        )
        proposals = Proposals(ledger, study, SPACE, optimizer, table.estimate, None)
        began_s = time.time()
        with sampled() as samples, suppress(TimeOverError):
            train_candidates(trainings, study, Purpose.SEARCH, proposals.next, 10**6)
        ended_s = time.time()
        candidates = ledger.candidates(study)[args.known :]
    window = all_busy_s(candidates), ended_s
    inside = [s for s in samples if window[0] - began_s <= s["at_s"]]
    found = figures(candidates, window, clients)
    per_s = found["ended"] / (window[1] - window[0])
    return {
        "executor": "in process" if args.without_ray else "ray",
        "clients": clients,
        "seconds": args.seconds,
        "minutes": args.minutes,
        "known": args.known,
        "cores_of_this_machine": len(os.sched_getaffinity(0)),
        "ramp_s": window[0] - began_s,
        "window_s": window[1] - window[0],
        **found,
        "ended_per_s": per_s,
        **{f"{part}_cores": float(np.mean([s[f"{part}_cores"] for s in inside])) for part in PARTS},
        "server_mb": inside[-1]["server_mb"],
        "server_mb_per_1000_trainings": growth_mb_per_1000(inside, per_s, "server"),
        "samples": samples,
    }


def know(ledger: Ledger, study: Study, pool: Pool, known: int) -> None:
    """Adds candidates that are done already."""
    order = np.random.default_rng(0).permutation(len(pool.vectors))[:known]
    earlier = []
    for vector, latency_ms in zip(pool.vectors[order], pool.latency_ms[order], strict=True):
        architecture = SPACE.decode(vector)
        accuracy = draw(Job(0, architecture.to_json(), {}, {}, 0, "", "", test=False))[1]
        values = [int(v) for v in vector]
        earlier.append(Known(values, architecture.digest, float(latency_ms), True, accuracy, {}, "earlier"))
    ledger.adopt(study, earlier, {"earlier": known})


@contextmanager
def executor_of(args: argparse.Namespace, clients: int, folder: Path) -> Iterator[Executor]:
    """The executor, once all its workers are ready."""
    if args.without_ray:
        with InProcessExecutor(clients) as executor:
            yield executor
        return
    nodes = -(-clients // PER_NODE)
    environment = {
        "PYTHONPATH": str(Path(__file__).parent),
        "RAY_prestart_worker_first_driver": "0",
        "RAY_enable_worker_prestart": "0",
        "RAY_worker_register_timeout_seconds": "900",  # 40 processes start on two cores
        "RAY_worker_maximum_startup_concurrency": "4",
    }
    cluster = RayCluster(folder, environment, cpus=nodes, gpus=clients)
    os.environ.update(cluster.environment)
    cluster.start_head()
    try:
        settings = RaySettings(
            cluster.address,
            count=clients,
            cpus=1 / PER_NODE,
            gpus=1,
            client="simulated_client:SimulatedClient",
            jobs_per_process=PER_NODE,
        )
        with connected(settings, folder) as executor:
            there = 0
            while executor.clients < clients:
                executor.poll(1)
                if executor.clients > there:
                    there = executor.clients
                    print(f"{there} clients", file=sys.stderr, flush=True)
            yield executor
    finally:
        cluster.close()


def keep(row: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Adds a row to a file of rows, replacing an older one of the same kind; returns all of them."""
    rows = json.loads(path.read_text()) if path.exists() else []
    kind = ("executor", "clients", "seconds")
    rows = [old for old in rows if any(old[key] != row[key] for key in kind)]
    rows = sorted([*rows, row], key=lambda r: [r[key] for key in kind])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


if __name__ == "__main__":
    main()
