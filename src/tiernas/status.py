"""What a search has done, is doing, and why something failed; read from the ledger alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tiernas.config import SearchConfig
from tiernas.ledger import Ledger, Purpose, State


def read_status(config: SearchConfig) -> dict[str, Any]:
    """The state of a search as plain values.

    Returns:
        `study`, `candidates` (number by state, over all tiers), `tiers` (for each its candidates by state, its
        finalists and its best) and `failures` (each failed candidate with its reason).

    Raises:
        NothingFoundError: The search has not begun.
    """
    with Ledger.of_begun_search(config.ledger_path) as ledger:
        tiers: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for study in ledger.studies():
            candidates = ledger.candidates(study)
            finalists = ledger.candidates(study, Purpose.FINAL)
            states = Counter(c.state for c in candidates)
            done = [c for c in candidates if c.accuracy is not None]
            best = max(done, key=lambda c: c.accuracy or 0.0, default=None)
            tiers.append(
                {
                    "tier": study.name,
                    **{str(state): states[state] for state in State},
                    "wanted": config.search.trainings,
                    "finalists": len(finalists),
                    "finalists_done": sum(c.state is State.DONE for c in finalists),
                    "best_candidate": best.number if best else None,
                    "best_accuracy": best.accuracy if best else None,
                    "best_latency_ms": best.estimated_latency_ms if best else None,
                }
            )
            failures += [
                {"tier": study.name, "purpose": str(c.purpose), "candidate": c.number, "reason": c.reason}
                for c in (*candidates, *finalists)
                if c.state is State.FAILED
            ]
    total = {str(state): sum(tier[str(state)] for tier in tiers) for state in State}
    return {"study": config.study.name, "candidates": total, "tiers": tiers, "failures": failures}
