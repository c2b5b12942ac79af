"""The entries that a search writes to the model table, and why there are none."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tiernas.config import SearchConfig
from tiernas.entries import artefact_folder, make_entry
from tiernas.errors import NothingFoundError
from tiernas.finalists import in_tier
from tiernas.job.finalist_weights import finalist_network
from tiernas.ledger import BASELINES, Candidate, Ledger, Purpose, State, Study
from tiernas.rounding import apart
from tiernas.spaces import SearchSpace
from tiernas.study import Trainings, architecture_of
from tiernas.table import Entry, ModelTable
from tiernas.table.remeasure import with_latest_latency
from tiernas.tiers import Tier
from tiernas.training import Splits

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of a search.

    Attributes:
        entries: Its entries of the model table, tier by tier, best first.
        empty_tiers: Tiers without an entry, and why; empty if no finalists were wanted.
    """

    entries: Sequence[Entry]
    empty_tiers: Mapping[str, str]

    def require_usable(self) -> None:
        """Refuses a result that no query can return anything from.

        Raises:
            NothingFoundError: No entry is recommended, though finalists were wanted; the message says why.
        """
        if any(entry.recommended for entry in self.entries) or not (self.entries or self.empty_tiers):
            return
        reasons = [f"tier {tier} ms: {reason}" for tier, reason in self.empty_tiers.items()]
        reasons += [f"{entry.name} is not recommended: {entry.advice}" for entry in self.entries]
        raise NothingFoundError("the search ended without a usable entry:\n  " + "\n  ".join(reasons))


def enter(
    config: SearchConfig,
    ledger: Ledger,
    studies: Mapping[Tier, Study],
    space: SearchSpace,
    splits: Splits,
    trainings: Trainings,
    waiting: Mapping[str, str],
) -> SearchResult:
    """Writes the finished finalists that are inside their tier, and finished baselines, into the model table.

    Args:
        config: The search.
        ledger: Its ledger.
        studies: Its studies, by their tiers.
        space: Its space.
        splits: Its data.
        trainings: Its training runs.
        waiting: What tiers wait for that cannot be measured from here, by their names.
    """
    table = ModelTable(config.table.path)
    there = table.read()[0] if table.path.exists() else ()
    entries, empty = [], {}
    for tier, study in studies.items():
        searched = {c.digest: c for c in ledger.candidates(study, all_attempts=False)}
        finalists = ledger.candidates(study, Purpose.FINAL)
        done = [f for f in finalists if f.state is State.DONE and in_tier(f, tier)]
        if not done and config.finalists.per_tier:
            empty[study.name] = waiting.get(study.name) or why_none(tier, list(searched.values()), finalists)
            _log.warning("tier %s ms has no entry: %s", study.name, empty[study.name])
        elif study.name in waiting:
            _log.warning("tier %s ms has fewer entries than wanted: %s", study.name, waiting[study.name])
        baselines = [b for of in BASELINES for b in ledger.candidates(study, of) if b.state is State.DONE]
        for finalist in (*done, *baselines):
            architecture = architecture_of(finalist, space)
            entry = make_entry(config, study, finalist, architecture, splits, searched.get(finalist.digest))
            known = next((e for e in there if e.same(entry)), None)
            if known is not None:
                # earlier versions named it differently
                entry = replace(with_latest_latency(entry, known), name=known.name)
            if known != entry or not table.is_whole(entry):
                network = finalist_network(ledger, study, finalist, trainings)
                table.add(entry, network, artefact_folder(config, study, finalist))
            entries.append(entry)
    return SearchResult(entries, empty)


def why_none(tier: Tier, searched: Sequence[Candidate], finalists: Sequence[Candidate]) -> str:
    """Why a tier has no entry, in words.

    Args:
        tier: The tier.
        searched: The candidates of its search.
        finalists: Its finalists, none of them done and inside the tier.
    """
    failed = [c for c in finalists if c.state is State.FAILED]
    if failed:
        return f"{len(failed)} of its {len(finalists)} finalists failed, the last because: {failed[-1].reason}"
    done = [c for c in searched if c.state is State.DONE]
    if not done:
        broken = [c for c in searched if c.state is State.FAILED]
        because = f"; {len(broken)} failed, the last because: {broken[-1].reason}" if broken else ""
        return f"none of its {len(searched)} training runs was completed{because}"
    measured_ms = [c.measurement["latency_ms"] for c in done if c.measurement]
    if not measured_ms:
        return "none of its networks was measured"
    edges = tier.low_ms, tier.high_ms
    _distance, edge, latency_ms = min((abs(ms - edge), edge, ms) for ms in measured_ms for edge in edges)
    return (
        f"none of its {len(measured_ms)} best networks measured inside it; the nearest takes "
        f"{apart(latency_ms, edge)[0]} ms"
    )
