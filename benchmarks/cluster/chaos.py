"""One search on a real Ray cluster and a real PostgreSQL, in which everything that can break does.

From the root of the repository, as root (it mounts a small disk), on one core, some minutes:

    pip install -e '.[train,openvino,ray,postgres]'     # and the PostgreSQL server of your system
    OMP_NUM_THREADS=1 python benchmarks/cluster/chaos.py

The same search runs twice: undisturbed, in processes of this machine; and on Ray with checkpoints at a URL, where

- the server is killed with `kill -9` five times, each time after a worker, and the head with its workers once;
- a second node joins whose disk, a tmpfs for its temporary files, is too small for a checkpoint;
- a worker hangs (`kill -STOP`) until the time limit of its training run ends it.

In both, one network in four has a learning rate with which its loss is NaN after some steps.

Writes results/chaos.json and exits with 1 unless both found the same networks, with the same accuracies or failures, no
candidate is missing or was trained to the end twice, and no reported epoch was trained again. No candidate loses its
worker more than once on purpose, since after three times it has failed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tiernas.ledger import Candidate, Ledger, Outcome, State
from tiernas.testing.postgresql import run_postgresql
from tiernas.testing.ray_cluster import RayCluster

RESULTS = Path(__file__).parent / "results"
SERVER_KILLS = 5
PATIENCE_S = 300

SAID = ("worker process has died", "the server ended", "is set aside", "time_limit_minutes", "was lost", "diverged")
"""Parts of the reasons of attempts that show how they ended."""

CONFIG = """
[study]
name = "chaos"
output = "{output}"

[data]
kind = "digits"
train_limit = 600

[recipe]
epochs = 8

[latency]
networks = 12

[tiers]
edges = [0.15, 0.6]
pool = 1024

[search]
trainings = 12
pending = 1

[finalists]
per_tier = 0
repeats = 0
epochs = 2

[workers]
count = {clients}
time_limit_minutes = {minutes}
"""

SICKNESS = """
import sys

if "tiernas.executors.worker" in sys.orig_argv or any(word.endswith("default_worker.py") for word in sys.orig_argv):
    import tiernas.executors.run as run

    def sick(architecture, splits, recipe, *, _train=run.train, **more):
        if int(architecture.digest[:8], 16) % 4 == 0:
            recipe = recipe.model_copy(update={"learning_rate": 1e6})
        return _train(architecture, splits, recipe, **more)

    run.train = sick
