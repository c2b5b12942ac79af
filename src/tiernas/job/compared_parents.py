"""Whole parents as a baseline for the search: trained, measured and entered like finalists."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict

import numpy as np

from tiernas.config import SearchConfig
from tiernas.ledger import Ledger, Purpose, Study
from tiernas.limits import WithinLimits
from tiernas.spaces import ParentSpace, SearchSpace
from tiernas.tier_clock import TierClock
from tiernas.tiers import Tier

_log = logging.getLogger(__name__)


def propose_parents(
    config: SearchConfig,
    ledger: Ledger,
    studies: Mapping[Tier, Study],
    space: SearchSpace,
    num_classes: int,
    clock: TierClock,
    within: WithinLimits,
) -> None:
    """Measures the whole parent at every resolution of `parent.compared`, and proposes it for training.

    Resolutions that were proposed already, or at which the parent is a finalist of the search or beyond a limit, are
    skipped.
    """
    if config.parent is None or not isinstance(space, ParentSpace):
        return
    of_studies = [(study, purpose) for study in studies.values() for purpose in Purpose if purpose.is_entered]
    there = {c.digest for study, purpose in of_studies for c in ledger.candidates(study, purpose)}
    for resolution in config.parent.compared:
        vector = space.whole(resolution)
        architecture = space.decode(vector)
        if architecture.digest in there:
            continue
        row = np.array([vector])
        if not within(row).all():
            _log.warning(
                "parent.compared = %d: the whole parent is not compared at this resolution, because it is beyond the "
                "limits: it needs %s",
                resolution,
                within.needed_by(row),
            )
            continue
        estimate_ms = clock.estimate_ms(vector)
        tier = nearest_tier(studies, estimate_ms)
        record = asdict(clock.measure_architecture(architecture, num_classes, tier))
        _log.info("whole parent at %d px: %.3f ms", resolution, record["latency_ms"])
        ledger.propose(
            studies[tier],
            vector,
            architecture.digest,
            estimate_ms,
            purpose=Purpose.PARENT,
            measurement={
                **record,
                "measurements": [record],
                "fingerprint": clock.engine.fingerprint().to_dict(),
            },
        )


def nearest_tier(tiers: Collection[Tier], latency_ms: float) -> Tier:
    """The tier that contains a latency; if there is none, the one with the nearest edge, by ratio."""

    def distance(tier: Tier) -> float:
        if tier.contains(latency_ms):
            return -1.0
        low_ms = tier.low_ms or tier.high_ms
        return min(abs(math.log(latency_ms / edge_ms)) for edge_ms in (low_ms, tier.high_ms))

    return min(tiers, key=distance)
