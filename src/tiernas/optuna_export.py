"""The studies of a search as an Optuna storage, for optuna-dashboard and Optuna's own plots."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from tiernas.config import SearchConfig
from tiernas.errors import NotInstalledError, UsageError, first_line
from tiernas.ledger import Candidate, Ledger, State
from tiernas.spaces import SearchSpace, get_space
from tiernas.spaces.space import Dimension

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
    from optuna.storages import BaseStorage, JournalStorage, RDBStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import FrozenTrial, TrialState
except ImportError as error:
    raise NotInstalledError("Optuna, which `tiernas export optuna` writes for,", "optuna") from error

_JOURNAL = ".log"
"""A file with this suffix is written in Optuna's journal format, any other as SQLite."""

_STATES = {State.PENDING: TrialState.WAITING, State.RUNNING: TrialState.RUNNING, State.DONE: TrialState.COMPLETE}
_STATES |= {State.PRUNED: TrialState.PRUNED}
"""All other states are exported as failed trials."""


def export_optuna(config: SearchConfig, path: Path) -> Mapping[str, int]:
    """Writes each tier as an Optuna study, replacing any study of the same name in the file.

    Trials are in the order in which candidates were proposed. Parameters have the names of the search space, values
    are accuracies, and accuracies at the rungs of the screen are intermediate values. User attributes: `candidate`,
    `estimated_latency_ms`, `architecture` (its digest) and, if they exist, `reason` and `origin`.

    Args:
        config: The configuration of the search.
        path: The file; `.log` for Optuna's journal, anything else for SQLite.

    Returns:
        The number of trials by name of the study.

    Raises:
        NothingFoundError: The search has not begun.
        UsageError: The file cannot be written, or is not an Optuna storage.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with Ledger.of_begun_search(config.ledger) as ledger:
        tiers = {f"{config.study.name} {study.name} ms": ledger.candidates(study) for study in ledger.studies()}
    space = get_space(config.space_name)
    try:
        storage = _storage(path)
        there = optuna.get_all_study_names(storage)
        for name, candidates in tiers.items():
            if name in there:
                optuna.delete_study(study_name=name, storage=storage)
            study = optuna.create_study(storage=storage, study_name=name, direction="maximize")
            study.add_trials(_trials(candidates, space))
    except (OSError, SQLAlchemyError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"{path}: cannot be written as an Optuna storage ({first_line(error)}); choose another file"
        ) from error
    return {name: len(candidates) for name, candidates in tiers.items()}


def _storage(path: Path) -> BaseStorage:
    if path.suffix == _JOURNAL:
        return JournalStorage(JournalFileBackend(str(path)))
    return RDBStorage(f"sqlite:///{path}")


def _trials(candidates: Sequence[Candidate], space: SearchSpace) -> list[FrozenTrial]:
    distributions = {d.name: _distribution(d) for d in space.dimensions}
    return [_trial(c, distributions) for c in candidates]


def _distribution(dimension: Dimension) -> BaseDistribution:
    """Integers from low to high if the values are evenly spaced, otherwise a categorical choice."""
    values = dimension.values
    steps = {high - low for low, high in pairwise(values)}
    if dimension.categorical or len(steps) > 1:
        return CategoricalDistribution(values)
    return IntDistribution(values[0], values[-1], step=steps.pop() if steps else 1)


def _trial(candidate: Candidate, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    state = _STATES.get(candidate.state, TrialState.FAIL)
    rungs = {r["epochs"]: r["accuracy"] for r in candidate.rungs or []}
    attributes: dict[str, Any] = {
        "candidate": candidate.number,
        "estimated_latency_ms": candidate.estimated_latency_ms,
        "architecture": candidate.digest,
        "reason": candidate.reason,
        "origin": candidate.origin,
    }
    began = candidate.attempts[0].started_at if candidate.attempts else candidate.created_at
    value = candidate.accuracy
    if state is TrialState.PRUNED:
        value = rungs[max(rungs)]
    return FrozenTrial(
        number=candidate.index,
        trial_id=candidate.index,
        state=state,
        value=value,
        datetime_start=None if state is TrialState.WAITING else _local(began),
        datetime_complete=_local(candidate.finished_at) if state.is_finished() and candidate.finished_at else None,
        params=dict(zip(distributions, candidate.vector, strict=True)),
        distributions=distributions,
        user_attrs={key: value for key, value in attributes.items() if value is not None},
        system_attrs={},
        intermediate_values=rungs,
    )


def _local(time: dt.datetime) -> dt.datetime:
    """The time as Optuna stores it: naive, in this machine's time zone."""
    return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone().replace(tzinfo=None)