"""
"""A `sitecustomize.py`, which Python runs when it starts, for every process that trains, here or on Ray."""

MINUTES = 1
"""Time limit of a training run: several times its duration on one core shared by two."""


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="c", dir="/tmp") as folder, run_postgresql() as postgresql:
        home = Path(folder)
        (home / "sick").mkdir()
        (home / "sick" / "sitecustomize.py").write_text(SICKNESS, encoding="utf-8")
        os.environ["PYTHONPATH"] = os.pathsep.join([str(home / "sick"), os.environ.get("PYTHONPATH", "")])
        for name, clients in (("calm", 2), ("storm", 4)):
            text = CONFIG.format(output=name, clients=clients, minutes=MINUTES)
            (home / f"{name}.toml").write_text(text, encoding="utf-8")
        subprocess.run(command("calm"), cwd=home, check=True)
        (home / "ray").mkdir()
        cluster = RayCluster(home / "ray")
        with small_disk(home / "disk") as disk:
            try:
                cluster.start_head()
                cluster.add_node("small", {"TMPDIR": str(disk)})
                found = run_storm(home, cluster, postgresql.empty())
            finally:
                cluster.close()
        with Ledger(home / "calm" / "ledger.sqlite") as ledger:
            expected = candidates(ledger)
        result = {**found, "seconds": round(time.monotonic() - began)}
        result["same_as_undisturbed"] = found["networks"] == networks(expected)
    (RESULTS / "chaos.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in result.items() if key != "networks"}, indent=1))
    sound = result["same_as_undisturbed"] and not result["trained_twice"] and not result["epochs_reported_twice"]
    sys.exit(0 if sound else 1)


def run_storm(home: Path, cluster: RayCluster, url: str) -> dict[str, Any]:
    """Disturbs a search until every kind of failure has happened, lets it end, and reads its ledger."""
    rng = random.Random(0)
    words = ["--address", cluster.address, "--set", f'study.ledger="{url}"']
    words += ["--set", "latency.table=calm/latency-table.jsonl"]
    words += ["--set", f"study.checkpoints=file://{home}/checkpoints"]
    environment = {**os.environ, **cluster.environment}
    killed: Counter[str] = Counter()

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command("storm", *words), cwd=home, env=environment)

    for round_ in range(SERVER_KILLS):
        server = start()
        wait_for_epoch(server, home)
        if round_ == SERVER_KILLS // 2:
            cluster.kill("head")
            killed["head"] += 1
            cluster.start_head()
            wait_until(server, lambda: "connected to the Ray cluster again" in log(home))
            wait_for_epoch(server, home)
        with Ledger(url) as ledger:
            running = [c for c in candidates(ledger) if c.state is State.RUNNING]
        spared = [c for c in running if Outcome.FAILED not in {a.outcome for a in c.attempts}]
        if spared:
            client = rng.choice(spared).attempts[-1].worker
            with suppress(ProcessLookupError):
                os.kill(int(client.rpartition(":")[2]), signal.SIGKILL)
                killed["client"] += 1
        time.sleep(rng.uniform(0, 2))
        server.kill()
        server.wait()
        killed["server"] += 1
    server = start()
    wait_for_epoch(server, home)
    with Ledger(url) as ledger:
        spared = [c for c in candidates(ledger) if c.state is State.RUNNING and c.attempts[-1].epochs]
    if spared:
        os.kill(int(spared[0].attempts[-1].worker.rpartition(":")[2]), signal.SIGSTOP)
        killed["hung"] += 1
    if server.wait() != 0:
        raise SystemExit("the server ended with an error; see above")
    with Ledger(url) as ledger:
        found = candidates(ledger)
    done = [[attempt.outcome for attempt in c.attempts].count(Outcome.DONE) for c in found]
    reported = Counter(epochs(home))
    return {
        "killed": dict(killed),
        "states": dict(Counter(str(c.state) for c in found)),
        "attempts": dict(Counter(str(a.outcome) for c in found for a in c.attempts)),
        "reasons": dict(Counter(said for c in found for a in c.attempts for said in SAID if said in (a.reason or ""))),
        "trained_twice": sum(n > 1 for n in done),
        "epochs_reported": len(reported),
        "epochs_reported_twice": sum(n > 1 for n in reported.values()),
        "networks": networks(found),
    }


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk that is too small for a checkpoint."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def command(name: str, *words: str) -> Sequence[str]:
    return [sys.executable, "-m", "tiernas", "search", f"{name}.toml", *words]


def candidates(ledger: Ledger) -> Sequence[Candidate]:
    return [c for study in ledger.studies() for c in ledger.candidates(study)]


def networks(found: Sequence[Candidate]) -> Sequence[Mapping[str, Any]]:
    return [{"vector": list(c.vector), "state": str(c.state), "accuracy": c.accuracy} for c in found]


def log(home: Path) -> str:
    """The events so far."""
    path = home / "storm" / "events.jsonl"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def epochs(home: Path) -> Sequence[tuple[int, int]]:
    """Candidate and number of every epoch reported so far."""
    events = [json.loads(line) for line in log(home).splitlines(keepends=True) if line.endswith("\n")]
    return [(e["candidate"], e["epochs"]) for e in events if e["event"] == "epoch"]


def wait_for_epoch(server: subprocess.Popen[bytes], home: Path) -> None:
    """Waits until one more epoch is reported."""
    seen = len(epochs(home))
    wait_until(server, lambda: len(epochs(home)) > seen)


def wait_until(server: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Waits for a condition while the server runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if server.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the server ended, or nothing happened for minutes; see above")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
