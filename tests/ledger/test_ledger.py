from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tiernas.errors import UsageError
from tiernas.ledger import MAX_ATTEMPTS, Candidate, Known, Ledger, Outcome, Purpose, State, Study
from tiernas.ledger.transitions import lock_study

ENDED = {State.DONE, State.FAILED, State.PRUNED, State.DROPPED}


def propose(ledger: Ledger, number: int = 0, **more: Any) -> Candidate:
    study = ledger.open_study("0.1-0.2", {"seed": 0})
    return ledger.propose(study, [number, 2], f"digest{number}", 0.15, **more)


def test_a_candidate_runs_and_is_done(ledger: Ledger) -> None:
    candidate = propose(ledger)
    ledger.start(candidate, "host:1")
    ledger.progress(candidate, 3)
    ledger.finish(candidate, 0.9, {"duration_s": 2.0})
    (row,) = ledger.candidates(ledger.studies()[0])
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


def test_what_a_dead_server_left_is_taken_back_only_once_nobody_else_changes_its_study(
    ledger: Ledger, location: Path | str
) -> None:
    ledger.start(propose(ledger), "host:1")
    study = ledger.studies()[0]
    with Ledger(location) as other, ThreadPoolExecutor(1) as pool:
        with other.together() as session:
            lock_study(session, study.id)
            taken_back = pool.submit(ledger.reclaim, "the server ended")
            with pytest.raises(TimeoutError):
                taken_back.result(0.2)
        assert taken_back.result() == 1


def test_what_is_taken_over_is_recorded_whoever_else_holds_the_study(ledger: Ledger) -> None:
    study = ledger.open_study("0.1-0.2", {})
    with ledger.together() as session:
        held = session.get_one(Study, study.id)
        ledger.adopt(study, [Known((0, 2), "digest", 0.15, True, 0.9, {}, "elsewhere")], {"elsewhere": 1})
    assert study.reused == held.reused == {"elsewhere": 1}
    with pytest.raises(ValueError, match=r"study 0\.1-0\.2 has begun"):
        ledger.adopt(study, [], {})


def test_a_study_is_continued_with_the_same_settings_only(ledger: Ledger) -> None:
    study = ledger.open_study("0.1-0.2", {"recipe.epochs": 4, "seed": 0})
    assert ledger.open_study("0.1-0.2", {"seed": 0, "recipe.epochs": 4}).id == study.id
    with pytest.raises(UsageError, match=r"recipe\.epochs was 4, is 6"):
        ledger.open_study("0.1-0.2", {"recipe.epochs": 6, "seed": 0})


def test_a_setting_that_earlier_versions_did_not_have_counts_as_its_default(ledger: Ledger) -> None:
    study = ledger.open_study("0.1-0.2", {"seed": 0})
    defaults = {"recipe.new": 0.5, "recipe.other": 1}
    assert ledger.open_study("0.1-0.2", {"seed": 0, "recipe.new": 0.5}, defaults).id == study.id
    with pytest.raises(UsageError, match=r"recipe\.new was 0\.5, is 0\.7"):
        ledger.open_study("0.1-0.2", {"seed": 0, "recipe.new": 0.7}, defaults)
    with pytest.raises(UsageError, match=r"recipe\.new was not set, is 0\.5"):
        ledger.open_study("0.1-0.2", {"seed": 0, "recipe.new": 0.5})


def test_finalists_are_counted_apart(ledger: Ledger) -> None:
    propose(ledger, 0)
    propose(ledger, 1)
    final = propose(ledger, 1, purpose=Purpose.FINAL, measurement={"latency_ms": 0.16})
    assert final.index == 0
    study = ledger.studies()[0]
    assert [c.index for c in ledger.candidates(study)] == [0, 1]
    assert [c.measurement for c in ledger.candidates(study, Purpose.FINAL)] == [{"latency_ms": 0.16}]


def test_what_is_recorded_together_is_there_together_or_not_at_all(ledger: Ledger, location: Path | str) -> None:
    first, second = propose(ledger, 0), propose(ledger, 1)
    with Ledger(location) as other:
        with ledger.together():
            ledger.start(first, "host:1")
            ledger.progress(first, 2, 0.25)
            ledger.start(second, "host:2")
            assert [c.state for c in other.candidates(other.studies()[0])] == [State.PENDING] * 2
        rows = other.candidates(other.studies()[0])
        assert [c.state for c in rows] == [State.RUNNING] * 2
        assert [(a.epochs, a.validation_accuracy) for c in rows for a in c.attempts] == [(2, 0.25), (0, None)]
        with suppress(ValueError), ledger.together():
            ledger.progress(first, 3)
            ledger.start(second, "host:3")  # it runs
        rows = other.candidates(other.studies()[0])
        assert [a.epochs for c in rows for a in c.attempts] == [2, 0]
        with ledger.together():
            ledger.finish(rows[0], 0.9, {})
            assert ledger.lose(rows[1], "the machine is gone") is State.PENDING
        rows = other.candidates(other.studies()[0], all_attempts=False)
        assert [(c.state, len(c.attempts)) for c in rows] == [(State.DONE, 0), (State.PENDING, 1)]


