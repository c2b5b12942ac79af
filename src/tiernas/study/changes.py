"""What the user changed in the ledger while the server held the candidates in memory."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm.attributes import set_committed_value

from tiernas.ledger import Candidate, State

_ORDERED = ("state", "reason", "forgiven", "ended_order", "finished_at")
"""The fields of a candidate that orders change."""


def take_over(candidates: Sequence[Candidate], ledgers: Sequence[Candidate]) -> Sequence[Candidate]:
    """Updates candidates that were dropped or requeued.

    Args:
        candidates: As the server knows them, in the order proposed.
        ledgers: As they are in the ledger, in the same order.

    Returns:
        Those that changed.
    """
    changed = [(c, other) for c, other in zip(candidates, ledgers, strict=False) if c.state is not other.state]
    ordered = [(c, other) for c, other in changed if State.DROPPED is other.state or State.FAILED is c.state]
    for candidate, other in ordered:
        for name in _ORDERED:
            set_committed_value(candidate, name, getattr(other, name))
    return [candidate for candidate, _ in ordered]
