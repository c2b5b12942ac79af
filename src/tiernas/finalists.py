"""The best networks of a tier: measured end to end, so that the measurement decides the tier, then trained longer."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tiernas.engines import Fingerprint
from tiernas.engines.measurement import relative_width
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.rounding import apart
from tiernas.spaces import SearchSpace
from tiernas.tiers import Tier

if TYPE_CHECKING:
    from tiernas.tier_clock import TierClock

_log = logging.getLogger(__name__)

_MEASURED_PER_FINALIST = 4
"""Maximum number of candidates measured per finalist of a tier."""

_ROUNDS = 3
"""After this many measurements the latency alone decides the tier, even if its interval extends beyond an edge."""

_GIVEN_UP = (State.FAILED, State.DROPPED)

Record = Mapping[str, Any]
"""A measurement as stored in the ledger: the fields of `tiernas.engines.Measurement`."""

_Measure = Callable[[Candidate], Record]


class TierVerdict(enum.Enum):
    """Result of the measurements: whether a network is in its tier."""

    INSIDE = enum.auto()
    OUTSIDE = enum.auto()
    OPEN = enum.auto()


def choose_finalists(
    ledger: Ledger,
    study: Study,
    tier: Tier,
    space: SearchSpace,
    num_classes: int,
    clock: TierClock,
    *,
    per_tier: int,
) -> int:
    """Measures the most accurate candidates until enough of them are in the tier, and records these as finalists.

    Measurements with the engine's fingerprint that are in the ledger are not repeated. A finalist that was measured
    with another fingerprint, or by a version that did not interleave, is measured again. The next candidate replaces a
    finalist that failed or was dropped, or whose measurements cannot decide whether it is in the tier; the latter is
    measured once more when the search is resumed. If the best networks measure outside the tier, it may end with fewer
    than `per_tier` finalists, or none. Whole parents and rivals, which are trained like finalists, do not count.

    Returns:
        Number of new finalists.
    """

    def measure(candidate: Candidate) -> Record:
        return asdict(clock.measure_architecture(space.decode(candidate.vector), num_classes, tier))

    measuring = _Measuring(ledger, study, tier, clock, measure)
    finalists = ledger.candidates(study, Purpose.FINAL)
    holding = [f for f in finalists if f.state not in _GIVEN_UP]
    free = per_tier - len(measuring.settle(holding, len(holding)))
    chosen = measuring.settle(contenders(ledger, study, per_tier), max(free, 0))
    for candidate in chosen:
        ledger.propose_again(study, candidate, Purpose.FINAL, measurement=measuring.kept(candidate))
    return len(chosen)


def contenders(ledger: Ledger, study: Study, per_tier: int) -> list[Candidate]:
    """The candidates of a tier that may be measured, most accurate first; without those that are finalists already."""
    entered = (*ledger.candidates(study, Purpose.FINAL), *ledger.candidates(study, Purpose.PARENT))
    tried = {candidate.digest for candidate in entered}
    done = [c for c in ledger.candidates(study) if c.state is State.DONE and c.digest not in tried]
    done.sort(key=lambda c: (c.merit, -c.index), reverse=True)
    return done[: per_tier * _MEASURED_PER_FINALIST]


def untried_candidates(ledger: Ledger, study: Study, per_tier: int) -> int:
    """Number of candidates of a search that is over that may still be measured to find finalists.

    Args:
        ledger: The ledger.
        study: The study of a tier.
        per_tier: Number of finalists wanted.
    """
    chosen = ledger.count(study, Purpose.FINAL).total()
    others = ledger.count(study)[State.DONE] - chosen
    tried = ledger.count_measured(study) - chosen
    return max(0, min(others, per_tier * _MEASURED_PER_FINALIST) - tried)


def in_tier(finalist: Candidate, tier: Tier) -> bool:
    """Whether a finalist's measured latency is inside its tier."""
    return finalist.measurement is not None and tier.contains(finalist.measurement["latency_ms"])


def judge(records: Sequence[Record], tier: Tier, rounds: int = _ROUNDS) -> TierVerdict:
    """Decides by the interval of the latency whether a network is in a tier.

    A network is inside if its whole interval is, or if its latency is after `rounds` measurements; it is outside if its
    interval does not overlap the tier. Otherwise the question is open.

    Args:
        records: The interleaved measurements so far.
        tier: The tier.
        rounds: Measurements after which the latency decides if the interval does not.
    """
    if not records:
        return TierVerdict.OPEN
    found = narrowest(records)
    low_ms, high_ms = found["low_ms"], found["high_ms"]
    if high_ms < tier.low_ms or low_ms >= tier.high_ms:
        return TierVerdict.OUTSIDE
    whole = tier.contains(low_ms) and tier.contains(high_ms)
    by_centre = len(records) >= rounds and tier.contains(found["latency_ms"])
    return TierVerdict.INSIDE if whole or by_centre else TierVerdict.OPEN


