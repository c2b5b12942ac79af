"""The plan of a search: on request, and when it starts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from tiernas.config import SearchConfig
from tiernas.engines import Engine
from tiernas.errors import NothingFoundError, TiernasError
from tiernas.job.device import device_engine
from tiernas.job.start import opened_parent, search_space
from tiernas.ledger import Ledger
from tiernas.plan import Basis, Resources, SearchPlan, plan_search
from tiernas.plan.measuring import measure_basis
from tiernas.plan.progress import observed_basis, search_progress
from tiernas.plan.work import SearchProgress, rival_names, training_work
from tiernas.plan.workers import Workers
from tiernas.rivals import open_rivals
from tiernas.spaces import SearchSpace
from tiernas.spaces.macs import macs_of
from tiernas.training.beginning import starting_from
from tiernas.training.data_config import DEFAULT_SIZE
from tiernas.training.data_size import DataSize
from tiernas.training.epoch import require_batch
from tiernas.training.inspection import Inspection
from tiernas.training.sources import open_source

_SHORT_MACS = 3e12
"""A worker takes a few minutes to train images of so many multiply-accumulates: too short to measure first."""

_SAMPLED = 256
"""Number of networks whose mean multiply-accumulates say whether a search is short."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planned:
    """A planned search.

    Attributes:
        data: Its data, as found.
        plan: What it, or the rest of it, does.
        resources: What it needs.
    """

    data: Inspection
    plan: SearchPlan
    resources: Resources

    @property
    def warnings(self) -> Iterator[str]:
        """What the user should know before it starts, a line each."""
        yield from self.data.warnings
        yield from self.resources.warnings


def plan_job(config: SearchConfig) -> Planned:
    """Plans a search, or the rest of one that has begun. Measures some networks; nothing is written.

    Raises:
        UsageError: Something in the configuration or the data must be fixed first.
        TiernasError: A network could not be measured; the message says why.
    """
    open_rivals(config.rivals.names, DEFAULT_SIZE)
    parent = opened_parent(config)
    space = search_space(config, parent)
    found = Inspection.of(open_source(config.data), config.data)
    require_batch(found.splits["train"], config.recipe)
    config = config.model_copy(update={"recipe": starting_from(config.recipe, parent)})
    data, workers = found.size(config.data.image_size or DEFAULT_SIZE), Workers.of(config)
    with ExitStack() as stack:
        engine = stack.enter_context(device_engine(config, space))
        ledger = _begun(config, stack)
        progress = search_progress(config, ledger) if ledger else SearchProgress()
        basis = _kept(config, data) or Basis(data)
        if basis.pace is None and plan_search(config, basis, workers, progress).parts:
            _log.info("measuring a few networks and training steps: about a minute")
            basis = measure_basis(config, space, engine, data)
        if ledger:
            basis = observed_basis(config, ledger, basis)
    plan = plan_search(config, basis, workers, progress)
    return Planned(found, plan, Resources.of(config, basis, plan))


def _begun(config: SearchConfig, stack: ExitStack) -> Ledger | None:
    """The ledger of a search, open as long as the stack is; None if the search has not begun."""
    try:
        return stack.enter_context(Ledger.of_begun_search(config.ledger))
    except NothingFoundError:
        return None


def tell_plan(config: SearchConfig, ledger: Ledger, space: SearchSpace, engine: Engine, data: DataSize) -> None:
    """Logs how long a search, or the rest of it, takes; keeps what that is based on in the output folder.

    Some networks are measured first, unless that has been done or the rest takes only minutes.
    """
    workers, progress = Workers.of(config), search_progress(config, ledger)
    if not plan_search(config, Basis(data), workers, progress).parts:
        return
    basis = _kept(config, data)
    if basis is None:
        basis = Basis(data)
        if is_long(config, space, data, progress):
            _log.info("measuring a few networks and training steps, to say how long the search takes")
            try:
                basis = measure_basis(config, space, engine, data)
            except TiernasError as error:
                _log.warning("how long the search takes is unknown: %s", error)
        basis.write(config.study.output)
    if basis.pace is None:
        return
    basis = observed_basis(config, ledger, basis)
    plan = plan_search(config, basis, workers, progress)
    _log.info("to do: %s", plan.words)
    for line in Resources.of(config, basis, plan).warnings:
        _log.warning("%s", line)


def is_long(config: SearchConfig, space: SearchSpace, data: DataSize, progress: SearchProgress) -> bool:
    """Whether what is left to train takes longer than a few minutes, judged by a sample of the space."""
    workers = Workers.of(config)
    epochs = sum(work.networks * work.epochs for work in training_work(config, workers, progress))
    macs = float(macs_of(space, space.sample(_SAMPLED, config.study.seed)).mean())
    return epochs * data.train * macs > _SHORT_MACS * workers.known


def _kept(config: SearchConfig, data: DataSize) -> Basis | None:
    """What the output folder has, if it is that of this search."""
    basis = Basis.read(config.study.output)
    names = [*(tier.name for tier in config.tier_list()), *rival_names(config)]
    return basis if basis is not None and basis.fits(names, data) else None
