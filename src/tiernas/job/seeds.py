"""Finalists, whole parents and rivals again with other seeds, so that their accuracies have an interval."""

from __future__ import annotations

from tiernas.ledger import Ledger, Purpose, State, Study


def propose_seeds(ledger: Ledger, study: Study, seeds: int) -> None:
    """Proposes what was trained for the model table again, until each network is trained with all seeds.

    Args:
        ledger: The ledger.
        study: The study of a tier.
        seeds: Number of seeds, the first one included.
    """
    there = {(c.digest, c.seed_offset) for c in ledger.candidates(study, Purpose.SEED)}
    for purpose in Purpose:
        if not purpose.is_entered:
            continue
        for trained in ledger.candidates(study, purpose):
            if trained.state is not State.DONE:
                continue
            rival = {"rival": trained.rival} if trained.rival else None
            for offset in range(1, seeds):
                if (trained.digest, offset) not in there:
                    ledger.propose_again(study, trained, Purpose.SEED, measurement=rival, seed_offset=offset)
                    there.add((trained.digest, offset))
