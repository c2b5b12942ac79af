"""Orders of the user to a loop that runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.study.conftest import Simulated, proposals, trainings

from tiernas.errors import StoppedError
from tiernas.executors import Blocked, EpochDone, Event, Failed, Finished, Job, Lost
from tiernas.ledger import Candidate, LeaseLostError, Ledger, Outcome, Purpose, Server, State
from tiernas.study import serving, train_candidates


class Ordered(Simulated):
    """Two workers; before a job ends, an order is given by another process and the loop gets the time to look."""

    def __init__(self, orders: dict[int, Callable[[], None]]) -> None:
        super().__init__(2, lambda job: 100.0 if job.id == 1 else 1.0)
        self.cancelled: list[int] = []
        self._orders = orders

    def poll(self, timeout_s: float) -> Sequence[Event]:
        ended = len(self.jobs) - len(self._running)
        if order := self._orders.pop(ended, None):
            order()
            time.sleep(0.6)
            return []
        return super().poll(timeout_s) if self._running else []

    def end(self, job: Job) -> Event:
        tries = sum(j.id == job.id for j in self.jobs)
        return Failed(job.id, "diverged", retry=False) if job.id == 3 and tries == 1 else super().end(job)

    def cancel(self, job_id: int) -> None:
        self.cancelled.append(job_id)
        super().cancel(job_id)


def run(
    path: Path, orders: Callable[[Ledger], dict[int, Callable[[], None]]], pending: int | None
) -> Sequence[Candidate]:
    ledger, other = Ledger(path), Ledger(path)
    study = ledger.open_study("tier", {})
    executor = Ordered(orders(other))
    train_candidates(trainings(ledger, executor), study, Purpose.SEARCH, proposals(ledger, study, pending).next, 8)
    return ledger.candidates(study)


@pytest.mark.parametrize("pending", [None, 3])
def test_what_is_dropped_ends_and_the_search_goes_on(tmp_path: Path, pending: int | None) -> None:
    first, *others = run(
        tmp_path / "ledger.sqlite",
        lambda other: {2: lambda: other.drop("tier", 1, Purpose.SEARCH, "too slow")},
        pending,
    )
    assert (first.state, first.reason) == (State.DROPPED, "too slow")
    assert [a.outcome for a in first.attempts] == [Outcome.DROPPED]
    assert len(others) == 7
    assert [c.index for c in others if c.state is State.FAILED] == [2]


@pytest.mark.parametrize(
    "last", [EpochDone(1, 2), Blocked(1, "the disk is full"), Finished(1, 0.5, {}), Lost(1, "gone")]
)
def test_what_comes_of_a_candidate_after_its_drop_was_noticed_in_the_same_moment_is_nothing(
    tmp_path: Path, last: Event
) -> None:
    class Late(Simulated):
        def poll(self, timeout_s: float) -> Sequence[Event]:
            if len(self.jobs) > 1:
                return super().poll(timeout_s)
            with Ledger(ledger.path) as user:
                user.drop("tier", 1, Purpose.SEARCH, "too slow")
            return [EpochDone(1, 1), last]

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    executor = Late(1, lambda _: 1.0)
    train_candidates(trainings(ledger, executor), study, Purpose.SEARCH, proposals(ledger, study, None).next, 3)
    assert [c.state for c in ledger.candidates(study)] == [State.DROPPED, State.DONE, State.DONE]


@pytest.mark.parametrize("pending", [None, 3])
def test_what_is_requeued_is_trained_again_by_the_same_server(tmp_path: Path, pending: int | None) -> None:
    candidates = run(tmp_path / "ledger.sqlite", lambda other: {3: lambda: other.requeue("tier", 3)}, pending)
    assert [c.state for c in candidates] == [State.DONE] * 8
    assert [a.outcome for a in candidates[2].attempts] == [Outcome.FAILED, Outcome.DONE]


def test_the_number_of_trainings_changes_while_it_runs(tmp_path: Path) -> None:
    assert len(run(tmp_path / "more.sqlite", lambda other: {3: lambda: other.set_trainings(11)}, None)) == 11
    assert len(run(tmp_path / "fewer.sqlite", lambda other: {3: lambda: other.set_trainings(5)}, None)) == 5


def test_a_paused_study_starts_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    class Paused(Simulated):
        waited = 0

        def poll(self, timeout_s: float) -> Sequence[Event]:
            if self._running:
                return super().poll(timeout_s)
            self.waited += 1
            if self.waited == 2:
                ledger.pause_study(False)
            time.sleep(0.6)
            return []

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    ledger.pause_study(True)
    executor = Paused(2, lambda _: 1.0)
    loop = trainings(ledger, executor)
    assert len(train_candidates(loop, study, Purpose.SEARCH, proposals(ledger, study, None).next, 3)) == 3
    assert executor.waited == 2
    ledger.pause_study(True)
    with pytest.raises(StoppedError):
        train_candidates(replace(loop, stop=lambda: True), study, Purpose.SEARCH)


def test_a_server_that_lost_its_lease_writes_nothing_more(tmp_path: Path) -> None:
    class Robbed(Simulated):
        def end(self, job: Job) -> Event:
            if job.id == 2:
                time.sleep(0.3)
                stack.enter_context(thief.serve(Server.here(), 30))
            return super().end(job)

    stack = ExitStack()
    ledger, thief = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    lost = pytest.raises(LeaseLostError, match=r"has taken over; this one stops.* Nothing is lost")
    with lost, serving(ledger, tmp_path, lease_s=0.2):
        train_candidates(
            trainings(ledger, Robbed(1, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, None).next, 3
        )
    states = [c.state for c in thief.candidates(study)]
    assert states == [State.DONE, State.RUNNING]
    stack.close()
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [e["candidate"] for e in events if e["event"] == "finished"] == [1]  # never one that is not recorded
    assert (events[-1]["event"], events[-1]["level"]) == ("lease lost", "error")
    assert "has taken over" in events[-1]["reason"]
