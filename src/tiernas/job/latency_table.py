"""The latency table of a search: given or built, and not used where tiers cannot be made of it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from tiernas.config import SearchConfig
from tiernas.engines import Engine
from tiernas.errors import StoppedError, UsageError
from tiernas.latency import LatencyTable, Verdict, build_table, judge_table
from tiernas.latency.estimating.build import Progress
from tiernas.spaces import SearchSpace
from tiernas.spaces.catalogue import SPACES

MOST = 2.0
"""A table that the search builds grows to at most so many times `latency.networks` where fewer are not good enough.

What more networks do not mend by then, such as a neighbour on the machine, still more would not."""

_STEP = 0.5
"""It grows by so many times `latency.networks` at a time."""

_log = logging.getLogger(__name__)


def given_table(config: SearchConfig, space: SearchSpace, engine: Engine) -> LatencyTable | None:
    """The table that the configuration names; None where it names none.

    Raises:
        UsageError: It cannot be read, or is of another space or device.
    """
    if config.latency.table is None:
        return None
    table = LatencyTable.load(config.latency.table, space)
    other = config.latency.other_device
    table.require_device(engine.fingerprint(), allow_other=other, option="latency.other_device = true")
    return table


def built_table(
    config: SearchConfig, space: SearchSpace, engine: Engine, num_classes: int, *, stop: Callable[[], bool], grow: bool
) -> LatencyTable:
    """The table in the output folder, built if it is missing, and continued while it is not good enough.

    Args:
        config: The search.
        space: Its space.
        engine: What to measure with.
        num_classes: Classes of the data.
        stop: Whether the user asked to stop.
        grow: Whether it may grow beyond `latency.networks`.

    Raises:
        UsageError: The file cannot be continued or written.
        StoppedError: The user asked to stop.
    """

    def progress(at: Progress) -> None:
        done, wanted = at.networks, at.wanted
        if stop():
            raise StoppedError(f"stopped; {done} of {wanted} networks are measured, and the same command continues")
        if at.repeats == 1:
            _log.info("latency table: measuring %d networks once more", at.wide)
        elif not at.repeats and (done % 10 == 0 or done == wanted):
            _log.info("latency table: %d of %s networks measured", done, wanted)

    path, wanted = config.latency_table_path, config.latency.networks
    most, networks = math.ceil(MOST * wanted), wanted
    while True:
        table = build_table(space, engine, path, networks=networks, num_classes=num_classes, progress=progress)
        verdict = judge_table(table, path)
        if verdict.usable or not grow or len(table.records) >= most:
            return table
        networks = min(len(table.records) + math.ceil(_STEP * wanted), most)
        _log.info("%s: %s; measuring on, %d of at most %d networks", path, verdict.reason, networks, most)


def require_usable(config: SearchConfig, table: LatencyTable, *, begun: bool) -> Verdict:
    """Refuses a table that tiers cannot be made of, unless the user accepts it, and tells how good it is.

    A search that has begun goes on with its table: its trainings were chosen by it, and another one does not fit them.

    Raises:
        UsageError: The table is not good enough; says how to mend it or to go on.
    """
    path = config.latency_table_path
    _tell_another_version(config, table)
    verdict = judge_table(table, path)
    if verdict.usable:
        _log.info("%s: %s", path, verdict.words)
    elif config.latency.inaccurate or begun:
        why = "latency.inaccurate = true" if config.latency.inaccurate else "the search has begun with it"
        _log.warning("%s: %s. It is used all the same: %s", path, verdict.reason, why)
    else:
        raise UsageError(
            f"{path}: {verdict.reason}. Search all the same with latency.inaccurate = true, or measure on, on a "
            f"quieter machine if possible, with: {verdict.command}"
        )
    return verdict


def _tell_another_version(config: SearchConfig, table: LatencyTable) -> None:
    """The space of a plug-in may be the same in another version, and its blocks may not."""
    offer = SPACES.offer_of(table.space)
    then, now = table.header.space_package, offer.package if offer else None
    if then and now and then != now:
        _log.warning(
            "%s: its networks were measured with %s, and this is %s; if the blocks of space %r have changed since, "
            "remove the file, and another one is built",
            config.latency_table_path,
            then,
            now,
            table.space.name,
        )
