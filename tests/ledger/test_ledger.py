from __future__ import annotations

import os
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tiernas.errors import UsageError
from tiernas.ledger import MAX_ATTEMPTS, Candidate, Ledger, Outcome, Purpose, State


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def propose(ledger: Ledger, number: int = 0, **more: Any) -> Candidate:
    study = ledger.open_study("0.1-0.2", {"seed": 0})
    return ledger.propose(study, [number, 2], f"digest{number}", 0.15, **more)


def test_a_candidate_runs_and_is_done(ledger: Ledger) -> None:
    candidate = propose(ledger)
    ledger.start(candidate, "host:1")
    ledger.progress(candidate, 3)
    ledger.finish(candidate, 0.9, {"duration_s": 2.0})
    (row,) = Ledger(ledger.path).candidates(ledger.studies()[0])
    assert (row.state, row.accuracy, row.result) == (State.DONE, 0.9, {"duration_s": 2.0})
    (attempt,) = row.attempts
    assert (attempt.number, attempt.outcome, attempt.worker, attempt.epochs) == (1, Outcome.DONE, "host:1", 3)
    assert attempt.finished_at is not None


def test_a_candidate_whose_worker_dies_is_tried_again_and_fails_in_the_end(ledger: Ledger) -> None:
    candidate = propose(ledger)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        ledger.start(candidate, f"host:{attempt}")
        state = ledger.fail(candidate, f"killed {attempt}", retry=True)
        assert state is (State.FAILED if attempt == MAX_ATTEMPTS else State.PENDING)
    (row,) = ledger.candidates(ledger.studies()[0])
    assert row.reason == "killed 3"
    assert [a.reason for a in row.attempts] == ["killed 1", "killed 2", "killed 3"]


def test_divergence_is_not_tried_again(ledger: Ledger) -> None:
    candidate = propose(ledger)
    ledger.start(candidate, "host:1")
    assert ledger.fail(candidate, "diverged", retry=False) is State.FAILED


def test_a_dead_server_does_not_count_against_its_candidates(ledger: Ledger) -> None:
    candidate = propose(ledger)
    for _ in range(5):
        ledger.start(candidate, "host:1")
        assert ledger.reclaim("the server ended") == 1
    (row,) = ledger.candidates(ledger.studies()[0])
    assert row.state is State.PENDING
    assert {a.outcome for a in row.attempts} == {Outcome.LOST}


def test_a_study_is_continued_with_the_same_settings_only(ledger: Ledger) -> None:
    study = ledger.open_study("0.1-0.2", {"recipe.epochs": 4, "seed": 0})
    assert ledger.open_study("0.1-0.2", {"seed": 0, "recipe.epochs": 4}).id == study.id
    with pytest.raises(UsageError, match=r"recipe\.epochs was 4, is 6"):
        ledger.open_study("0.1-0.2", {"recipe.epochs": 6, "seed": 0})


def test_finalists_are_counted_apart(ledger: Ledger) -> None:
    propose(ledger, 0)
    propose(ledger, 1)
    final = propose(ledger, 1, purpose=Purpose.FINAL, measurement={"latency_ms": 0.16})
    assert final.number == 0
    study = ledger.studies()[0]
    assert [c.number for c in ledger.candidates(study)] == [0, 1]
    assert [c.measurement for c in ledger.candidates(study, Purpose.FINAL)] == [{"latency_ms": 0.16}]


def test_a_newer_ledger_is_refused(ledger: Ledger) -> None:
    ledger.close()
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE info SET schema_version = 99, tiernas_version = '9.9'")
    with pytest.raises(UsageError, match=r"version 99, written by tiernas 9\.9.*Update tiernas"):
        Ledger(ledger.path)


def test_an_older_ledger_is_upgraded_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((Path(__file__).parent / "version1.sql").read_text())
    with ThreadPoolExecutor(4) as pool:
        ledger, *others = pool.map(lambda _: Ledger(path), range(4))
    for other in others:
        other.close()
    (study,) = ledger.studies()
    candidates = ledger.candidates(study)
    assert [c.state for c in candidates] == [State.FAILED, State.DONE, State.RUNNING, State.PENDING]
    assert [c.ended_order for c in candidates] == [1, 0, None, None]  # the second was done before the first failed
    assert [[a.worker for a in c.attempts] for c in candidates] == [["host:1"], ["host:1"], ["host:1"], []]
    assert (candidates[1].accuracy, candidates[1].result, candidates[1].seed_offset) == (0.9, {"duration_s": 2.0}, 0)
    assert [c.measurement for c in ledger.candidates(study, Purpose.FINAL)] == [{"latency_ms": 0.17}]
    assert ledger.reclaim("the server ended") == 1
    ledger.start(candidates[3], "host:2")
    ledger.finish(candidates[3], 0.8, {})
    assert ledger.candidates(study)[3].ended_order == 2
    ledger.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall())
    Ledger(tmp_path / "new.sqlite").close()
    with closing(sqlite3.connect(tmp_path / "new.sqlite")) as connection:
        new = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall())
    assert made.keys() == new.keys()
    assert made["candidates"] == new["candidates"]


