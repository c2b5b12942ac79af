"""Builds a latency table: measures networks one after the other into a file that can be continued."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tiernas.engines import Engine, TurnRule
from tiernas.errors import UsageError
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.latency.estimating.looks import Look, looks
from tiernas.latency.estimating.opening import opened, writing
from tiernas.latency.estimating.plan import neighbors_of, new_networks
from tiernas.latency.estimating.scale import find_scale
from tiernas.latency.measuring.architecture import profile_architecture
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.spaces import SearchSpace

DEFAULT_NETWORKS = 48
"""Default number of networks of a table."""

RULE = TurnRule(relative_width=0.02, min_s=1.0, limit_s=6.0, reload_s=1.0)
"""Many short measurements are more informative about layers than a few long ones."""

_MOST_NETWORKS = 8192
"""Number of networks of a table that is limited only by time."""


def build_table(
    space: SearchSpace,
    engine: Engine,
    path: Path,
    *,
    networks: int | None = None,
    minutes: float | None = None,
    num_classes: int | None = None,
    rule: TurnRule | None = None,
    progress: Callable[[Look, table_file.Record], None] = lambda look, record: None,
) -> LatencyTable:
    """Measures networks into a file until there are enough, and fits the table.

    Each network is measured interleaved with the nearest rung of the space's ladder. First come the rungs themselves,
    each interleaved with its neighbor, which gives their latencies relative to each other; then networks with blocks
    that the rungs lack; then networks of a Sobol sequence, because choosing those about which the model is uncertain is
    no better (docs/latency.md). Networks whose ratio has a wide interval are measured once more at the end; both
    measurements are kept. An existing file is continued, and its measurements count.

    Args:
        space: The space whose layers the table covers.
        engine: The engine to measure with.
        path: The table's file.
        networks: Target number of networks, including the rungs; 48 if `minutes` is not given either.
        minutes: Stop within this time.
        num_classes: Number of classes of the measured networks; the space's by default.
        rule: How long each network is measured; `RULE` by default.
        progress: Called after each measurement with its place and its result.

    Raises:
        UsageError: The file belongs to another space, device or engine, another process is writing it, or it cannot
            be written; networks or minutes are not positive; or the time did not suffice for the minimum number of
            networks.
    """
    if networks is not None and networks < LatencyTable.FEWEST:
        raise UsageError(f"networks = {networks}: a table needs at least {LatencyTable.FEWEST}")
    if minutes is not None and not minutes > 0:
        raise UsageError(f"minutes = {minutes}: must be positive")
    if networks is None and minutes is None:
        networks = DEFAULT_NETWORKS
    begin = time.monotonic()
    with writing(path):
        fresh = table_file.new_header(space, num_classes or space.num_classes, 0, engine.fingerprint())
        header, records = opened(path, fresh, space)
        scale = find_scale(record.observation for record in records)
        rungs = rungs_of(space, header.num_classes)
        neighbors = neighbors_of(rungs)
        measured = {record.vector for record in records}
        new = new_networks(space, neighbors, header.seed, measured, networks or _MOST_NETWORKS)
        longest_s = 0.0
        with Ladder(rungs, engine, scale.anchors_ms if scale else None) as ladder:
            for look in looks(new, records, networks):
                began = time.monotonic()
                if minutes is not None and began - begin + longest_s >= 60 * minutes:
                    break
                architecture, rung = space.decode(look.vector), neighbors.get(look.vector)
                observation = profile_architecture(architecture, header.num_classes, ladder, rule or RULE, rung=rung)
                record = table_file.Record(look.vector, observation)
                table_file.append(path, record)
                records.append(record)
                progress(look, record)
                longest_s = max(longest_s, time.monotonic() - began)
    return LatencyTable(header, records, space)
