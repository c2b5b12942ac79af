"""The loop of a study: ask, train, tell; everything it knows is in the ledger."""

from __future__ import annotations

import logging
import shutil
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas.errors import TiernasError, UsageError
from tiernas.executors import Blocked, EpochDone, Event, Executor, Failed, Finished, Job, Paused
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.spaces import SearchSpace
from tiernas.study.screen import Screen

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
        watch: Called with the candidates whenever one of them ended, paused or is tried again.
        screen: Decides which trainings of the search go on; None if all do.
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
    screen: Screen | None = None

    def run(
        self,
        study: Study,
        purpose: Purpose,
        propose: Callable[[Sequence[Candidate], int], Candidate | None] | None = None,
        trainings: int = 0,
    ) -> Sequence[Candidate]:
        """Trains until every candidate has ended, and there are as many as wanted.

        The time for each training does not grow with the number of candidates, but for what `watch` takes.

        Args:
            study: The study.
            purpose: Which of its candidates.
            propose: Given the candidates and the number of idle workers, proposes the next candidate, or nothing for
                now; none for candidates that are all in the ledger.
            trainings: How many candidates are wanted, not counting those whose accuracy was taken over.

        Returns:
            The candidates.

        Raises:
            StoppedError: The user asked to stop; what was running has finished and is saved.
            UsageError: A training met something that the user must mend; what was running is pending again.
        """
        candidates = list(self.ledger.candidates(study, purpose))
        waiting = deque(c for c in candidates if c.state is State.PENDING)
        running: dict[int, Candidate] = {}
        own = sum(c.origin is None for c in candidates)
        self.watch(study, purpose, candidates)
        while True:
            if not self.stop():
                while propose and own < trainings:
                    proposed = propose(candidates, self.executor.free - len(waiting))
                    if proposed is None:
                        break
                    candidates.append(proposed)
                    waiting.append(proposed)
                    own += 1
                while waiting and self.executor.free:
                    candidate = waiting.popleft()
                    self._submit(study, candidate)
                    running[candidate.id] = candidate
            if not running:
                if self.stop():
                    raise StoppedError
                return candidates
            if self._receive(study, candidates, running, waiting):
                self.watch(study, purpose, candidates)

    def _submit(self, study: Study, candidate: Candidate) -> None:
        searched = candidate.purpose is Purpose.SEARCH
        job = Job(
            id=candidate.id,
            architecture=self.space.decode(candidate.vector).to_json(),
            data=self.data,
            recipe=self.recipes[candidate.purpose],
            seed=self.seed + candidate.seed_offset,
            checkpoint_dir=str(checkpoint_dir(self.output, study, candidate)),
            cache_dir=str(self.output / "cache"),
            test=candidate.purpose is Purpose.FINAL,
            stop_epoch=self.screen.next_rung(candidate) if self.screen and searched else None,
        )
        self.ledger.start(candidate, self.executor.submit(job))

    def _receive(
        self, study: Study, candidates: Sequence[Candidate], running: dict[int, Candidate], waiting: deque[Candidate]
    ) -> bool:
        """Records what the executor reports; returns whether a candidate left `running`."""
        running_before = len(running)
        for event in self.executor.poll(_POLL_S):
            candidate = running[event.job_id]
            self._record(candidates, candidate, event)
            if candidate.state is State.PRUNED:  # it never goes on, and checkpoints are large
                shutil.rmtree(checkpoint_dir(self.output, study, candidate), ignore_errors=True)
            if candidate.state is not State.RUNNING:
                del running[candidate.id]
            if candidate.state is State.PENDING:
                waiting.appendleft(candidate)  # what has begun goes first
        return len(running) < running_before

    def _record(self, candidates: Sequence[Candidate], candidate: Candidate, event: Event) -> None:
        match event:
            case EpochDone(epochs=epochs):
                self.ledger.progress(candidate, epochs)
            case Paused(epochs=epochs, accuracy=accuracy):
                assert self.screen is not None
                kept = self.screen.keeps(candidate, accuracy, candidates)
                prune = not kept and not self.screen.audits(candidate)
                self.ledger.pause(candidate, epochs, accuracy, kept=kept, prune=prune)
            case Finished(accuracy=accuracy, result=result):
                self.ledger.finish(candidate, accuracy, result)
            case Blocked(reason=reason):
                self.ledger.reclaim(reason)
                raise UsageError(f"candidate {candidate.number}: {reason}. The same command continues then.")
            case Failed(reason=reason, retry=retry):
                state = self.ledger.fail(candidate, reason, retry=retry)
                what = "is tried again" if state is State.PENDING else "failed"
                _log.warning("candidate %d %s: %s", candidate.number, what, reason)