def test_a_file_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE songs (name)")
    text = tmp_path / "text.sqlite"
    text.write_text("no database " * 100)
    with pytest.raises(UsageError, match="a database of something else"):
        Ledger(other)
    with pytest.raises(UsageError, match="not a ledger"):
        Ledger(text)
    assert text.read_text() == "no database " * 100


def test_many_processes_may_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with ThreadPoolExecutor(8) as pool:
        ledgers = list(pool.map(lambda _: Ledger(path), range(8)))
    assert all(not ledger.studies() for ledger in ledgers)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM info").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="cannot be opened for writing"):
        Ledger(tmp_path / "ledger.sqlite")


class Candidates(RuleBasedStateMachine):
    """Whatever happens in whatever order, no candidate is lost, doubled or run by two workers."""

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(Path(self.folder.name) / "ledger.sqlite")
        self.study = self.ledger.open_study("tier", {})
        self.model: dict[int, State] = {}
        self.deaths: dict[int, int] = {}
        self.ended: list[int] = []

    def pick(self, data: st.DataObject, state: State) -> Candidate:
        numbers = [n for n, s in self.model.items() if s is state]
        return self.ledger.candidates(self.study)[data.draw(st.sampled_from(numbers))]

    @rule()
    def propose(self) -> None:
        number = len(self.model)
        assert self.ledger.propose(self.study, [number], str(number), 0.1).number == number
        self.model[number], self.deaths[number] = State.PENDING, 0

    @precondition(lambda self: State.PENDING in self.model.values())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        candidate = self.pick(data, State.PENDING)
        self.ledger.start(candidate, "host:1")
        self.model[candidate.number] = State.RUNNING

    @precondition(lambda self: State.RUNNING in self.model.values())
    @rule(data=st.data(), retry=st.booleans())
    def fail(self, data: st.DataObject, retry: bool) -> None:
        candidate = self.pick(data, State.RUNNING)
        self.deaths[candidate.number] += 1
        again = retry and self.deaths[candidate.number] < MAX_ATTEMPTS
        self.model[candidate.number] = State.PENDING if again else State.FAILED
        if not again:
            self.ended.append(candidate.number)
        assert self.ledger.fail(candidate, "died", retry=retry) is self.model[candidate.number]

    @precondition(lambda self: State.RUNNING in self.model.values())
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        candidate = self.pick(data, State.RUNNING)
        self.ledger.finish(candidate, 0.5, {})
        self.model[candidate.number] = State.DONE
        self.ended.append(candidate.number)

    @precondition(lambda self: State.RUNNING in self.model.values())
    @rule(data=st.data(), prune=st.booleans())
    def pause(self, data: st.DataObject, prune: bool) -> None:
        candidate = self.pick(data, State.RUNNING)
        rungs = len(candidate.rungs or [])
        state = self.ledger.pause(candidate, rungs + 1, 0.4, kept=not prune, prune=prune)
        assert state is (State.PRUNED if prune else State.PENDING)
        assert len(candidate.rungs or []) == rungs + 1
        self.model[candidate.number] = state
        if prune:
            self.ended.append(candidate.number)

    @precondition(lambda self: State.DONE in self.model.values())
    @rule(data=st.data())
    def start_what_is_done(self, data: st.DataObject) -> None:
        with pytest.raises(ValueError, match="is done, not pending"):
            self.ledger.start(self.pick(data, State.DONE), "host:2")

    @rule()
    def kill_and_start_the_server(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.ledger.path)
        running = [n for n, s in self.model.items() if s is State.RUNNING]
        assert self.ledger.reclaim("the server ended") == len(running)
        self.model |= dict.fromkeys(running, State.PENDING)

    @invariant()
    def the_rows_are_the_model(self) -> None:
        if hasattr(self, "study"):
            rows = self.ledger.candidates(self.study)
            assert {c.number: c.state for c in rows} == self.model
            ended = sorted((c.ended_order, c.number) for c in rows if c.ended_order is not None)
            assert ended == list(enumerate(self.ended))
            for row in rows:
                running = [a for a in row.attempts if a.outcome is Outcome.RUNNING]
                assert len(running) == (row.state is State.RUNNING)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()


TestCandidates = Candidates.TestCase
TestCandidates.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
