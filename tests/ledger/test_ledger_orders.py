from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tiernas.errors import UsageError
from tiernas.ledger import MAX_ATTEMPTS, Candidate, Ledger, Outcome, Purpose, State


def propose(ledger: Ledger, number: int = 0) -> Candidate:
    return ledger.propose(ledger.open_study("0.1-0.2", {}), [number], f"digest{number}", 0.15)


def test_every_order_raises_the_counter(ledger: Ledger, location: Path | str) -> None:
    candidate = propose(ledger)
    with Ledger(location) as user:
        user.pause_study(True)
        user.set_trainings(40)
        user.drop("0.1-0.2", 1, Purpose.SEARCH, "not wanted")
        orders = ledger.orders()
        assert (orders.paused, orders.trainings, orders.changed) == (True, 40, 3)
        user.pause_study(False)
        assert not ledger.orders().paused
    assert ledger.start(candidate, "host:1") is State.DROPPED
    assert (candidate.reason, candidate.attempts) == ("not wanted", [])


def test_what_is_dropped_while_it_runs_records_no_more(ledger: Ledger, location: Path | str) -> None:
    candidate = propose(ledger)
    assert ledger.start(candidate, "host:1", "host", "3") is State.RUNNING
    with Ledger(location) as user:
        user.drop("0.1-0.2", 1, Purpose.SEARCH, "hangs")
    assert ledger.progress(candidate, 1) is State.DROPPED
    assert ledger.finish(candidate, 0.9, {}) is State.DROPPED
    assert ledger.fail(candidate, "died", retry=True) is State.DROPPED
    assert ledger.pause(candidate, 1, 0.5, kept=True, prune=False) is State.DROPPED
    (row,) = ledger.candidates(ledger.studies()[0])
    assert (row.state, row.reason, row.accuracy, row.ended) == (State.DROPPED, "hangs", None, True)
    (attempt,) = row.attempts
    assert (attempt.outcome, attempt.reason, attempt.epochs) == (Outcome.DROPPED, "hangs", 0)
    assert (attempt.node, attempt.gpu) == ("host", "3")
    assert attempt.duration_s is not None
    assert attempt.duration_s >= 0


def test_what_is_requeued_has_all_its_attempts_again(ledger: Ledger) -> None:
    candidate = propose(ledger)
    for tries in (0, 1):
        for attempt in range(1, MAX_ATTEMPTS + 1):
            ledger.start(candidate, "host:1")
            state = ledger.fail(candidate, "killed", retry=True)
            assert state is (State.FAILED if attempt == MAX_ATTEMPTS else State.PENDING)
        ledger.requeue("0.1-0.2", 1)
        (row,) = ledger.candidates(ledger.studies()[0])
        assert (row.state, row.reason, row.ended_order, row.finished_at) == (State.PENDING, None, None, None)
        assert len(row.attempts) == MAX_ATTEMPTS * (tries + 1)


def test_orders_that_cannot_be_are_one_message(ledger: Ledger) -> None:
    candidate = propose(ledger)
    ledger.start(candidate, "host:1")
    ledger.finish(candidate, 0.9, {})
    with pytest.raises(UsageError, match=r"tier 0\.1-0\.2: search candidate 1 is done; only a failed one"):
        ledger.requeue("0.1-0.2", 1)
    with pytest.raises(UsageError, match="candidate 1 is done; only one that has not ended"):
        ledger.drop("0.1-0.2", 1, Purpose.SEARCH, "")
    with pytest.raises(UsageError, match="final candidate 5: not in the ledger"):
        ledger.requeue("0.1-0.2", 5, Purpose.FINAL)
    with pytest.raises(UsageError, match=r"tier '9-10': not in the ledger; there are: 0\.1-0\.2"):
        ledger.requeue("9-10", 1)
    with pytest.raises(UsageError, match="trainings 0: must be 1 or more"):
        ledger.set_trainings(0)
    assert ledger.orders().changed == 0


