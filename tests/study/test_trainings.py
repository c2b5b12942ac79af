"""What the loop does beside proposing: limits of time, and a record of what happened."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.study.conftest import Simulated, proposals, trainings

from tiernas.errors import UsageError
from tiernas.executors import EpochDone, Event, Failed, Job, LocalExecutor, Lost
from tiernas.ledger import Candidate, Ledger, Outcome, Purpose, State
from tiernas.study import overdue, recording, train_candidates


class Hanging(Simulated):
    """The first attempt at job 2, and every attempt at job 3, never ends."""

    def __init__(self) -> None:
        super().__init__(2, lambda _: 1.0)
        self.cancelled: list[int] = []

    def poll(self, timeout_s: float) -> Sequence[Event]:
        running = [entry for entry in self._running if not self._hangs(entry[2])]
        return super().poll(timeout_s) if running and running[0] == min(self._running) else []

    def _hangs(self, job: Job) -> bool:
        return job.id == 3 or (job.id == 2 and job.id not in self.cancelled)

    def cancel(self, job_id: int) -> None:
        self.cancelled.append(job_id)
        super().cancel(job_id)


def test_a_training_that_takes_too_long_is_ended_and_tried_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    executor = Hanging()
    loop = replace(trainings(ledger, executor), time_limit_s=0.02)
    train_candidates(loop, study, Purpose.SEARCH, proposals(ledger, study, None).next, 5)
    first, second, third, *others = ledger.candidates(study)
    assert {c.state for c in (first, second, *others)} == {State.DONE}
    assert third.state is State.FAILED
    assert third.reason == "took longer than workers.time_limit_minutes = 0.0003333"
    assert [a.outcome for a in second.attempts][-2:] == [Outcome.FAILED, Outcome.DONE]
    assert [a.outcome for a in third.attempts] == [Outcome.FAILED] * 3
    assert executor.cancelled.count(3) == 3


def test_workers_that_cannot_start_end_the_study_with_the_reason_and_it_continues(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object file')")
    paths = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    broken = LocalExecutor(2, tmp_path / "logs", {**os.environ, "PYTHONPATH": paths})
    with (
        broken,
        pytest.raises(UsageError, match=r"3 training runs in a row .* libcudart\.so\.13: .*resumes") as raised,
    ):
        train_candidates(trainings(ledger, broken), study, Purpose.SEARCH, proposals(ledger, study, None).next, 5)
    assert raised.value.exit_code == 2
    begun = ledger.candidates(study)
    assert {c.state for c in begun} == {State.PENDING}
    assert {a.outcome for c in begun for a in c.attempts} == {Outcome.LOST}
    healthy = trainings(ledger, Simulated(2, lambda _: 1.0))
    train_candidates(healthy, study, Purpose.SEARCH, proposals(ledger, study, None).next, 5)
    assert [c.state for c in ledger.candidates(study)] == [State.DONE] * 5


def test_a_training_that_hangs_is_ended_without_any_limit_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overdue, "_UNKNOWN_S", 0.02)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    executor = Hanging()
    train_candidates(trainings(ledger, executor), study, Purpose.SEARCH, proposals(ledger, study, None).next, 5)
    _, second, third, *_ = ledger.candidates(study)
    assert (second.state, third.state) == (State.DONE, State.FAILED)
    assert third.reason is not None
    assert third.reason.startswith("hangs: no epoch for")
    assert executor.cancelled.count(3) == 3


def test_a_training_that_gets_ahead_does_not_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Simulated):
        epochs = 0

        def poll(self, timeout_s: float) -> Sequence[Event]:
            self.epochs += 1
            time.sleep(0.02)
            return [EpochDone(1, self.epochs)] if self.epochs < 10 else super().poll(timeout_s)

        def cancel(self, job_id: int) -> None:
            raise AssertionError("it does not hang")

    monkeypatch.setattr(overdue, "_UNKNOWN_S", 0.1)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    train_candidates(
        trainings(ledger, Slow(1, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, None).next, 1
    )


def test_every_event_is_a_line_of_json(tmp_path: Path) -> None:
    class Reporting(Simulated):
        def poll(self, timeout_s: float) -> Sequence[Event]:
            (event,) = super().poll(timeout_s)
            return [EpochDone(event.job_id, 1), event]

        def end(self, job: Job) -> Event:
            return Failed(job.id, "diverged", retry=False) if job.id == 2 else super().end(job)

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    with recording(tmp_path):
        train_candidates(
            trainings(ledger, Reporting(1, lambda _: 1.0)),
            study,
            Purpose.SEARCH,
            proposals(ledger, study, None).next,
            2,
        )
    train_candidates(
        trainings(ledger, Reporting(1, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, None).next, 3
    )
    found: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [(e["event"], e.get("candidate"), e["level"]) for e in found] == [
        ("proposed", 1, "info"),
        ("started", 1, "info"),
        ("epoch", 1, "debug"),
        ("finished", 1, "info"),
        ("proposed", 2, "info"),
        ("started", 2, "info"),
        ("epoch", 2, "debug"),
        ("failed", 2, "warning"),
        ("log", None, "warning"),
    ]
    assert found[1].keys() == {"time", "level", "event", "tier", "purpose", "candidate", "attempt", "worker", "node"}
    assert all(e["time"].endswith("+00:00") for e in found)
    assert found[-2]["reason"] == "diverged"


def test_a_training_that_loses_its_machine_never_fails_by_that(tmp_path: Path) -> None:
    class Crumbling(Simulated):
        lost = 0

        def end(self, job: Job) -> Event:
            if self.lost == 4:
                return super().end(job)
            self.lost += 1
            return Lost(job.id, "node 3 is gone")

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    with recording(tmp_path):
        train_candidates(
            trainings(ledger, Crumbling(1, lambda _: 1.0)),
            study,
            Purpose.SEARCH,
            proposals(ledger, study, None).next,
            1,
        )
    (candidate,) = ledger.candidates(study)
    assert candidate.state is State.DONE
    assert [a.outcome for a in candidate.attempts] == [Outcome.LOST] * 4 + [Outcome.DONE]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [e["reason"] for e in events if e["event"] == "lost"] == ["node 3 is gone"] * 4


def test_what_comes_together_is_one_transaction_and_one_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    """The disk fills up while the events of a moment are recorded: none of them is told, all are done again."""

    class Bursting(Simulated):
        def poll(self, timeout_s: float) -> Sequence[Event]:
            return [event for _ in range(len(self._running)) for event in super(Bursting, self).poll(timeout_s)]

    class Full(Ledger):
        finished = 0

        def finish(self, candidate: Candidate, accuracy: float, result: Mapping[str, Any]) -> State:
            self.finished += 1
            if self.finished == 3:
                raise UsageError("the disk is full")
            return super().finish(candidate, accuracy, result)

    ledger = Full(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    with recording(tmp_path), pytest.raises(UsageError, match="the disk is full"):
        train_candidates(
            trainings(ledger, Bursting(3, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, None).next, 6
        )
    assert [c.state for c in ledger.candidates(study)] == [State.RUNNING] * 3
    assert '"finished"' not in (tmp_path / "events.jsonl").read_text()
    assert ledger.reclaim("the server ended") == 3
    train_candidates(
        trainings(ledger, Bursting(3, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, None).next, 6
    )
    assert [c.state for c in ledger.candidates(study)] == [State.DONE] * 6


@pytest.mark.parametrize(("clients", "expected"), [(4, 0), (32, 1)])
def test_with_many_clients_a_candidate_waits_for_the_next_one_that_is_idle(
    tmp_path: Path, clients: int, expected: int
) -> None:
    waiting: list[int] = []

    class Counting(Simulated):
        def poll(self, timeout_s: float) -> Sequence[Event]:
            waiting.append(sum(c.state is State.PENDING for c in ledger.candidates(study)))
            return super().poll(timeout_s)

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    train_candidates(
        trainings(ledger, Counting(clients, lambda job: 1.0 + job.id)),
        study,
        Purpose.SEARCH,
        proposals(ledger, study, None).next,
        clients + 4,
    )
    assert waiting[:4] == [expected] * 4
