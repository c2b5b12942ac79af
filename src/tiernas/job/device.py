"""Where a search measures: here, on a device that is reached from here, or on one without a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tiernas.config import SearchConfig
from tiernas.devices import open_device
from tiernas.devices.carried import carried_engine
from tiernas.engines import Engine, get_engine
from tiernas.engines.catalogue import ENGINES
from tiernas.errors import UsageError
from tiernas.kit_clock import KitClock
from tiernas.latency import LatencyTable
from tiernas.latency.estimating import table_file
from tiernas.spaces import SearchSpace
from tiernas.tier_clock import TierClock


@contextmanager
def device_engine(config: SearchConfig, space: SearchSpace) -> Iterator[Engine]:
    """The engine to measure with. The accuracy of what another device deploys is computed here, by the same runtime.

    Args:
        config: The search.
        space: Its space.

    Raises:
        UsageError: The device cannot be used, or its latency table is of other settings.
        UnreachableError: The device does not respond.
    """
    wanted = config.engine
    if config.device.address is not None:
        ENGINES.load(wanted.name)
    if config.device.by_kit:
        yield _carried(config, space)
        return
    with open_device(config.device.address) as device:
        yield get_engine(
            wanted.name, precision=wanted.precision, batch=wanted.batch, threads=wanted.threads, device=device
        )


def device_clock(config: SearchConfig, load_table: Callable[[], LatencyTable], engine: Engine) -> TierClock:
    """The clock of the finalists.

    Args:
        config: The search.
        load_table: Returns its latency table.
        engine: The engine to measure with.
    """
    limit_s = config.finalists.measure_seconds
    if config.device.by_kit:
        return KitClock(load_table, engine, limit_s, config.kit_results)
    return TierClock(load_table, engine, limit_s)


def _carried(config: SearchConfig, space: SearchSpace) -> Engine:
    """The engine of a device that is known by its latency table."""
    found = table_file.read(config.latency_table_path, space)[0].fingerprint
    wanted = config.engine
    for name, there, here in (
        ("name", found.engine, wanted.name),
        ("precision", found.precision, wanted.precision),
        ("batch", found.batch, wanted.batch),
        ("threads", found.threads, wanted.threads),
    ):
        if there != here:
            raise UsageError(
                f"engine.{name} = {here!r}: the latency table of the device, {config.latency_table_path}, was measured "
                f"with {there!r}; plan another one, or change the key"
            )
    return carried_engine(found)
