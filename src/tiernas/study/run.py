"""The loop of a study: ask, train, tell; its whole state is in the ledger."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from tiernas.credentials import hide_url_credentials
from tiernas.errors import StoppedError, TiernasError, UsageError
from tiernas.executors import Blocked, EpochDone, Event, Failed, Finished, Lost, Paused
from tiernas.executors.mirror import remove_checkpoints
from tiernas.ledger import Candidate, Purpose, State, Study
from tiernas.plain import plain_text
from tiernas.study.changes import take_over
from tiernas.study.events import record
from tiernas.study.overdue import Overdue
from tiernas.study.trainings import Trainings

_log = logging.getLogger(__name__)

_POLL_S = 0.5
"""How often the server checks whether it has been asked to stop."""

_CLIENTS_PER_PROPOSAL_AHEAD = 16
"""In the asynchronous order one candidate waits for this many workers. Results arrive one after the other, and the
queue bridges the time of a proposal: with training runs of 60 s and 0.15 s for a proposal, 16 workers finish one
training run in 4 s; a longer queue would only contain proposals that know less."""

Propose = Callable[[Sequence[Candidate], int], Candidate | None]
"""Given the candidates and the number of idle workers, proposes the next candidate, or nothing for now."""


def train_candidates(
    trainings: Trainings, study: Study, purpose: Purpose, propose: Propose | None = None, wanted: int = 0
) -> Sequence[Candidate]:
    """Trains until every candidate has ended and there are as many as wanted; meanwhile obeys the user's orders.

    The time per candidate does not grow with their number, except for that of `Trainings.watch`.

    Args:
        trainings: The settings common to all candidates.
        study: The study.
        purpose: Which of its candidates.
        propose: Proposes candidates; None if all are in the ledger already.
        wanted: Number of candidates wanted, not counting reused accuracies, unless the user ordered another number.

    Returns:
        The candidates.

    Raises:
        StoppedError: The user asked to stop; running candidates have finished and are saved.
        UsageError: Training met a problem that the user must fix; what was running is pending again.
        LeaseLostError: Another server has taken over.
    """
    return _Run(trainings, study, purpose, propose, wanted).complete()


class _Run:
    """One call of `train_candidates`, with its arguments."""

    def __init__(
        self, trainings: Trainings, study: Study, purpose: Purpose, propose: Propose | None, wanted: int
    ) -> None:
        self._with = trainings
        self._study = study
        self._purpose = purpose
        self._propose = propose
        self._wanted = wanted
        self._candidates = list(trainings.ledger.candidates(study, purpose, all_attempts=False))
        self._waiting = deque(c for c in self._candidates if c.state is State.PENDING)
        self._running: dict[int, Candidate] = {}
        self._overdue = Overdue(trainings.time_limit_s)
        self._after: list[Callable[[], object]] = []
        self._own = sum(c.origin is None for c in self._candidates)
        self._orders = trainings.ledger.orders()
        self._looked_s = time.monotonic()

    def complete(self) -> Sequence[Candidate]:
        """See `train_candidates`."""
        if self._orders.paused:
            _log.warning("paused: no training starts until: tiernas control resume")
        self._watch()
        while True:
            changed = self._obey()
            if self._with.report is not None:
                self._with.report(self._with.executor.clients, self._with.executor.free)
            stop = self._with.stop()
            ahead = self._feed() if self._may_start else False
            if not self._running and (stop or not (self._waiting or self._orders.paused)):
                if stop:
                    raise StoppedError("stopped; everything is saved, and the same command resumes the search")
                return self._candidates
            changed += self._receive(0 if ahead else _POLL_S)
            if changed + self._end_overdue():
                self._watch()

    @contextmanager
    def _recording(self) -> Iterator[None]:
        """One transaction; actions that wait for it are done once it is committed, and only then."""
        with self._with.ledger.together():
            yield
        self._run_deferred()

    def _run_deferred(self) -> None:
        after, self._after = self._after, []
        for act in after:
            act()

    @property
    def _may_start(self) -> bool:
        return not (self._orders.paused or self._with.stop())

    @property
    def _wanted_now(self) -> int:
        return self._wanted if self._orders.trainings is None else self._orders.trainings

    def _obey(self) -> int:
        """Reads the user's orders; returns how many candidates they changed."""
        if time.monotonic() - self._looked_s < _POLL_S:
            return 0
        before, self._orders = self._orders, self._with.ledger.orders()
        self._looked_s = time.monotonic()
        if self._orders.changed == before.changed:
            return 0
        if self._orders.paused != before.paused:
            record("paused" if self._orders.paused else "resumed")
            _log.warning("paused: running candidates continue" if self._orders.paused else "resumed")
        if self._orders.trainings != before.trainings:
            record("trainings", wanted=self._orders.trainings)
        recorded = self._with.ledger.candidates(self._study, self._purpose, all_attempts=False)
        changed = take_over(self._candidates, recorded)
        with self._recording():
            for candidate in changed:
                if candidate.state is State.DROPPED:
                    self._drop(candidate)
                elif candidate.state is State.PENDING:
                    self._record("requeued", candidate)
                    self._waiting.append(candidate)
        return len(changed)

    def _drop(self, candidate: Candidate) -> None:
        self._record("dropped", candidate, reason=candidate.reason)
        if candidate.id in self._running:
            self._with.executor.cancel(candidate.id)
            self._ends(candidate)
        elif candidate in self._waiting:
            self._waiting.remove(candidate)

    def _feed(self) -> bool:
        """Gives every worker something to do; returns whether a candidate was proposed for a busy worker."""
        executor = self._with.executor
        while True:
            if self._waiting and executor.free:
                with self._recording():
                    self._start_waiting()
            if self._propose is None or self._own >= self._wanted_now:
                return False
            idle = executor.free + executor.clients // _CLIENTS_PER_PROPOSAL_AHEAD - len(self._waiting)
            if not self._running and not self._waiting:
                idle = max(1, idle)  # even if there is no worker yet
            proposed = self._propose(self._candidates, idle)
            if proposed is None:
                return False
            self._candidates.append(proposed)
            self._waiting.append(proposed)
            self._own += 1
            self._record("proposed", proposed, estimated_latency_ms=proposed.estimated_latency_ms)
            self._run_deferred()
            if not executor.free:
                return True

    def _start_waiting(self) -> None:
        while self._waiting and self._with.executor.free:
            self._submit(self._waiting.popleft())

    def _submit(self, candidate: Candidate) -> None:
        placed = self._with.executor.submit(self._with.job(self._study, candidate))
        self._running[candidate.id] = candidate
        self._overdue.begins(candidate.id)
        if self._with.ledger.start(candidate, placed.worker, placed.node, placed.gpu) is State.DROPPED:
            self._drop(candidate)
            return
        self._record(
            "started",
            candidate,
            attempt=len(candidate.attempts),
            worker=placed.worker,
            node=placed.node,
            gpu=placed.gpu,
        )

    def _receive(self, timeout_s: float) -> int:
        """Records what the executor reports, and starts what was waiting; returns how many candidates stopped running.

        A worker that became free gets its next job before its result is on disk: if the server were killed in between,
        both would continue from their checkpoints. Not so when a training run paused: it must not continue beyond a
        rung that is not on disk, or it would be judged by its later accuracy.
        """
        events = self._with.executor.poll(timeout_s)
        if not events:
            return 0
        with self._recording():
            left = sum(self._take(event) for event in events)
            if self._may_start and not any(isinstance(event, Paused) for event in events):
                self._start_waiting()
        for event in events:
            if isinstance(event, Blocked) and event.job_id in self._running:
                self._end_blocked(event)
        return left

    def _end_overdue(self) -> int:
        """Ends the attempts that took too long; returns how many."""
        if not (overdue := self._overdue.overdue()):
            return 0
        with self._recording():
            for candidate_id, reason in overdue:
                candidate = self._running[candidate_id]
                self._with.executor.cancel(candidate_id)
                self._fail(candidate, reason, retry=True)
                self._leave(candidate)
        return len(overdue)

    def _leave(self, candidate: Candidate) -> bool:
        """Handles a candidate that ran; returns whether it stopped running."""
        match candidate.state:
            case State.RUNNING:
                return False
            case State.DROPPED:
                self._drop(candidate)
                return True
            case State.PENDING:
                self._waiting.appendleft(candidate)  # what has begun goes first
            case State.PRUNED:  # it never continues, and checkpoints are large
                self._after.append(partial(_clean_up, self._with.place(self._study, candidate)))
        self._ends(candidate)
        return True

    def _ends(self, candidate: Candidate) -> None:
        del self._running[candidate.id]
        self._overdue.ends(candidate.id)
        self._with.end_curves(self._study, candidate)

    def _take(self, event: Event) -> bool:
        """Records an event; returns whether its candidate stopped running."""
        if event.job_id not in self._running:  # dropped by an earlier event
            return False
        candidate = self._running[event.job_id]
        ledger, screen = self._with.ledger, self._with.screen
        match event:
            case EpochDone(epochs=epochs, metrics=metrics):
                self._overdue.got_ahead(candidate.id)
                ledger.progress(candidate, epochs, metrics.get("validation_accuracy"))
                self._with.draw(self._study, candidate, epochs, metrics)
                self._record("epoch", candidate, logging.DEBUG, epochs=epochs)
            case Paused(accuracy=accuracy) | Finished(accuracy=accuracy) if not math.isfinite(accuracy):
                self._fail(candidate, f"its accuracy is {accuracy}, not a number", retry=False)
            case Paused(epochs=epochs, accuracy=accuracy):
                assert screen is not None
                kept = screen.keeps(candidate, accuracy, self._candidates)
                prune = not kept and not screen.audits(candidate)
                ledger.pause(candidate, epochs, accuracy, kept=kept, prune=prune)
                self._record("pruned" if prune else "rung", candidate, epochs=epochs, accuracy=accuracy)
            case Finished(accuracy=accuracy, result=result):
                ledger.finish(candidate, accuracy, result)
                self._record("finished", candidate, accuracy=accuracy, attempt=len(candidate.attempts))
            case Failed(reason=reason, retry=retry):
                self._fail(candidate, reason, retry=retry)
            case Lost(reason=reason):
                if ledger.lose(candidate, reason) is State.PENDING:
                    self._record("lost", candidate, logging.WARNING, reason=reason)
                    self._warn("candidate %d continues elsewhere or later: %s", candidate.number, reason)
        return self._leave(candidate)

    def _fail(self, candidate: Candidate, reason: str, *, retry: bool) -> None:
        state = self._with.ledger.fail(candidate, reason, retry=retry)
        if state is State.DROPPED:
            return
        again = state is State.PENDING
        self._record("again" if again else "failed", candidate, logging.WARNING, reason=reason)
        self._warn("candidate %d %s: %s", candidate.number, "is tried again" if again else "failed", reason)

    def _end_blocked(self, event: Blocked) -> None:
        candidate = self._running[event.job_id]
        with self._recording():
            self._with.ledger.reclaim(event.reason)
            self._record("blocked", candidate, logging.ERROR, reason=event.reason)
        raise UsageError(f"candidate {candidate.number}: {event.reason}. The same command then resumes the search.")

    def _record(self, event: str, candidate: Candidate, level: int = logging.INFO, **fields: Any) -> None:
        """Records an event once the transaction it belongs to is committed."""
        who = {"tier": self._study.name, "purpose": str(self._purpose), "candidate": candidate.number}
        self._after.append(partial(record, event, level=level, **who, **fields))

    def _warn(self, message: str, *values: object) -> None:
        """Logs once the transaction is committed; the values may be foreign text, for any handler."""
        self._after.append(partial(_log.warning, "%s", plain_text(message % values)))

    def _watch(self) -> None:
        searched = self._propose is not None
        wanted = self._wanted_now if searched else len(self._candidates)
        self._with.watch(self._study, self._purpose, self._candidates, wanted)


def _clean_up(place: str) -> None:
    """Removes checkpoints that are no longer needed; if that fails, the search continues."""
    try:
        remove_checkpoints(place)
    except TiernasError as error:
        _log.warning("%s is no longer needed but could not be removed: %s", hide_url_credentials(place), error)
