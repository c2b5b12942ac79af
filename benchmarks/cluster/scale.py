"""How busy a server keeps hundreds of clients, and what that costs it; writes results/scale.json and results/scale.png.

From the root of the repository, on one core, minutes for each:

    export OMP_NUM_THREADS=1
    python benchmarks/cluster/scale.py --clients 320 --minutes 6
    python benchmarks/cluster/scale.py --clients 320 --minutes 3 --without-ray
    python benchmarks/cluster/scale.py --plot

Real are the server's loop, its ledger (SQLite), its LA-MCTS optimizer on `gpunet-small` with 41 integers and a latency
limit, and the executor with Ray's head, node, driver and actors. Simulated are the trainings, which sleep for 60 s +-
50 % and send an event per epoch, and the nodes: one Ray node with 320 logical GPUs, and an actor process for each 8
clients, which stand for a node of 8 GPUs. A study has `--known` results before the clock starts.

Each client notes when its jobs began and ended. It is idle in between, and counts once every client has had its first
job: when all start at once, all wait for the first proposals, which `ramp_s` tells.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import psutil
from simulated_client import draw
from simulated_executor import InProcessExecutor

from tiernas.executors import Executor, Job, RayExecutor, RaySettings
from tiernas.ledger import Candidate, Ledger, Purpose, Study
from tiernas.search import LaMctsOptimizer
from tiernas.spaces.layer import IntArray
from tiernas.study import Proposals, StoppedError, Trainings
from tiernas.testing.latency import SPACE, synthetic_table
from tiernas.testing.ray_cluster import RayCluster
from tiernas.tiers import Tier, sample_pools

RESULTS = Path(__file__).parent / "results"
PER_NODE = 8
SAMPLE_S = 5.0
TIER = Tier(0.2, 0.4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=320)
    parser.add_argument("--seconds", type=float, default=60, help="mean duration of a training")
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--known", type=int, default=2000, help="candidates that are done before the clock starts")
    parser.add_argument("--without-ray", action="store_true")
    parser.add_argument("--plot", action="store_true", help="draw what was measured")
    args = parser.parse_args()
    if args.plot:
        plot(json.loads((RESULTS / "scale.json").read_text()))
        return
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        row = measure(args, Path(folder))
    keep(row)
    print(json.dumps({key: value for key, value in row.items() if key != "samples"}))


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """One study of `args.minutes`; what its clients and its server did."""
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
    recipe = {"seconds": args.seconds}
    with Ledger(folder / "ledger.sqlite") as ledger, executor_of(args, folder) as executor:
        study = ledger.open_study(TIER.name, {})
        ended_s = time.monotonic() + 60 * args.minutes
        trainings = Trainings(
            ledger=ledger,
            executor=executor,
            space=SPACE,
            data={},
            recipes=dict.fromkeys(Purpose, recipe),
            seed=0,
            output=folder,
            stop=lambda: time.monotonic() > ended_s,
            watch=lambda *_: None,
        )
        order = np.random.default_rng(0).permutation(len(pool.vectors))[: args.known]
        for vector, latency_ms in zip(pool.vectors[order], pool.latency_ms[order], strict=True):
            know(ledger, study, vector, float(latency_ms), recipe)
        proposals = Proposals(ledger, study, SPACE, optimizer, table.estimate, None)
        began_s, monotonic_s = time.time(), time.monotonic()
        ended_s = monotonic_s + 60 * args.minutes
        with sampled() as samples, suppress(StoppedError):
            trainings.run(study, Purpose.SEARCH, proposals.next, 10**6)
        candidates = ledger.candidates(study)[args.known :]
    window = all_busy_s(candidates), began_s + 60 * args.minutes
    inside = [s for s in samples if window[0] <= began_s + s["at_s"] <= window[1]]
    return {
        "executor": "in process" if args.without_ray else "ray",
        "clients": args.clients,
        "seconds": args.seconds,
        "minutes": args.minutes,
        "known": args.known,
        "trainings": len(candidates),
        "ramp_s": window[0] - began_s,
        "idle_fraction": idle_fraction(candidates, window, args.clients),
        "server_cores": float(np.mean([s["server_cores"] for s in inside])),
        "driver_cores": float(np.mean([s["driver_cores"] for s in inside])),
        "server_mb": [inside[0]["server_mb"], inside[-1]["server_mb"]],
        "driver_mb": [inside[0]["driver_mb"], inside[-1]["driver_mb"]],
        "samples": samples,
    }


def know(ledger: Ledger, study: Study, vector: IntArray, latency_ms: float, recipe: dict[str, Any]) -> None:
    """A candidate that was trained before."""
    architecture = SPACE.decode(vector)
    candidate = ledger.propose(study, [int(v) for v in vector], architecture.digest, latency_ms)
    ledger.start(candidate, "earlier")
    job = Job(candidate.id, architecture.to_json(), {}, recipe, 0, "", "", test=False)
    ledger.finish(candidate, draw(job)[1], {"began_s": 0.0, "ended_s": 0.0})


def all_busy_s(candidates: Sequence[Candidate]) -> float:
    """When the last client got its first job."""
    first_s: dict[str, float] = {}
    for candidate in candidates:
        if candidate.result is not None:
            first_s.setdefault(candidate.attempts[-1].worker, candidate.result["began_s"])
    return max(first_s.values())


def idle_fraction(candidates: Sequence[Candidate], window: tuple[float, float], clients: int) -> float:
    """Part of the window in which clients had no job, by what they noted; trainings that go on at its end count."""
    busy_s: dict[str, float] = defaultdict(float)
    for candidate in candidates:
        if candidate.result is not None:
            began_s, ended_s = candidate.result["began_s"], candidate.result["ended_s"]
            overlap_s = min(ended_s, window[1]) - max(began_s, window[0])
            busy_s[candidate.attempts[-1].worker] += max(0.0, overlap_s)
    return 1 - sum(busy_s.values()) / (clients * (window[1] - window[0]))


@contextmanager
def executor_of(args: argparse.Namespace, folder: Path) -> Iterator[Executor]:
    """The executor with all its clients there."""
    if args.without_ray:
        with InProcessExecutor(args.clients) as executor:
            yield executor
        return
    nodes = -(-args.clients // PER_NODE)
    environment = {
        "PYTHONPATH": str(Path(__file__).parent),
        "RAY_prestart_worker_first_driver": "0",
        "RAY_enable_worker_prestart": "0",
        "RAY_worker_register_timeout_seconds": "900",  # 40 processes start on a fraction of a core
        "RAY_worker_maximum_startup_concurrency": "4",
    }
    cluster = RayCluster(folder, environment, cpus=nodes, gpus=args.clients)
    os.environ.update(cluster.environment)
    cluster.start_head()
    try:
        time.sleep(20)
        settings = RaySettings(
            cluster.address,
            count=args.clients,
            cpus=1 / PER_NODE,
            gpus=1,
            client="simulated_client:SimulatedClient",
            jobs_per_process=PER_NODE,
        )
        with RayExecutor(settings, folder / "logs") as executor:
            while executor.clients < args.clients:
                executor.poll(1)
                print(f"{executor.clients} clients", file=sys.stderr, flush=True)
            yield executor
    finally:
        cluster.close()


@contextmanager
def sampled() -> Iterator[list[dict[str, float]]]:
    """Cores and memory of the server and of its driver, every few seconds."""
    samples: list[dict[str, float]] = []
    over = threading.Event()
    server = psutil.Process()
    drivers = [p for p in server.children() if "tiernas.executors.ray_driver" in p.cmdline()]
    thread = threading.Thread(target=_sample, args=(server, drivers, samples, over), daemon=True)
    thread.start()
    yield samples
    over.set()
    thread.join()


def _sample(
    server: psutil.Process, drivers: Sequence[psutil.Process], samples: list[dict[str, float]], over: threading.Event
) -> None:
    began_s = last_s = time.monotonic()
    last = _cpu_s([server]), _cpu_s(drivers)
    while not over.wait(SAMPLE_S):
        now_s, now = time.monotonic(), (_cpu_s([server]), _cpu_s(drivers))
        samples.append(
            {
                "at_s": now_s - began_s,
                "server_cores": (now[0] - last[0]) / (now_s - last_s),
                "driver_cores": (now[1] - last[1]) / (now_s - last_s),
                "server_mb": server.memory_info().rss / 1e6,
                "driver_mb": sum(p.memory_info().rss for p in drivers) / 1e6,
            }
        )
        last_s, last = now_s, now


def _cpu_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(p.cpu_times()[:2]) for p in processes)


def keep(row: dict[str, Any]) -> None:
    """Puts a row into results/scale.json, in the place of an older one of the same kind."""
    path = RESULTS / "scale.json"
    rows = json.loads(path.read_text()) if path.exists() else []
    kind = ("executor", "clients", "seconds")
    rows = [old for old in rows if any(old[key] != row[key] for key in kind)]
    rows = sorted([*rows, row], key=lambda r: [r[key] for key in kind])
    path.write_text(json.dumps(rows, indent=1) + "\n")


def plot(rows: Sequence[dict[str, Any]]) -> None:
    figure, (idle, cpu, memory) = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for executor, marker in (("ray", "o"), ("in process", "s")):
        mine = sorted((r for r in rows if r["executor"] == executor), key=lambda r: r["clients"])
        clients = [r["clients"] for r in mine]
        idle.plot(clients, [100 * r["idle_fraction"] for r in mine], marker=marker, label=executor)
        cpu.plot(clients, [r["server_cores"] for r in mine], marker=marker, label=f"server, {executor}")
        if executor == "ray":
            cpu.plot(clients, [r["driver_cores"] for r in mine], marker="^", label="Ray driver")
        for row in mine:
            minutes = [s["at_s"] / 60 for s in row["samples"]]
            memory.plot(minutes, [s["server_mb"] for s in row["samples"]], label=f"{row['clients']}, {executor}")
    idle.axhline(2, color="grey", linestyle=":")
    cpu.axhline(0.5, color="grey", linestyle=":")
    for axes in (idle, cpu):
        axes.set(xscale="log", xlabel="clients", ylim=(0, None))
        axes.set_xticks([8, 32, 128, 320], labels=["8", "32", "128", "320"])
        axes.minorticks_off()
        axes.legend()
    idle.set(ylabel="idle client time (%)")
    cpu.set(ylabel="cores")
    memory.set(xlabel="minutes", ylabel="memory of the server (MB)", ylim=(0, None))
    memory.legend()
    figure.savefig(RESULTS / "scale.png", dpi=120)


if __name__ == "__main__":
    main()
