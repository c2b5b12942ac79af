"""How busy the workers were, from the rows of a ledger and the workers' own records; and the plot of all runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scale_load import PARTS

from tiernas.ledger import Candidate, Purpose, State

Span = tuple[float, float]
"""Start and end, in seconds since 1970."""


def all_busy_s(candidates: Sequence[Candidate]) -> float:
    """When the last worker got its first job, in seconds since 1970."""
    first_s: dict[str, float] = {}
    for candidate in candidates:
        for attempt in candidate.attempts:
            first_s.setdefault(attempt.worker, attempt.started_at.timestamp())
    return max(first_s.values())


def figures(candidates: Sequence[Candidate], window: Span, clients: int) -> dict[str, Any]:
    """How idle the workers were in a time window, and where their idle time went.

    Args:
        candidates: Candidates of the run.
        window: All workers have had a job when it begins; the run ends with it.
        clients: Number of workers.

    Returns:
        `ended`: training runs that ended in the window; `idle_fraction`: fraction of the time of all workers without a
        job, by their own records. Of the mean pause of a worker between two jobs: `pause_ms`; `server_ms` of it, from
        the server's record of the result to that of the next start; and `way_ms`, the rest: Ray, driver and pipes, both
        ways, and the time that messages wait for the server to read them.
    """
    spans = _spans(candidates, window[1])
    busy_s = sum(max(0.0, min(end, window[1]) - max(begin, window[0])) for of in spans.values() for begin, end in of)
    pauses_s = [b[0] - a[1] for of in spans.values() for a, b in pairwise(sorted(of)) if window[0] <= a[1]]
    server_s = _server_s(candidates, window[0])
    if not pauses_s or not server_s:
        raise ValueError("the run was too short: no worker ended one training run and began another in its window")
    ends_s = [_noted(c)[1] for c in candidates if c.state is State.DONE]
    return {
        "ended": sum(window[0] <= end_s <= window[1] for end_s in ends_s),
        "idle_fraction": 1 - busy_s / (clients * (window[1] - window[0])),
        "pause_ms": 1000 * float(np.mean(pauses_s)),
        "server_ms": 1000 * float(np.mean(server_s)),
        "way_ms": 1000 * float(np.mean(pauses_s) - np.mean(server_s)),
    }


def _noted(candidate: Candidate) -> Span:
    """When the worker that trained a candidate began and ended, by its own records."""
    assert candidate.result is not None
    return candidate.result["began_s"], candidate.result["ended_s"]


def _spans(candidates: Sequence[Candidate], over_s: float) -> Mapping[str, Sequence[Span]]:
    """When each worker worked. A busy one has recorded nothing yet: it began as long after its start as others."""
    spans: dict[str, list[Span]] = defaultdict(list)
    done = [c for c in candidates if c.state is State.DONE]
    late_s = float(np.median([_noted(c)[0] - c.attempts[-1].started_at.timestamp() for c in done]))
    for candidate in done:
        spans[candidate.attempts[-1].worker].append(_noted(candidate))
    for candidate in candidates:
        if candidate.state is State.RUNNING:
            attempt = candidate.attempts[-1]
            spans[attempt.worker].append((attempt.started_at.timestamp() + late_s, over_s))
    return spans


def _server_s(candidates: Sequence[Candidate], since_s: float) -> Sequence[float]:
    """Times between the end of a worker's job and the start of its next one, by the server's records."""
    attempts = defaultdict(list)
    for candidate in candidates:
        if candidate.purpose is Purpose.SEARCH and candidate.attempts:
            attempts[candidate.attempts[-1].worker].append(candidate.attempts[-1])
    found = []
    for of_worker in attempts.values():
        for before, after in pairwise(sorted(of_worker, key=lambda a: a.started_at)):
            if before.finished_at is not None and before.finished_at.timestamp() >= since_s:
                found.append((after.started_at - before.finished_at).total_seconds())
    return found


def growth_mb_per_1000(samples: Sequence[Mapping[str, float]], ended_per_s: float, part: str) -> float:
    """Growth of the memory of a part per 1,000 ended training runs: a line through the samples of the window."""
    at_s = [s["at_s"] for s in samples]
    slope = float(np.polyfit(at_s, [s[f"{part}_mb"] for s in samples], 1)[0])
    return 1000 * slope / ended_per_s


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Idle time, cores and memory of all runs, over the number of workers."""
    figure, (idle, cpu, memory) = plt.subplots(1, 3, figsize=(13, 4.2), layout="constrained")
    names = {"server": "server", "driver": "its Ray driver", "ray": "Ray's daemons", "clients": "simulated workers"}
    for executor, marker in (("ray", "o"), ("in process", "s")):
        mine = sorted((r for r in rows if r["executor"] == executor), key=lambda r: r["clients"])
        if not mine:
            continue
        clients = [r["clients"] for r in mine]
        idle.plot(clients, [100 * r["idle_fraction"] for r in mine], marker=marker, label=f"all, {executor}")
        if executor == "ray":
            ours = [100 * r["idle_fraction"] * r["server_ms"] / r["pause_ms"] for r in mine]
            idle.plot(clients, ours, marker="v", label="of it between the server's two records")
        for part in PARTS if executor == "ray" else ("server",):
            label = names[part] if executor == "ray" else f"server, {executor}"
            cpu.plot(clients, [r[f"{part}_cores"] for r in mine], marker=marker, label=label)
        for row in mine:
            minutes = [s["at_s"] / 60 for s in row["samples"]]
            memory.plot(minutes, [s["server_mb"] for s in row["samples"]], label=f"{row['clients']}, {executor}")
    idle.axhline(2, color="grey", linestyle=":")
    cpu.axhline(0.5, color="grey", linestyle=":")
    every = sorted({r["clients"] for r in rows})
    for axes in (idle, cpu):
        axes.set(xscale="log", xlabel="clients", ylim=(0, None))
        axes.set_xticks(every, labels=[str(n) for n in every])
        axes.minorticks_off()
        axes.legend(fontsize="small")
    idle.set(ylabel="idle worker time (%)", title="idle (dotted: goal)")
    cpu.set(ylabel="cores", title="CPU by process (dotted: goal for the server)")
    most_mb = max(s["server_mb"] for r in rows for s in r["samples"])
    memory.set(xlabel="minutes", ylabel="MB", ylim=(0, 1.2 * most_mb), title="memory of the server's process")
    memory.legend(title="workers", fontsize="small", loc="lower right")
    figure.savefig(path, dpi=120)
    plt.close(figure)