def test_orders_given_beside_the_server_are_never_lost(ledger: Ledger, location: Path | str) -> None:
    candidates = [propose(ledger, number) for number in range(20)]
    with Ledger(location) as user, ThreadPoolExecutor(2) as pool:

        def drop_some() -> None:
            for number in range(1, 20, 2):
                with suppress(UsageError):  # the server was quicker
                    user.drop("0.1-0.2", number, Purpose.SEARCH, "no")

        dropped = pool.submit(drop_some)
        for candidate in candidates:
            if ledger.start(candidate, "host:1") is State.RUNNING:
                ledger.finish(candidate, 0.5, {})
        dropped.result()
    rows = ledger.candidates(ledger.studies()[0])
    assert {row.state for row in rows} <= {State.DONE, State.DROPPED}
    assert sorted(row.ended_order for row in rows if row.ended_order is not None) == list(range(20))


def test_the_summary_is_what_the_rows_say(ledger: Ledger) -> None:
    candidates = [propose(ledger, number) for number in range(6)]
    study = ledger.studies()[0]
    for candidate, accuracy in zip(candidates[:3], (0.5, 0.7, 0.7), strict=True):
        ledger.start(candidate, "host:1")
        ledger.finish(candidate, accuracy, {})
    ledger.start(candidates[3], "host:1")
    ledger.fail(candidates[3], "diverged", retry=False)
    ledger.start(candidates[4], "host:2", "host", "0,1")
    ledger.progress(candidates[4], 2)
    assert ledger.count(study) == {State.DONE: 3, State.FAILED: 1, State.RUNNING: 1, State.PENDING: 1}
    assert ledger.count(study, reused=True) == ledger.count(study, Purpose.FINAL) == {}
    best = ledger.best(study)
    assert best is not None
    assert best.index == 1
    ledger.record_repeats(candidates[0], {"accuracy": 0.5, "standard_error": None, "seeds": 1, "rank_accuracy": 0.5})
    best = ledger.best(study)
    assert best is not None
    assert best.index == 0  # those with repeats come first
    (failure,) = ledger.failures()
    assert (failure.study, failure.purpose, failure.number, failure.reason) == (
        "0.1-0.2",
        Purpose.SEARCH,
        4,
        "diverged",
    )
    (running,) = ledger.running()
    assert (running.number, running.attempt, running.epochs, running.node, running.gpu) == (5, 1, 2, "host", "0,1")
    assert ledger.ended_since(running.started_at) == 0
    assert candidates[0].finished_at is not None
    assert ledger.ended_since(candidates[0].finished_at) == 4


def test_all_that_failed_come_back_together(ledger: Ledger) -> None:
    for number in range(3):
        candidate = propose(ledger, number)
        ledger.start(candidate, "host:1")
        if number < 2:
            ledger.fail(candidate, "died", retry=False)
        else:
            ledger.finish(candidate, 0.9, {})
    other = ledger.open_study("0.2-0.3", {})
    for purpose in (Purpose.SEARCH, Purpose.FINAL):
        candidate = ledger.propose(other, [9], "digest9", 0.25, purpose=purpose)
        ledger.start(candidate, "host:1")
        ledger.fail(candidate, "died", retry=False)
    with pytest.raises(UsageError, match="tier '9-10': not in the ledger"):
        ledger.requeue_failed("9-10")
    assert ledger.requeue_failed("0.2-0.3", Purpose.FINAL) == 1
    assert ledger.requeue_failed("0.2-0.3") == 1
    assert ledger.requeue_failed() == 2
    assert ledger.requeue_failed() == 0
    assert ledger.orders().changed == 3
    states = [
        c.state
        for study in ledger.studies()
        for p in (Purpose.SEARCH, Purpose.FINAL)
        for c in ledger.candidates(study, p)
    ]
    assert sorted(states) == [State.DONE] + [State.PENDING] * 4
    assert not ledger.failures()
