"""The best networks of a tier: measured whole, so that the measurement decides the tier, then trained longer."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from tiernas.engines import Engine, Fingerprint, measure_loads
from tiernas.latency import measure_architecture
from tiernas.latency.trusted import trusted_interval
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.rounding import apart
from tiernas.spaces import SearchSpace
from tiernas.tiers import Tier

_log = logging.getLogger(__name__)

_MEASURED_PER_FINALIST = 4
"""How many candidates are measured at most for each finalist that a tier is to have."""

_MEASURED_AGAIN = 3
"""So many measurements must agree that a network is outside its tier, where a single one does not settle it."""

_GIVEN_UP = (State.FAILED, State.DROPPED)

Record = Mapping[str, Any]
"""A measurement as the ledger keeps it: the fields of `tiernas.engines.Measurement`."""

_Measure = Callable[[Candidate], Record]


class Verdict(enum.Enum):
    """What measurements say of a network and its tier."""

    INSIDE = enum.auto()
    OUTSIDE = enum.auto()
    OPEN = enum.auto()


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
) -> int:
    """Measures the most accurate candidates until enough of them are in the tier, and records these as finalists.

    What was measured already under the engine's fingerprint is in the ledger and is not measured again. A finalist that
    was measured under another one is measured anew, and one that failed or was dropped gives its place to the next
    candidate. A tier may end with fewer than `per_tier` finalists, even none, where its best networks measure outside
    it. Each measurement takes `limit_s` at most, see `tiernas.engines.measure_loads`.

    Returns:
        How many finalists are new.
    """
    clock = partial(measure_loads, limit_s=limit_s)

    def measure(candidate: Candidate) -> Record:
        return asdict(measure_architecture(space.decode(candidate.vector), num_classes, engine, clock))

    measuring = _Measuring(ledger, study, tier, engine.fingerprint(), measure)
    finalists = ledger.candidates(study, Purpose.FINAL)
    holding = [f for f in finalists if f.state not in _GIVEN_UP]
    free = per_tier - len(measuring.settle(holding, len(holding)))
    tried = {f.digest for f in finalists}
    done = [c for c in ledger.candidates(study) if c.state is State.DONE and c.digest not in tried]
    done.sort(key=lambda c: (c.merit, -c.number), reverse=True)
    chosen = measuring.settle(done[: per_tier * _MEASURED_PER_FINALIST], max(free, 0))
    for candidate in chosen:
        ledger.propose_again(study, candidate, Purpose.FINAL, measurement=measuring.kept(candidate))
    return len(chosen)


def in_tier(finalist: Candidate, tier: Tier) -> bool:
    """Whether a finalist measured inside its tier."""
    return finalist.measurement is not None and tier.contains(finalist.measurement["latency_ms"])


def judge(records: Sequence[Record], tier: Tier, most: int = _MEASURED_AGAIN) -> Verdict:
    """Decides by the typical measurement (`typical`) whether a network is in a tier.

    Outside is only what a stable measurement shows, by an interval that has nothing in common with the tier, or what so
    many measurements agree on: beside other load a network has measured nine times as long as it takes.

    Args:
        records: The measurements so far.
        tier: The tier.
        most: Measurements after which nothing is left open.
    """
    if not records:
        return Verdict.OPEN
    found = typical(records)
    if tier.contains(found["latency_ms"]):
        return Verdict.INSIDE
    low_ms, high_ms = trusted_interval(
        found["latency_ms"], found["low_ms"], found["high_ms"], unstable=found["unstable"]
    )
    clear = not found["unstable"] and (high_ms < tier.low_ms or low_ms >= tier.high_ms)
    return Verdict.OUTSIDE if clear or len(records) >= most else Verdict.OPEN


def typical(records: Sequence[Record]) -> Record:
    """The measurement with the median latency, the lower one of an even number; of the stable ones if there are any."""
    stable = [r for r in records if not r["unstable"]]
    ordered = sorted(stable or records, key=lambda r: float(r["latency_ms"]))
    return ordered[(len(ordered) - 1) // 2]


class _Measuring:
    """Measurements of the candidates of a tier, in the ledger as soon as they are made."""

    def __init__(self, ledger: Ledger, study: Study, tier: Tier, fingerprint: Fingerprint, measure: _Measure) -> None:
        self._ledger = ledger
        self._study = study
        self._tier = tier
        self._fingerprint = fingerprint
        self._measure = measure
        self._records: dict[int, list[Record]] = {}
        self._most: dict[int, int] = {}

    def settle(self, candidates: Sequence[Candidate], wanted: int) -> list[Candidate]:
        """The first so many of the candidates that are in the tier, in their order.

        Open questions are taken in rounds, so that the measurements of one network lie some time apart.
        """
        for candidate in candidates:
            known = _known(candidate, self._fingerprint)
            self._records[candidate.id] = known
            # three unstable ones may have met the same load: each time the search is continued there is one more
            settled = bool(known) and not typical(known)["unstable"]
            self._most[candidate.id] = _MEASURED_AGAIN if settled else max(_MEASURED_AGAIN, len(known) + 1)
        while True:
            standing = [c for c in candidates if self._verdict(c) is not Verdict.OUTSIDE][:wanted]
            unsettled = [c for c in standing if self._verdict(c) is Verdict.OPEN]
            if not unsettled:
                return standing
            for candidate in unsettled:
                self._measure_once(candidate)

    def kept(self, candidate: Candidate) -> dict[str, Any]:
        """What the ledger keeps of a candidate's measurements: the typical one, and all of them."""
        records = self._records[candidate.id]
        return {**typical(records), "measurements": records, "fingerprint": self._fingerprint.to_dict()}

    def _verdict(self, candidate: Candidate) -> Verdict:
        return judge(self._records[candidate.id], self._tier, self._most[candidate.id])

    def _measure_once(self, candidate: Candidate) -> None:
        record = self._measure(candidate)
        self._records[candidate.id].append(record)
        self._ledger.record_measurement(candidate, self.kept(candidate))
        self._report(candidate, record)

    def _report(self, candidate: Candidate, record: Record) -> None:
        latency_ms = record["latency_ms"]
        low_ms, high_ms = self._tier.low_ms, self._tier.high_ms
        says = {
            Verdict.INSIDE: "inside the tier, a finalist",
            Verdict.OUTSIDE: "outside the tier, no finalist",
            Verdict.OPEN: "outside the tier, but not surely: it is measured again",
        }
        _log.info(
            "tier %s ms: candidate %d, accuracy %.4f, takes %s ms (estimated %.3g)%s: %s",
            self._study.name,
            candidate.number,
            candidate.accuracy or 0.0,
            apart(latency_ms, low_ms if latency_ms < low_ms else high_ms)[0],
            candidate.estimated_latency_ms,
            ", unstable" if record["unstable"] else "",
            says[self._verdict(candidate)],
        )


def _known(candidate: Candidate, fingerprint: Fingerprint) -> list[Record]:
    """The measurements of a candidate under a fingerprint; ledgers of earlier versions keep but one."""
    kept = candidate.measurement
    if kept is None or Fingerprint.from_dict(kept["fingerprint"]).differences(fingerprint):
        return []
    one = {key: value for key, value in kept.items() if key not in ("measurements", "fingerprint", "deployment")}
    return list(kept.get("measurements") or [one])
