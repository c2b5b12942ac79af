"""The best networks of a tier: measured whole, so that the measurement decides the tier, then trained longer."""

from __future__ import annotations

import logging
from dataclasses import asdict
from functools import partial

from tiernas.engines import Engine, measure_loads
from tiernas.latency import measure_architecture
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.spaces import SearchSpace
from tiernas.tiers import Tier

_log = logging.getLogger(__name__)

_MEASURED_PER_FINALIST = 4
"""How many candidates are measured at most for each finalist that a tier is to have."""


def choose_finalists(
    ledger: Ledger,
    study: Study,
    tier: Tier,
    space: SearchSpace,
    num_classes: int,
    engine: Engine,
    *,
    per_tier: int,
    limit_s: float,
) -> None:
    """Measures the most accurate candidates until enough of them are in the tier, and records these as finalists.

    What was measured already is in the ledger and is not measured again. A tier may end with fewer than `per_tier`
    finalists, even none, where its best networks measure outside it. Each is measured for `limit_s` at most, see
    `tiernas.engines.measure_loads`.
    """
    clock = partial(measure_loads, limit_s=limit_s)
    chosen = {f.digest for f in ledger.candidates(study, Purpose.FINAL)}
    done = [c for c in ledger.candidates(study) if c.state is State.DONE]
    done.sort(key=lambda c: (c.merit, -c.number), reverse=True)
    for candidate in done[: per_tier * _MEASURED_PER_FINALIST]:
        if len(chosen) >= per_tier:
            break
        if candidate.digest in chosen:
            continue
        record = candidate.measurement
        if record is None:
            measured = measure_architecture(space.decode(candidate.vector), num_classes, engine, clock)
            record = asdict(measured) | {"fingerprint": engine.fingerprint().to_dict()}
            ledger.record_measurement(candidate, record)
            _report(study, candidate, record["latency_ms"], inside=tier.contains(record["latency_ms"]))
        if tier.contains(record["latency_ms"]):
            chosen.add(candidate.digest)
            ledger.propose_again(study, candidate, Purpose.FINAL, measurement=record)


def _report(study: Study, candidate: Candidate, latency_ms: float, *, inside: bool) -> None:
    _log.info(
        "tier %s ms: candidate %d, accuracy %.4f, takes %.3f ms (estimated %.3f)%s",
        study.name,
        candidate.number,
        candidate.accuracy,
        latency_ms,
        candidate.estimated_latency_ms,
        ": a finalist" if inside else ": outside the tier, no finalist",
    )
