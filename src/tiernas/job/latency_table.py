"""The latency table of a search: given or built, and refused if it is too inaccurate for its tiers."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from tiernas.config import SearchConfig
from tiernas.engines import Engine
from tiernas.errors import StoppedError, UsageError
from tiernas.job.reachable import require_reachable
from tiernas.latency import LatencyTable, Record, Verdict, build_table, judge_table
from tiernas.latency.estimating.looks import Look
from tiernas.spaces import SearchSpace
from tiernas.spaces.catalogue import SPACES

MOST = 2.0
"""A table built by a search grows to at most this many times `latency.networks` if fewer are not accurate enough.

What more networks have not fixed by then, such as a noisy neighbor, even more would not fix."""

_STEP = 0.5
"""The table grows by this many times `latency.networks` at a time."""

_log = logging.getLogger(__name__)


def given_table(config: SearchConfig, space: SearchSpace, engine: Engine) -> LatencyTable | None:
    """The table named in the configuration; None if there is none.

    Raises:
        UsageError: It cannot be read, or is for another space or device.
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
    """The table in the output folder, built if it is missing, and extended while it is too inaccurate.

    Args:
        config: The search.
        space: Its space.
        engine: The engine to measure with.
        num_classes: Classes of the data.
        stop: Whether the user asked to stop.
        grow: Whether it may grow beyond `latency.networks`.

    Raises:
        UsageError: There is no table yet and a tier is out of reach, or the file cannot be extended or written.
        StoppedError: The user asked to stop.
    """

    def progress(look: Look, record: Record) -> None:
        done, wanted = look.networks, look.wanted
        if stop():
            raise StoppedError(f"stopped; {done} of {wanted} networks are measured, and the same command continues")
        if look.repeats == 1:
            _log.info("latency table: measuring %d networks again", look.wide)
        elif not look.repeats and (done % 10 == 0 or done == wanted):
            _log.info("latency table: %d of %s networks measured", done, wanted)

    path, wanted = config.latency_table_path, config.latency.networks
    most, networks = math.ceil(MOST * wanted), wanted
    if not path.exists():
        require_reachable(config, space, engine, num_classes)
    while True:
        table = build_table(space, engine, path, networks=networks, num_classes=num_classes, progress=progress)
        verdict = judge_table(table, path, config.device.address)
        if verdict.usable or not grow or len(table.records) >= most:
            return table
        networks = min(len(table.records) + math.ceil(_STEP * wanted), most)
        _log.info("%s: %s; continuing to measure, %d of at most %d networks", path, verdict.reason, networks, most)


def require_same_classes(config: SearchConfig, table: LatencyTable, num_classes: int, *, begun: bool) -> None:
    """Refuses a given table whose networks have another number of classes than the data, unless the user accepts it.

    The classifier is part of a latency, most of all of a small network's. A search that has begun continues with its
    table.

    Args:
        config: The search.
        table: The table.
        num_classes: Classes of the data.
        begun: Whether the search has begun.

    Raises:
        UsageError: The numbers differ; the message says how to get another table or to continue.
    """
    there, path = table.header.num_classes, config.latency_table_path
    if there == num_classes:
        return
    told = f"{path}: its networks have {_classes(there)}, and the data {_classes(num_classes)}"
    if config.latency.other_classes or begun:
        why = "latency.other_classes = true" if config.latency.other_classes else "the search has begun with it"
        _log.warning("%s, whose classifier takes another time. It is used nevertheless: %s", told, why)
        return
    raise UsageError(
        f"{told}, whose classifier takes another time. {_another_table(config, num_classes)}, or use this one "
        "nevertheless with latency.other_classes = true (finalists are measured with the classes of the data anyway)"
    )


def require_usable(config: SearchConfig, table: LatencyTable, *, begun: bool) -> Verdict:
    """Refuses a table that is too inaccurate for tiers, unless the user accepts it, and reports how good it is.

    A search that has begun continues with its table: its candidates were chosen by it, and do not fit another one.

    Raises:
        UsageError: The table is too inaccurate; the message says how to improve it or to continue.
    """
    path = config.latency_table_path
    _warn_of_other_version(config, table)
    verdict = judge_table(table, path, config.device.address)
    if verdict.usable:
        _log.info("%s: %s", path, verdict.words)
    elif config.latency.inaccurate or begun:
        why = "latency.inaccurate = true" if config.latency.inaccurate else "the search has begun with it"
        _log.warning("%s: %s. It is used nevertheless: %s", path, verdict.reason, why)
    else:
        raise UsageError(
            f"{path}: {verdict.reason}. Search nevertheless with latency.inaccurate = true, or measure more, on a "
            f"quieter machine if possible, with: {verdict.command}"
        )
    return verdict


def _warn_of_other_version(config: SearchConfig, table: LatencyTable) -> None:
    """Another version of a plug-in's space may be the same, while its blocks have changed."""
    offer = SPACES.offer_of(table.space)
    then, now = table.header.space_package, offer.package if offer else None
    if then and now and then != now:
        _log.warning(
            "%s: its networks were measured with %s, and this is %s; if the blocks of space %r have changed since, "
            "remove the file to build another one",
            config.latency_table_path,
            then,
            now,
            table.space.name,
        )


def _another_table(config: SearchConfig, num_classes: int) -> str:
    """How to get a table of networks with as many classes."""
    device = config.device
    if device.by_kit:
        return f"Plan another one with tiernas latency plan --classes {num_classes}"
    there = f" --device {device.address}" if device.address else ""
    command = f"tiernas latency build --classes {num_classes}{there}"
    return f"Remove latency.table to have one built for these data, build one with {command}"


def _classes(count: int) -> str:
    return "1 class" if count == 1 else f"{count} classes"
