"""Results of replays: one file of JSON lines for each task, optimizer and number of workers, one line for each seed."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiernas.errors import UsageError
from tiernas.replay import Replay, best_so_far_regret, incumbent_regret

Steps = list[tuple[int, float | None]]
"""Number of training runs that have ended and the regret from then on; only where it changes, None while infinite."""


@dataclass(frozen=True, slots=True)
class Run:
    """One replay.

    Attributes:
        seed: Seed of the optimizer and of the trials.
        evaluations: Number of training runs that ended.
        best: The reference value of the regret.
        regret: True regret of the best row found so far.
        incumbent_regret: True regret of the row with the best observation so far.
        proposal_mean_cpu_s: Mean CPU time of a proposal, including the telling before it.
        proposal_last_cpu_s: Mean CPU time of the last tenth of the proposals.
        proposal_max_cpu_s: The longest.
        peak_rss_mb: Peak memory of the process so far, including interpreter and libraries.
        simulated_h: Simulated time until the last training run ended.
    """

    seed: int
    evaluations: int
    best: float
    regret: Steps
    incumbent_regret: Steps
    proposal_mean_cpu_s: float
    proposal_last_cpu_s: float
    proposal_max_cpu_s: float
    peak_rss_mb: float
    simulated_h: float

    @classmethod
    def of(cls, seed: int, replayed: Replay, true: npt.NDArray[np.float64], best: float) -> Run:
        """The run of a replay.

        Args:
            seed: Its seed.
            replayed: Its result.
            true: `n` true values of its rows, in the order in which they were proposed.
            best: The best known value.
        """
        order, took = replayed.ended, replayed.proposal_cpu_s
        return cls(
            seed=seed,
            evaluations=len(order),
            best=best,
            regret=steps(best_so_far_regret(true[order], best)),
            incumbent_regret=steps(incumbent_regret(true[order], replayed.values[order], best)),
            proposal_mean_cpu_s=round(float(took.mean()), 5),
            proposal_last_cpu_s=round(float(took[-max(1, len(took) // 10) :].mean()), 5),
            proposal_max_cpu_s=round(float(took.max()), 5),
            peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            simulated_h=round(float(replayed.ended_s[-1]) / 3600, 2),
        )

    def curve(self, evaluations: int, *, incumbent: bool = False) -> npt.NDArray[np.float64]:
        """The regret after 1, 2, ... `evaluations` training runs; the last value continues if a run ended before."""
        return curve_of(self.incumbent_regret if incumbent else self.regret, evaluations)


@dataclass(frozen=True, slots=True)
class RunFile:
    """The runs of one task, optimizer, number of workers and noise."""

    folder: Path
    task: str
    optimizer: str
    workers: int
    noise: float

    @property
    def path(self) -> Path:
        noise = f"-noise{self.noise:g}" if self.noise else ""
        return self.folder / "replay" / self.task / f"{self.optimizer}-{self.workers}w{noise}.jsonl"

    def read(self, evaluations: int) -> dict[int, Run]:
        """The runs by seed with at least this many evaluations; of equal seeds the last line counts.

        Raises:
            UsageError: Another version of this benchmark wrote the file.
        """
        if not self.path.exists():
            return {}
        lines: list[dict[str, Any]] = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        try:
            return {line["seed"]: Run(**line["run"]) for line in lines if line["wanted"] >= evaluations}
        except (KeyError, TypeError) as error:
            raise UsageError(f"{self.path}: written by another version of this benchmark; delete it") from error

    def append(self, run: Run, wanted: int) -> None:
        """Adds a run with this number of evaluations."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": run.seed, "wanted": wanted, "run": asdict(run)}) + "\n")


def curve_of(changes: Iterable[tuple[int, float | None]], evaluations: int) -> npt.NDArray[np.float64]:
    """The regret after 1, 2, ... `evaluations` training runs; the last value continues."""
    curve = np.empty(evaluations)
    for ended, regret in changes:
        curve[ended - 1 :] = math.inf if regret is None else regret
    return curve


def steps(curve: npt.NDArray[np.float64]) -> Steps:
    """Where a curve of regrets changes."""
    rounded = np.round(curve, 4) + 0.0  # no -0.0
    changes = np.flatnonzero(np.append(True, rounded[1:] != rounded[:-1]))
    return [(int(i) + 1, float(rounded[i]) if math.isfinite(rounded[i]) else None) for i in changes]
