"""Builds a latency table: measures networks one after the other into a file that can be continued."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tiernas.engines import Engine, TurnRule
from tiernas.errors import UsageError
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.coverage import Vector, networks_of_missing_blocks
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.latency.estimating.scale import find_scale
from tiernas.latency.measuring.architecture import profile_architecture
from tiernas.latency.measuring.ladder import Ladder, Rung, rungs_of
from tiernas.spaces import SearchSpace

DEFAULT_NETWORKS = 48
"""Default number of networks of a table."""

RULE = TurnRule(relative_width=0.02, min_s=1.0, limit_s=6.0, reload_s=1.0)
"""Many short measurements are more informative about layers than a few long ones."""

_MOST_REPEATED = 0.25
"""Maximum share of networks measured once more: if most intervals are wide, further networks are more informative."""

_MOST_NETWORKS = 8192
"""Number of networks of a table that is limited only by time."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress that `build_table` reports after each measurement.

    Attributes:
        networks: Number of networks in the table.
        wanted: Target number of networks; None: as many as time allows.
        repeats: Number of networks measured once more so far, including this one; 0 while new ones are measured.
        wide: Number of networks to be measured once more because the intervals of their ratios are wide.
        record: The result of the measurement.
    """

    networks: int
    wanted: int | None
    repeats: int
    wide: int
    record: table_file.Record

    @property
    def place(self) -> str:
        """The progress in words: "12/48", or "once more, 3 of 7"."""
        if self.repeats:
            return f"once more, {self.repeats} of {self.wide}"
        return f"{self.networks}/{self.wanted or 'as time allows'}"


def build_table(
    space: SearchSpace,
    engine: Engine,
    path: Path,
    *,
    networks: int | None = None,
    minutes: float | None = None,
    num_classes: int | None = None,
    rule: TurnRule | None = None,
    progress: Callable[[Progress], None] = lambda progress: None,
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
        progress: Called after each measurement.

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
        plan = _wanted(space, rungs, header.seed, records, networks or _MOST_NETWORKS)
        measured = {record.vector for record in records}
        longest_s, repeats, wide = 0.0, 0, 0
        with Ladder(rungs, engine, scale.anchors_ms if scale else None) as ladder:
            for vector, rung in plan:
                began = time.monotonic()
                if minutes is not None and began - begin + longest_s >= 60 * minutes:
                    break
                if vector in measured:
                    wide = wide or len(_to_repeat(records))
                    repeats += 1
                observation = profile_architecture(
                    space.decode(vector), header.num_classes, ladder, rule or RULE, rung=rung
                )
                record = table_file.Record(vector, observation)
                table_file.append(path, record)
                records.append(record)
                measured.add(vector)
                progress(Progress(len(measured), networks, repeats, wide, record))
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


def _wanted(
    space: SearchSpace, rungs: Sequence[Rung], seed: int, records: list[table_file.Record], networks: int
) -> Iterator[tuple[Vector, int | None]]:
    """Vectors of networks to measure, with the index of the rung to use; None: the nearest.

    The rungs come first, then networks with blocks that the rungs lack, then others not yet measured, then those that
    were measured only once and with a wide interval, at most a quarter.

    Args:
        space: The space.
        rungs: Its ladder.
        seed: Seed of the Sobol sequence.
        records: The measurements so far; grows while the iterator is used.
        networks: Target number of different networks.

    Raises:
        UsageError: The space has fewer networks than a table needs.
    """
    measured = {record.vector for record in records}
    missing = networks - len(measured)
    neighbours = {rung.vector: min(abs(number - 1), len(rungs) - 1) for number, rung in enumerate(rungs)}
    sobol = [tuple(int(v) for v in row) for row in space.sample(networks, seed)]
    covering = networks_of_missing_blocks(space, [*neighbours, *measured], seed)
    plan = dict.fromkeys([*neighbours, *covering, *sobol])
    different = len(plan.keys() | measured)
    if different < LatencyTable.FEWEST:
        raise UsageError(
            f"space {space.name!r}: {different} different networks among {networks}; a table needs at least "
            f"{LatencyTable.FEWEST}: ask for more networks, or widen the space"
        )
    new = [vector for vector in plan if vector not in measured][: max(missing, 0)]
    for vector in new:
        yield vector, neighbours.get(vector)
    for vector in _to_repeat(records):
        yield vector, neighbours.get(vector)


def _to_repeat(records: Sequence[table_file.Record]) -> list[Vector]:
    """Vectors of the networks that were measured once and have a wide interval, widest first."""
    times = Counter(record.vector for record in records)
    most = math.ceil(_MOST_REPEATED * len(times)) - sum(count > 1 for count in times.values())
    widths = {
        record.vector: found.width
        for record in records
        if (found := record.observation.measurement.in_turn) and found.is_wide and times[record.vector] == 1
    }
    return sorted(widths, key=lambda vector: -widths[vector])[: max(most, 0)]