class Candidates(RuleBasedStateMachine):
    """Whatever happens in whatever order, no candidate is lost, doubled or run by two workers."""

    location: Path | str  # set by the test

    @initialize()
    def open(self) -> None:
        self.ledger, self.user = Ledger(self.location), Ledger(self.location)
        self.study = self.ledger.open_study(f"tier{len(self.ledger.studies())}", {})
        self.model: dict[int, State] = {}
        self.deaths: dict[int, int] = {}
        self.ended: list[int] = []

    def pick(self, data: st.DataObject, state: State) -> Candidate:
        numbers = [n for n, s in self.model.items() if s is state]
        return self.ledger.candidates(self.study)[data.draw(st.sampled_from(numbers))]

    @rule()
    def propose(self) -> None:
        number = len(self.model)
        assert self.ledger.propose(self.study, [number], str(number), 0.1).index == number
        self.model[number], self.deaths[number] = State.PENDING, 0

    @precondition(lambda self: State.PENDING in self.model.values())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        candidate = self.pick(data, State.PENDING)
        self.ledger.start(candidate, "host:1")
        self.model[candidate.index] = State.RUNNING

    @precondition(lambda self: State.RUNNING in self.model.values())
    @rule(data=st.data(), retry=st.booleans())
    def fail(self, data: st.DataObject, retry: bool) -> None:
        candidate = self.pick(data, State.RUNNING)
        self.deaths[candidate.index] += 1
        again = retry and self.deaths[candidate.index] < MAX_ATTEMPTS
        self.model[candidate.index] = State.PENDING if again else State.FAILED
        if not again:
            self.ended.append(candidate.index)
        assert self.ledger.fail(candidate, "died", retry=retry) is self.model[candidate.index]

    @precondition(lambda self: State.RUNNING in self.model.values())
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        candidate = self.pick(data, State.RUNNING)
        self.ledger.finish(candidate, 0.5, {})
        self.model[candidate.index] = State.DONE
        self.ended.append(candidate.index)

    @precondition(lambda self: State.RUNNING in self.model.values())
    @rule(data=st.data(), prune=st.booleans())
    def pause(self, data: st.DataObject, prune: bool) -> None:
        candidate = self.pick(data, State.RUNNING)
        rungs = len(candidate.rungs or [])
        state = self.ledger.pause(candidate, rungs + 1, 0.4, kept=not prune, prune=prune)
        assert state is (State.PRUNED if prune else State.PENDING)
        assert len(candidate.rungs or []) == rungs + 1
        self.model[candidate.index] = state
        if prune:
            self.ended.append(candidate.index)

    @precondition(lambda self: State.DONE in self.model.values())
    @rule(data=st.data())
    def start_what_is_done(self, data: st.DataObject) -> None:
        with pytest.raises(ValueError, match="is done, not pending"):
            self.ledger.start(self.pick(data, State.DONE), "host:2")

    @precondition(lambda self: bool({State.PENDING, State.RUNNING} & set(self.model.values())))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        candidate = self.pick(data, data.draw(st.sampled_from(sorted({*self.model.values()} - ENDED))))
        was = candidate.state
        self.user.drop(self.study.name, candidate.number, Purpose.SEARCH, "too slow")
        self.model[candidate.index] = State.DROPPED
        self.ended.append(candidate.index)
        if was is State.RUNNING:
            assert self.ledger.finish(candidate, 0.5, {}) is candidate.state is State.DROPPED

    @precondition(lambda self: State.FAILED in self.model.values())
    @rule(data=st.data())
    def requeue(self, data: st.DataObject) -> None:
        candidate = self.pick(data, State.FAILED)
        self.user.requeue(self.study.name, candidate.number)
        self.model[candidate.index], self.deaths[candidate.index] = State.PENDING, 0
        self.ended.remove(candidate.index)

    @rule()
    def kill_and_start_the_server(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.location)
        running = [n for n, s in self.model.items() if s is State.RUNNING]
        assert self.ledger.reclaim("the server ended") == len(running)
        self.model |= dict.fromkeys(running, State.PENDING)

    @invariant()
    def the_rows_are_the_model(self) -> None:
        if hasattr(self, "study"):
            rows = self.ledger.candidates(self.study)
            assert {c.index: c.state for c in rows} == self.model
            ended = sorted((c.ended_order, c.index) for c in rows if c.ended_order is not None)
            assert [number for _, number in ended] == self.ended
            assert len({order for order, _ in ended}) == len(ended)
            for row in rows:
                running = [a for a in row.attempts if a.outcome is Outcome.RUNNING]
                assert len(running) == (row.state is State.RUNNING)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.user.close()


def test_candidates_live_as_they_should(location: Path | str) -> None:
    machine = type("OnLocation", (Candidates,), {"location": location})
    run_state_machine_as_test(machine, settings=settings(max_examples=6, stateful_step_count=15, deadline=None))
