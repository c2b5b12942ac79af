"""Accuracies that are in a ledger already: accuracy does not depend on the device, so none is trained twice."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.ledger import Candidate, Known, Ledger, Purpose, State, Study

if TYPE_CHECKING:
    from tiernas.limits import WithinLimits
    from tiernas.tiers import Tier

_log = logging.getLogger(__name__)

SPACE_DIGEST = "study.space.digest"
"""Setting of a study whose space is a plug-in: another object may have its name tomorrow."""

_OWN = "other tiers"


def reuse_accuracies(
    ledger: Ledger,
    study: Study,
    tier: Tier,
    estimate_ms: Callable[[IntArray], npt.NDArray[np.float64]],
    others: Sequence[Path],
    within: WithinLimits | None = None,
) -> None:
    """Reuses, once and before the search of a tier begins, what was trained on the same data with the same recipe.

    Networks inside the tier and the limits become finished candidates: they may become finalists and are not trained
    again. Others are its history: the optimizer is told about them. Everything is copied into the ledger, so the search
    can be resumed whatever happens to its sources. A network that is known several times counts once: with the accuracy
    of this study's seed if there is one, else with the first.

    Args:
        ledger: Ledger of this search; its other tiers are always used.
        study: The study of the tier; nothing happens if it has begun.
        tier: The tier.
        estimate_ms: Estimated latency (`n`, in ms) of vectors (`n x d`).
        others: Output folders of other searches, or their ledgers.
        within: Decides which networks are within limits; None without limits.

    Raises:
        UsageError: Another search cannot be read, or has another space, data set or recipe.
    """
    if has_begun(ledger, study):
        taken_before = {os.path.abspath(name) for name in study.reused or ()}  # earlier versions wrote relative paths
        new = [str(path) for path in others if os.path.abspath(path) not in taken_before]
        if new:
            _log.warning(
                "tier %s ms has begun: new entries of search.reuse (%s) are ignored", tier.name, ", ".join(new)
            )
        return
    found: dict[str, _Found] = {}
    taken: dict[str, int] = {}
    sources = [(_OWN, list(_in_ledger(ledger, study, None)))]
    for path in others:
        file = _ledger_in(path)
        with Ledger.copy_of(file) as other:
            sources.append((str(path), list(_in_ledger(other, study, file))))
    for source, trained in sources:
        for one in trained:
            before = found.get(one.candidate.digest)
            if before is None or (one.same_seed and not before.same_seed):
                found[one.candidate.digest] = one
                taken[source] = taken.get(source, 0) + (before is None)
    known = _estimated(list(found.values()), tier, estimate_ms, within)
    ledger.adopt(study, known, {str(path): 0 for path in others} | taken)
    if known:
        inside = sum(k.inside for k in known)
        _log.info("tier %s ms: %d accuracies are known already, %d of them inside it", tier.name, len(known), inside)


def has_begun(ledger: Ledger, study: Study) -> bool:
    """Whether the search of a tier has begun, so that no more accuracies are reused."""
    return study.reused is not None or ledger.count(study).total() > 0


def require_reusable(path: Path, settings: Mapping[str, Any]) -> None:
    """Checks that the accuracies of another search can be reused in a study with these settings.

    Args:
        path: Output folder of the other search, or its ledger.
        settings: Settings of the study.

    Raises:
        UsageError: It cannot be read, or has another space, data set or recipe.
    """
    file = _ledger_in(path)
    with Ledger.copy_of(file) as other:
        for study in other.studies():
            _require_same(file, study, settings)


def _ledger_in(path: Path) -> Path:
    return path / "ledger.sqlite" if path.is_dir() else path


def _require_same(file: Path, study: Study, settings: Mapping[str, Any]) -> None:
    if difference := _difference(study.settings, settings):
        raise UsageError(
            f"search.reuse: {file}, tier {study.name}: {difference}. Only accuracies of the same space, data and "
            "recipe can be reused: remove it, or set the same here."
        )


@dataclass(frozen=True, slots=True)
class _Found:
    candidate: Candidate
    origin: str
    same_seed: bool


def _in_ledger(ledger: Ledger, wanted: Study, file: Path | None) -> Iterator[_Found]:
    """The training runs of a ledger that count for a study; of its own ledger (`file` is None) those of other tiers."""
    for study in ledger.studies():
        if file is not None:
            _require_same(file, study, wanted.settings)
        elif study.id == wanted.id or _difference(study.settings, wanted.settings):
            continue
        for candidate in (
            *ledger.candidates(study, all_attempts=False),
            *ledger.candidates(study, Purpose.HISTORY),
        ):
            if candidate.state is State.DONE:
                seed = (candidate.result or {}).get("seed", study.settings.get("study.seed"))
                same_seed = seed == wanted.settings.get("study.seed")
                origin = candidate.origin or _origin(study, candidate, file, None if same_seed else seed)
                yield _Found(candidate, origin, same_seed)


def _origin(study: Study, candidate: Candidate, file: Path | None, seed: int | None) -> str:
    where = f"tier {study.name} ms, candidate {candidate.number}"
    where += "" if file is None else f" in {file}"
    return where if seed is None else f"{where} (seed {seed})"


def _difference(settings: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """The first setting that the accuracy depends on and that differs."""
    theirs, ours = _decisive(settings), _decisive(wanted)
    for key in sorted(theirs.keys() | ours.keys(), key=lambda key: (key.startswith("recipe."), key)):
        if theirs.get(key) != ours.get(key):
            return f"{key} is {theirs.get(key)!r} there and {ours.get(key)!r} here"
    return None


def _decisive(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in settings.items() if k in ("study.space", SPACE_DIGEST, "data") or k.startswith("recipe.")}


def _estimated(
    found: Sequence[_Found],
    tier: Tier,
    estimate_ms: Callable[[IntArray], npt.NDArray[np.float64]],
    within: WithinLimits | None,
) -> Sequence[Known]:
    if not found:
        return []
    vectors = np.array([f.candidate.vector for f in found], dtype=np.int64)
    latency_ms = estimate_ms(vectors)
    inside = tier.contains(latency_ms)
    if within is not None:
        inside &= within(vectors)
    return [
        Known(
            vector=f.candidate.vector,
            digest=f.candidate.digest,
            estimated_latency_ms=float(ms),
            inside=bool(is_inside),
            accuracy=f.candidate.accuracy or 0.0,
            result=f.candidate.result or {},
            origin=f.origin,
        )
        for f, ms, is_inside in zip(found, latency_ms, inside, strict=True)
    ]
