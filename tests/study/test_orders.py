"""The two orders of proposals: what they depend on, and that a study that is continued goes on as it would have."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests.study.conftest import Simulated, proposals, trainings

from tiernas.executors import Event, Failed, Job
from tiernas.ledger import Candidate, Ledger, Purpose, State
from tiernas.study import train_candidates


def unequal(job: Job) -> float:
    """Every fifth job takes ten times as long as the others."""
    return 10.0 if job.id % 5 == 0 else 1.0 + job.id % 3


def search(folder: Path, pending: int | None, wanted: int, workers: int, duration_s: Callable[[Job], float]) -> Ledger:
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    train_candidates(
        trainings(ledger, Simulated(workers, duration_s)),
        study,
        Purpose.SEARCH,
        proposals(ledger, study, pending).next,
        wanted,
    )
    return ledger


def vectors(ledger: Ledger) -> list[list[int]]:
    return [c.vector for c in ledger.candidates(ledger.studies()[0])]


def test_the_reproducible_order_does_not_depend_on_workers_or_their_speed(tmp_path: Path) -> None:
    alone = search(tmp_path / "alone", 3, 20, 1, lambda _: 1.0)
    many = search(tmp_path / "many", 3, 20, 8, unequal)
    assert vectors(alone) == vectors(many)


def test_with_one_worker_the_asynchronous_order_uses_every_result(tmp_path: Path) -> None:
    asynchronous = search(tmp_path / "asynchronous", None, 12, 1, lambda _: 1.0)
    sequential = search(tmp_path / "sequential", 0, 12, 1, lambda _: 1.0)
    assert vectors(asynchronous) == vectors(sequential)


@pytest.mark.parametrize(("pending", "ended"), [(None, 19), (3, 3)])
def test_the_asynchronous_order_does_not_wait_for_a_slow_worker(
    tmp_path: Path, pending: int | None, ended: int
) -> None:
    ended_before_the_first: list[int] = []

    class Stuck(Simulated):
        def end(self, job: Job) -> Event:
            if job.id == 1:
                ended_before_the_first.append(sum(c.ended for c in ledger.candidates(study)))
            return super().end(job)

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    executor = Stuck(4, lambda job: 1000.0 if job.id == 1 else 1.0)
    train_candidates(trainings(ledger, executor), study, Purpose.SEARCH, proposals(ledger, study, pending).next, 20)
    assert ended_before_the_first == [ended]


def copy_of(ledger: Ledger, path: Path) -> Ledger:
    """The ledger that a server would find if this one were killed now."""
    with closing(sqlite3.connect(ledger.path)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return Ledger(path)


@pytest.mark.parametrize("pending", [None, 2])
def test_a_study_that_is_continued_proposes_what_the_uninterrupted_one_would_have(
    tmp_path: Path, pending: int | None
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    uninterrupted = proposals(ledger, study, pending)
    candidates: list[Candidate] = []
    blocked = False
    for turn in range(24):
        running = [c for c in candidates if not c.ended]
        if len(running) >= 3 or blocked:
            ended = running[7 * turn % len(running)]
            if turn == 12:
                ledger.fail(ended, "diverged", retry=False)
            else:
                ledger.finish(ended, (13 * ended.index % 7) / 7, {})
        with copy_of(ledger, tmp_path / f"{turn}.sqlite") as killed:
            expected = proposals(killed, study, pending).next(killed.candidates(study), 1)
        proposed = uninterrupted.next(candidates, 1)
        assert (proposed and proposed.vector) == (expected and expected.vector)
        blocked = proposed is None
        if proposed:
            candidates.append(proposed)
            ledger.start(proposed, "host:1")
    assert len(candidates) > 10


def test_a_training_costs_as_many_statements_late_as_early(tmp_path: Path) -> None:
    counts = []
    for wanted in (10, 20, 30):
        statements: list[str] = []

        def count(connection: object, cursor: object, statement: str, *_: object) -> None:
            if "control" not in statement and statement.startswith(("INSERT", "SELECT", "UPDATE")):
                statements.append(statement)  # noqa: B023

        event.listen(Engine, "before_cursor_execute", count)
        search(tmp_path / str(wanted), None, wanted, 4, unequal)
        event.remove(Engine, "before_cursor_execute", count)
        counts.append(len(statements))
    assert counts[2] - counts[1] == counts[1] - counts[0]


def test_a_worker_that_dies_late_in_a_long_study_gets_its_candidate_again(tmp_path: Path) -> None:
    class Dying(Simulated):
        def end(self, job: Job) -> Event:
            tries = sum(j.id == job.id for j in self.jobs)
            return Failed(job.id, "killed", retry=True) if job.id % 4 == 0 and tries < 3 else super().end(job)

    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    train_candidates(
        trainings(ledger, Dying(3, unequal)), study, Purpose.SEARCH, proposals(ledger, study, None).next, 12
    )
    candidates = ledger.candidates(study)
    assert [c.state for c in candidates] == [State.DONE] * 12
    assert [len(c.attempts) for c in candidates] == [3 if c.id % 4 == 0 else 1 for c in candidates]
