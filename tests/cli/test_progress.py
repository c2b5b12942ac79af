from __future__ import annotations

import logging
from typing import Any

import pytest

from tiernas.cli.progress import watching
from tiernas.ledger import Candidate, Purpose, State, Study


def candidate(number: int, state: State, **more: Any) -> Candidate:
    return Candidate(id=number, index=number - 1, state=state, estimated_latency_ms=0.25, **more)


def test_each_training_that_ends_is_one_line_and_what_was_reused_is_not_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    study = Study(name="0.2-0.4")
    reused = candidate(0, State.DONE, accuracy=0.99, origin="tier 0.1-0.2 ms, candidate 3")
    earlier = candidate(1, State.DONE, accuracy=0.8)
    ended = [
        candidate(2, State.DONE, accuracy=0.9, result={"duration_s": 3.0}),
        candidate(3, State.PRUNED, rungs=[{"epochs": 2, "accuracy": 0.5, "kept": False}]),
        candidate(4, State.FAILED, reason="diverged"),
    ]
    caplog.set_level(logging.INFO, logger="tiernas")
    with watching() as (_, watch):
        watch(study, Purpose.SEARCH, [reused, earlier], 12)
        watch(study, Purpose.SEARCH, [reused, earlier, candidate(5, State.RUNNING), *ended], 12)
        watch(study, Purpose.REPEAT, [candidate(0, State.RUNNING), candidate(1, State.RUNNING)], 2)
        watch(study, Purpose.REPEAT, [candidate(0, State.RUNNING), candidate(1, State.DONE, accuracy=0.7)], 2)
    assert caplog.messages == [
        "tier 0.2-0.4 ms  4/12  candidate 2  0.250 ms  accuracy 90.00%  best 90.00%  (3.0 s)",
        "tier 0.2-0.4 ms  4/12  candidate 3  pruned after 2 epochs, accuracy 50.00%",
        "tier 0.2-0.4 ms  4/12  candidate 4  failed: diverged",
        "tier 0.2-0.4 ms  1/2  repeat 1  0.250 ms  accuracy 70.00%  best 70.00%  (0.0 s)",
    ]
