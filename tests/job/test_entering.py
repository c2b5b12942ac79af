"""What a search says where nothing comes of it."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest

from tiernas.errors import NothingFoundError
from tiernas.job.entering import SearchResult, why_none
from tiernas.ledger import Candidate, State
from tiernas.testing.entries import entry
from tiernas.tiers import Tier

TIER = Tier(0.2, 0.4)


def candidate(state: State, **values: Any) -> Candidate:
    return Candidate(index=0, state=state, **values)


def test_a_result_with_an_entry_to_recommend_is_usable() -> None:
    SearchResult([entry()], {"0.4-0.8": "none"}).require_usable()
    SearchResult([], {}).require_usable()  # no finalists were wanted


def test_a_result_that_no_query_returns_is_refused_with_every_reason() -> None:
    slow = dataclasses.replace(entry("slow"), recommended=False, advice="int8 is not faster here")
    with pytest.raises(NothingFoundError) as error:
        SearchResult([slow], {"0.4-0.8": "2 of its 2 finalists failed"}).require_usable()
    assert str(error.value).splitlines() == [
        "the search ended without a usable entry:",
        "  tier 0.4-0.8 ms: 2 of its 2 finalists failed",
        "  slow is not recommended: int8 is not faster here",
    ]


@pytest.mark.parametrize(
    ("searched", "finalists", "message"),
    [
        (
            [candidate(State.FAILED, reason="diverged")],
            [],
            "none of its 1 training runs was completed; 1 failed, the last",
        ),
        ([candidate(State.DROPPED)], [], "none of its 1 training runs was completed"),
        (
            [candidate(State.DONE)],
            [candidate(State.FAILED, reason="no memory")],
            "1 of its 1 finalists failed.*no memory",
        ),
        ([candidate(State.DONE)], [], "none of its networks was measured"),
        (
            [candidate(State.DONE, measurement={"latency_ms": ms}) for ms in (0.40004, 0.1, 0.9)],
            [],
            r"none of its 3 best networks measured inside it; the nearest takes 0\.40004 ms",
        ),
    ],
)
def test_why_a_tier_is_empty(searched: list[Candidate], finalists: list[Candidate], message: str) -> None:
    assert re.match(message, why_none(TIER, searched, finalists))