def narrowest(records: Sequence[Record]) -> Record:
    """The most informative measurement: the one with the narrowest interval relative to its latency."""
    return min(records, key=lambda r: relative_width(r["latency_ms"], r["low_ms"], r["high_ms"]))


class _Measuring:
    """Measurements of the candidates of a tier, written to the ledger as they are made."""

    def __init__(self, ledger: Ledger, study: Study, tier: Tier, clock: TierClock, measure: _Measure) -> None:
        self._ledger = ledger
        self._study = study
        self._tier = tier
        self._fingerprint = clock.engine.fingerprint()
        self._once = clock.measures_once
        self._measure = measure
        self._records: dict[int, list[Record]] = {}
        self._most: dict[int, int] = {}

    def settle(self, candidates: Sequence[Candidate], wanted: int) -> list[Candidate]:
        """The first `wanted` candidates that are in the tier, in the given order.

        Undecided candidates are measured in rounds, so that the measurements of one network are some time apart.
        """
        for candidate in candidates:
            known = known_records(candidate, self._fingerprint)
            self._records[candidate.id] = known
            # an undecided candidate is measured once more each time the search is resumed
            self._most[candidate.id] = 1 if self._once else max(_ROUNDS, len(known) + 1)
        while True:
            standing = [c for c in candidates if self._may_stand(c)][:wanted]
            unsettled = [c for c in standing if self._verdict(c) is TierVerdict.OPEN]
            if not unsettled:
                return standing
            for candidate in unsettled:
                self._measure_once(candidate)

    def kept(self, candidate: Candidate) -> dict[str, Any]:
        """A candidate's measurements as stored in the ledger: the narrowest one, and all of them."""
        records = self._records[candidate.id]
        return {**narrowest(records), "measurements": records, "fingerprint": self._fingerprint.to_dict()}

    def _verdict(self, candidate: Candidate) -> TierVerdict:
        return judge(self._records[candidate.id], self._tier, 1 if self._once else _ROUNDS)

    def _may_stand(self, candidate: Candidate) -> bool:
        """Whether a candidate is in the tier or may still prove to be."""
        verdict = self._verdict(candidate)
        return verdict is TierVerdict.INSIDE or (verdict is TierVerdict.OPEN and self._may_be_measured(candidate))

    def _may_be_measured(self, candidate: Candidate) -> bool:
        return len(self._records[candidate.id]) < self._most[candidate.id]

    def _measure_once(self, candidate: Candidate) -> None:
        self._records[candidate.id].append(self._measure(candidate))
        self._ledger.record_measurement(candidate, self.kept(candidate))
        self._report(candidate)

    def _report(self, candidate: Candidate) -> None:
        """Logs the verdict with the measurement that decides it, which need not be the latest one."""
        decisive = narrowest(self._records[candidate.id])
        latency_ms, low_ms, high_ms = decisive["latency_ms"], decisive["low_ms"], decisive["high_ms"]
        again = "it is measured again" if self._may_be_measured(candidate) else "the next one replaces it"
        says = {
            TierVerdict.INSIDE: "inside the tier, a finalist",
            TierVerdict.OUTSIDE: "outside the tier, not a finalist",
            TierVerdict.OPEN: f"too close to an edge of the tier to decide: {again}",
        }
        _log.info(
            "tier %s ms: candidate %d, accuracy %s, takes %s ms (%.4g to %.4g; estimated %.3g): %s",
            self._study.name,
            candidate.number,
            f"{candidate.accuracy or 0.0:.2%}",
            apart(latency_ms, self._tier.low_ms if latency_ms < self._tier.low_ms else self._tier.high_ms)[0],
            low_ms,
            high_ms,
            candidate.estimated_latency_ms,
            says[self._verdict(candidate)],
        )


def known_records(candidate: Candidate, fingerprint: Fingerprint) -> list[Record]:
    """The interleaved measurements of a candidate with a fingerprint."""
    kept = candidate.measurement
    if kept is None or Fingerprint.from_dict(kept["fingerprint"]).differences(fingerprint):
        return []
    return [record for record in kept.get("measurements", ()) if record.get("in_turn")]
