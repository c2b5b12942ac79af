"""Networks that a search is judged by, whole parents and rivals: measured, trained and entered like finalists."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from tiernas.config import SearchConfig
from tiernas.ledger import BASELINES, Ledger, Purpose, State, Study
from tiernas.limits import WithinLimits
from tiernas.rivals import Rival
from tiernas.spaces import Architecture, ParentSpace, SearchSpace
from tiernas.tier_clock import TierClock
from tiernas.tiers import Tier

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A network that the search does not propose.

    Attributes:
        purpose: What it is trained for.
        key: What in the configuration asks for it, for messages.
        called: What it is called, for messages.
        architecture: The network.
        vector: Its integers; empty if it is a rival.
        rival: Its name as a rival; empty if it is none.
    """

    purpose: Purpose
    key: str
    called: str
    architecture: Architecture
    vector: tuple[int, ...] = ()
    rival: str = ""


def baselines_of(config: SearchConfig, space: SearchSpace, rivals: Sequence[Rival]) -> Iterator[Baseline]:
    """The networks that a search is compared with: the whole parent at every resolution of `parent.compared`, rivals.

    Args:
        config: The search.
        space: Its space.
        rivals: Its rivals, opened.
    """
    if config.parent is not None and isinstance(space, ParentSpace):
        for px in config.parent.compared:
            vector, key = space.whole(px), f"parent.compared = {px}"
            yield Baseline(Purpose.PARENT, key, f"whole parent at {px} px", space.decode(vector), tuple(vector))
    for rival in rivals:
        key, called = f"rivals: {rival.name}", f"rival {rival.name}"
        yield Baseline(Purpose.RIVAL, key, called, rival.architecture, rival=rival.name)


def propose_baselines(
    baselines: Iterable[Baseline],
    ledger: Ledger,
    studies: Mapping[Tier, Study],
    num_classes: int,
    clock: TierClock,
    within: WithinLimits,
) -> None:
    """Measures baselines and proposes them for training, each in the study of the tier that is nearest to its latency.

    Those that were proposed already, parents that are finalists of the search, and those beyond a limit are skipped.
    """
    entered = [purpose for purpose in Purpose if purpose.is_entered]
    there = {p: {c.digest for study in studies.values() for c in ledger.candidates(study, p)} for p in entered}
    for baseline in baselines:
        architecture = baseline.architecture
        others = (baseline.purpose,) if baseline.purpose is Purpose.RIVAL else entered
        if any(architecture.digest in there[purpose] for purpose in others):
            continue
        if needed := within.needed_beyond(architecture):
            _log.warning(
                "%s: the %s is not compared, because it is beyond the limits: it needs %s",
                baseline.key,
                baseline.called,
                needed,
            )
            continue
        estimate_ms = clock.estimate_ms(baseline.vector) if baseline.vector else None
        tier = None if estimate_ms is None else nearest_tier(studies, estimate_ms)
        record = asdict(clock.measure_architecture(architecture, num_classes, tier))
        latency_ms = float(record["latency_ms"])
        _log.info("%s: %.3f ms", baseline.called, latency_ms)
        named = {"name": baseline.rival, "architecture": architecture.to_json()}
        ledger.propose(
            studies[tier or nearest_tier(studies, latency_ms)],
            baseline.vector,
            architecture.digest,
            latency_ms if estimate_ms is None else estimate_ms,
            purpose=baseline.purpose,
            measurement={
                **record,
                "measurements": [record],
                "fingerprint": clock.engine.fingerprint().to_dict(),
                **({"rival": named} if baseline.rival else {}),
            },
        )


def warn_of_failed(ledger: Ledger, studies: Collection[Study]) -> None:
    """Says which baselines have no result, and why."""
    for study in studies:
        for purpose in BASELINES:
            for each in ledger.candidates(study, purpose):
                if each.state in (State.FAILED, State.DROPPED):
                    called = each.rival["name"] if each.rival else f"whole parent {each.number}"
                    _log.warning("%s is not compared: %s: %s", called, each.state, each.reason)


def nearest_tier(tiers: Collection[Tier], latency_ms: float) -> Tier:
    """The tier that contains a latency; if there is none, the one with the nearest edge, by ratio."""

    def distance(tier: Tier) -> float:
        if tier.contains(latency_ms):
            return -1.0
        low_ms = tier.low_ms or tier.high_ms
        return min(abs(math.log(latency_ms / edge_ms)) for edge_ms in (low_ms, tier.high_ms))

    return min(tiers, key=distance)
