"""What a search has done, is doing, and why something failed; read from the ledger alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from tiernas.config import SearchConfig
from tiernas.ledger import Ledger, Purpose, State
from tiernas.study import report_screen


def read_status(config: SearchConfig) -> dict[str, Any]:
    """The state of a search as plain values.

    Returns:
        `study`, `candidates` (number by state, over all tiers), `tiers` (for each its candidates by state, its
        finalists, its best, what was reused and what the screen did) and `failures` (each failed candidate with its
        reason).

    Raises:
        NothingFoundError: The search has not begun.
    """
    screen = config.search.screen_rule
    with Ledger.of_begun_search(config.ledger_path) as ledger:
        tiers: list[dict[str, Any]] = []
        failures: list[dict[str, Any]] = []
        for study in ledger.studies():
            candidates = ledger.candidates(study)
            repeats = ledger.candidates(study, Purpose.REPEAT)
            finalists = ledger.candidates(study, Purpose.FINAL)
            states = Counter(c.state for c in candidates if c.origin is None)
            done = [c for c in candidates if c.accuracy is not None]
            best = max(done, key=lambda c: (c.merit, -c.number), default=None)
            tiers.append(
                {
                    "tier": study.name,
                    **{str(state): states[state] for state in State},
                    "wanted": config.search.trainings,
                    "repeats": len(repeats),
                    "repeats_done": sum(c.ended for c in repeats),
                    "finalists": len(finalists),
                    "finalists_done": sum(c.state is State.DONE for c in finalists),
                    "best_candidate": best.number if best else None,
                    "best_accuracy": best.accuracy if best else None,
                    "best_repeated": best.repeated if best else None,
                    "best_latency_ms": best.estimated_latency_ms if best else None,
                    "reused": sum(c.origin is not None for c in candidates),
                    "reused_from": study.reused or {},
                    "screen": asdict(report_screen(candidates, screen, config.recipe.epochs)) if screen else None,
                }
            )
            failures += [
                {"tier": study.name, "purpose": str(c.purpose), "candidate": c.number, "reason": c.reason}
                for c in (*candidates, *repeats, *finalists)
                if c.state is State.FAILED
            ]
    total = {str(state): sum(tier[str(state)] for tier in tiers) for state in State}
    return {"study": config.study.name, "candidates": total, "tiers": tiers, "failures": failures}
