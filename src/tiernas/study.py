"""The server of one study: ask, train, tell; everything it knows is in the ledger."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tiernas.errors import TiernasError, UsageError
from tiernas.executors import Blocked, EpochDone, Executor, Failed, Finished, Job
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.search import Optimizer
from tiernas.spaces import SearchSpace
from tiernas.spaces.layer import IntArray

_log = logging.getLogger(__name__)

_POLL_S = 0.5
"""How often the server looks whether it has been asked to stop."""


class StoppedError(TiernasError):
    """The user asked to stop, and everything is saved."""

    def __init__(self) -> None:
        super().__init__("stopped; everything is saved, and the same command continues")


def checkpoint_dir(output: Path, study: Study, candidate: Candidate) -> Path:
    """Folder of a candidate's checkpoints and weights."""
    return output / "checkpoints" / study.name / candidate.purpose / f"{candidate.number:05d}"


class Proposals:
    """Turns an optimizer's rows of levels into candidates of a study, at a fixed distance behind the results.

    Candidate `k` is proposed from the results of candidates `0 ... k - pending - 1`; the later ones count as
    pending, even those that happen to be done. So the proposals depend on the results alone: not on how many
    workers there are, which of them is faster, or when anything was killed.

    Args:
        ledger: Where candidates are written.
        study: The study.
        space: Its search space.
        optimizer: Fresh; told the ledger's history by this class.
        estimate_ms: Estimated latency (`n`, in ms) of vectors (`n x d`).
        pending: How many of the latest candidates may still be without a result.
    """

    def __init__(
        self,
        ledger: Ledger,
        study: Study,
        space: SearchSpace,
        optimizer: Optimizer,
        estimate_ms: Callable[[IntArray], npt.NDArray[np.float64]],
        pending: int,
    ) -> None:
        self._ledger = ledger
        self._study = study
        self._space = space
        self._optimizer = optimizer
        self._estimate_ms = estimate_ms
        self._pending = pending
        self._told = 0

    def next(self, candidates: Sequence[Candidate]) -> Candidate | None:
        """Proposes the next candidate, or nothing while a result is missing or the tier is exhausted."""
        known = max(0, len(candidates) - self._pending)
        if not all(c.ended for c in candidates[:known]):
            return None
        for candidate in candidates[self._told : known]:
            value = math.nan if candidate.accuracy is None else candidate.accuracy
            self._optimizer.tell(self._space.to_levels([candidate.vector]), [value])
        self._told = known
        if candidates[known:]:
            self._optimizer.add_pending(self._space.to_levels([c.vector for c in candidates[known:]]))
        rows = self._optimizer.ask(1)
        if not len(rows):
            _log.warning("tier %s: no network is left that was not proposed yet", self._study.name)
            return None
        vectors = self._space.from_levels(rows)
        digest = self._space.decode(vectors[0]).digest
        vector = [int(v) for v in vectors[0]]
        return self._ledger.propose(self._study, vector, digest, float(self._estimate_ms(vectors)[0]))


@dataclass(frozen=True, slots=True)
class Trainings:
    """Trains the candidates of a study.

    Attributes:
        ledger: Where everything is written.
        executor: Who trains.
        space: The search space.
        data: `DataConfig` as plain values.
        recipes: `RecipeConfig` as plain values, for each purpose.
        seed: Seed of every training: the same network gets the same accuracy.
        output: Folder for checkpoints and decoded images.
        stop: Whether the user asked to stop.
        watch: Called with the candidates whenever one of them changed.
    """

    ledger: Ledger
    executor: Executor
    space: SearchSpace
    data: dict[str, Any]
    recipes: Mapping[Purpose, dict[str, Any]]
    seed: int
    output: Path
    stop: Callable[[], bool]
    watch: Callable[[Study, Purpose, Sequence[Candidate]], None]

    def run(
        self,
        study: Study,
        purpose: Purpose,
        propose: Callable[[Sequence[Candidate]], Candidate | None] | None = None,
        trainings: int = 0,
    ) -> Sequence[Candidate]:
        """Trains until every candidate is done or failed, and there are as many as wanted.

        Args:
            study: The study.
            purpose: Which of its candidates.
            propose: Proposes the next candidate; none for candidates that are all in the ledger.
            trainings: How many candidates are wanted.

        Returns:
            The candidates.

        Raises:
            StoppedError: The user asked to stop; what was running has finished and is saved.
            UsageError: A training met something that the user must mend; what was running is pending again.
        """
        candidates = list(self.ledger.candidates(study, purpose))
        self.watch(study, purpose, candidates)
        while True:
            if not self.stop():
                while propose and len(candidates) < trainings and (proposed := propose(candidates)):
                    candidates.append(proposed)
                self._submit(study, candidates)
            running = [c for c in candidates if c.state is State.RUNNING]
            if not running:
                if self.stop():
                    raise StoppedError
                return candidates
            if self._receive({c.id: c for c in running}):
                candidates = list(self.ledger.candidates(study, purpose))
                self.watch(study, purpose, candidates)

    def _submit(self, study: Study, candidates: Sequence[Candidate]) -> None:
        for candidate in candidates:
            if candidate.state is State.PENDING and self.executor.free:
                job = Job(
                    id=candidate.id,
                    architecture=self.space.decode(candidate.vector).to_json(),
                    data=self.data,
                    recipe=self.recipes[candidate.purpose],
                    seed=self.seed,
                    checkpoint_dir=str(checkpoint_dir(self.output, study, candidate)),
                    cache_dir=str(self.output / "cache"),
                    test=candidate.purpose is Purpose.FINAL,
                )
                self.ledger.start(candidate, self.executor.submit(job))
                candidate.state = State.RUNNING

    def _receive(self, running: Mapping[int, Candidate]) -> bool:
        events = self.executor.poll(_POLL_S)
        for event in events:
            candidate = running[event.job_id]
            match event:
                case EpochDone(epochs=epochs):
                    self.ledger.progress(candidate, epochs)
                case Finished(accuracy=accuracy, result=result):
                    self.ledger.finish(candidate, accuracy, result)
                case Blocked(reason=reason):
                    self.ledger.reclaim(reason)
                    raise UsageError(f"candidate {candidate.number}: {reason}. The same command continues then.")
                case Failed(reason=reason, retry=retry):
                    state = self.ledger.fail(candidate, reason, retry=retry)
                    what = "is tried again" if state is State.PENDING else "failed"
                    _log.warning("candidate %d %s: %s", candidate.number, what, reason)
        return bool(events)
