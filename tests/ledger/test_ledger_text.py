"""Whatever libraries and users say, the server writes it down and lives."""

from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiernas.ledger import Candidate, Ledger, Purpose, State
from tiernas.plain import plain_json, plain_text

ANY_TEXT = st.text(st.characters(exclude_categories=[]))
ANY_FACTS = st.dictionaries(ANY_TEXT, st.floats() | ANY_TEXT | st.lists(st.floats()), max_size=3)

OFTEN = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def propose(ledger: Ledger, **more: Any) -> Candidate:
    study = ledger.open_study("0.1-0.2", {"seed": 0})
    number = len(ledger.candidates(study))
    return ledger.propose(study, [number], f"digest{number}", 0.15, **more)


@OFTEN
@given(reason=ANY_TEXT, worker=ANY_TEXT)
def test_any_reason_is_kept_as_plain_text(ledger: Ledger, reason: str, worker: str) -> None:
    candidate = propose(ledger)
    ledger.start(candidate, worker, worker)
    assert ledger.fail(candidate, reason, retry=False) is State.FAILED
    row = ledger.candidates(ledger.studies()[0])[-1]
    assert (row.reason, row.attempts[0].reason) == (plain_text(reason), plain_text(reason))
    assert (row.attempts[0].worker, row.attempts[0].node) == (plain_text(worker), plain_text(worker))
    assert ledger.failures()[-1].reason == plain_text(reason)


@OFTEN
@given(facts=ANY_FACTS, accuracy=st.floats(0, 1), epoch_accuracy=st.floats())
def test_any_result_is_kept_as_json(
    ledger: Ledger, facts: dict[str, Any], accuracy: float, epoch_accuracy: float
) -> None:
    candidate = propose(ledger, measurement=facts)
    ledger.start(candidate, "host:1")
    ledger.progress(candidate, 1, epoch_accuracy)
    ledger.finish(candidate, accuracy, facts)
    row = ledger.candidates(ledger.studies()[0])[-1]
    assert (row.accuracy, row.result, row.measurement) == (accuracy, plain_json(facts), plain_json(facts) or None)
    json.dumps(row.result, allow_nan=False)
    told = row.attempts[0].validation_accuracy
    assert told == (epoch_accuracy if math.isfinite(epoch_accuracy) else None)


def test_odd_settings_are_the_same_when_the_study_is_continued(ledger: Ledger) -> None:
    settings_ = {"path": "caf\udce9\x00", "limit": math.inf, "pair": (1, 2.5)}
    study = ledger.open_study("0.1-0.2", settings_)
    assert ledger.open_study("0.1-0.2", settings_).id == study.id


def test_a_password_does_not_get_into_the_ledger(ledger: Ledger) -> None:
    candidate = propose(ledger)
    ledger.start(candidate, "host:1")
    ledger.fail(candidate, "TimeoutError: sftp://ann:s3cret@host/x", retry=False)
    ledger.drop("0.1-0.2", propose(ledger).number, Purpose.SEARCH, "PASSWORD=s3cret")
    first, second = ledger.candidates(ledger.studies()[0])
    assert (first.reason, second.reason) == ("TimeoutError: sftp://ann:***@host/x", "PASSWORD=***")
