"""Builds a latency table: measures networks one after the other into a file that can be continued."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tiernas.engines import Engine, TurnRule
from tiernas.errors import UsageError
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.coverage import Vector, networks_of_missing_blocks
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.latency.estimating.looks import Look, looks
from tiernas.latency.estimating.scale import find_scale
from tiernas.latency.measuring.architecture import profile_architecture
from tiernas.latency.measuring.ladder import Ladder, Rung, rungs_of
from tiernas.spaces import SearchSpace

DEFAULT_NETWORKS = 48
"""Default number of networks of a table."""

RULE = TurnRule(relative_width=0.02, min_s=1.0, limit_s=6.0, reload_s=1.0)
"""Many short measurements are more informative about layers than a few long ones."""

_MOST_NETWORKS = 8192
"""Number of networks of a table that is limited only by time."""

_log = logging.getLogger(__name__)


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
    with _writing(path):
        header, records = _open(space, engine, path, num_classes or space.num_classes)
        scale = find_scale(record.observation for record in records)
        rungs = rungs_of(space, header.num_classes)
        neighbors = _neighbors(rungs)
        measured = {record.vector for record in records}
        new = _new_networks(space, neighbors, header.seed, measured, networks or _MOST_NETWORKS)
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


def _open(
    space: SearchSpace, engine: Engine, path: Path, num_classes: int
) -> tuple[table_file.Header, list[table_file.Record]]:
    fresh = table_file.new_header(space, num_classes, 0, engine.fingerprint())
    if not path.exists():
        table_file.create(path, fresh)
        return fresh, []
    table_file.drop_torn_line(path)
    header, records, _ = table_file.read(path, space)
    differences = header.fingerprint.differences(fresh.fingerprint)
    if header.num_classes != num_classes:
        differences["num_classes"] = header.num_classes, num_classes
    if differences:
        shown = "; ".join(f"{name} is {there}, requested {here}" for name, (there, here) in differences.items())
        raise UsageError(f"{path}: cannot be continued: {shown}; remove the file to rebuild it, or choose another one")
    if records:
        _log.info("%s: continues with %d measurements", path, len(records))
    if any(record.observation.measurement.in_turn is None for record in records):
        _log.warning(
            "%s: its networks were measured alone, by an earlier version; remove the file to measure all of them "
            "interleaved with anchors",
            path,
        )
    return header, records


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Prevents other processes from writing the file; the system releases it when this process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"{path}: another process is building it; wait for it, or choose another file") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from error


def _neighbors(rungs: Sequence[Rung]) -> dict[Vector, int]:
    """For each rung, by its vector, the index of the rung to interleave it with."""
    return {rung.vector: min(abs(number - 1), len(rungs) - 1) for number, rung in enumerate(rungs)}


def _new_networks(
    space: SearchSpace, rungs: Iterable[Vector], seed: int, measured: Set[Vector], networks: int
) -> list[Vector]:
    """The networks to measure for the first time: the rungs, then those with blocks that the rungs lack, then others.

    Args:
        space: The space.
        rungs: The networks of its ladder.
        seed: Seed of the Sobol sequence.
        measured: The networks measured so far.
        networks: Target number of different networks.

    Raises:
        UsageError: The space has fewer networks than a table needs.
    """
    sobol = [tuple(int(v) for v in row) for row in space.sample(networks, seed)]
    covering = networks_of_missing_blocks(space, [*rungs, *measured], seed)
    plan = dict.fromkeys([*rungs, *covering, *sobol])
    different = len(plan.keys() | measured)
    if different < LatencyTable.FEWEST:
        raise UsageError(
            f"space {space.name!r}: {different} different networks among {networks}; a table needs at least "
            f"{LatencyTable.FEWEST}: ask for more networks, or widen the space"
        )
    missing = networks - len(measured)
    return [vector for vector in plan if vector not in measured][: max(missing, 0)]
