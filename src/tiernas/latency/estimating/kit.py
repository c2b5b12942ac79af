"""A latency table of a device without a connection: planned here, measured there by a kit, imported here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiernas.devices.kit import KitEngine, KitNetwork, KitResult, new_kit, read_kit_results
from tiernas.engines import TurnRule
from tiernas.errors import UsageError, about
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.build import DEFAULT_NETWORKS, RULE
from tiernas.latency.estimating.coverage import Vector
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.latency.estimating.opening import opened, writing
from tiernas.latency.estimating.plan import neighbors_of, new_networks
from tiernas.latency.measuring.ladder import rungs_of
from tiernas.latency.measuring.observation import Observation
from tiernas.latency.measuring.profile import layer_times_ms
from tiernas.latency.measuring.untrained import add_untrained
from tiernas.spaces import SearchSpace

_TABLE = "latency table"
"""What the results of such a kit are of."""

_SEED = 0
"""Seed of the networks of a table, as in `build_table`."""


def write_table_kit(
    space: SearchSpace,
    engine: KitEngine,
    path: Path,
    *,
    networks: int = DEFAULT_NETWORKS,
    num_classes: int | None = None,
    measured: Sequence[Vector] = (),
    rule: TurnRule | None = None,
    progress: Callable[[int, int], None] = lambda done, wanted: None,
) -> int:
    """Writes a kit that measures the networks of a latency table, the same ones as `build_table`.

    Args:
        space: The space whose layers the table covers.
        engine: The engine to measure with.
        path: The kit's file.
        networks: Target number of networks of the table.
        num_classes: Number of classes of the networks; the space's by default.
        measured: Networks that the table has already.
        rule: How long each network is measured; that of `build_table` by default.
        progress: Called after each network with the number done and in all.

    Returns:
        The number of networks to measure.

    Raises:
        UsageError: There are too few networks, or the file cannot be written.
    """
    if networks < LatencyTable.FEWEST:
        raise UsageError(f"networks = {networks}: a table needs at least {LatencyTable.FEWEST}")
    classes = num_classes or space.num_classes
    rungs = rungs_of(space, classes)
    neighbors = neighbors_of(rungs)
    vectors = new_networks(space, neighbors, _SEED, set(measured), networks)
    if not vectors:
        raise UsageError(f"networks = {networks}: the table has {len(measured)} already; ask for more")
    all_vectors = dict.fromkeys([*neighbors, *vectors])
    with new_kit(path, engine) as kit:
        there: dict[Vector, KitNetwork] = {}
        for vector in all_vectors:
            there[vector] = add_untrained(kit, space.decode(vector), classes)
            progress(len(there), len(all_vectors))
        kit.plan(
            {"results": _TABLE, "space": space.name, "space_digest": space.digest, "num_classes": classes},
            [(there[rung.vector], rung.macs) for rung in rungs],
            [(there[vector], neighbors.get(vector), {"vector": list(vector)}) for vector in vectors],
            rule or RULE,
        )
    return len(vectors)


@dataclass(frozen=True, slots=True)
class ImportedTable:
    """A table's file after an import.

    Attributes:
        path: The file.
        added: Number of measurements that were added.
        networks: Number of different networks in it now.
    """

    path: Path
    added: int
    networks: int


def import_table(results: Path, table: Path | None, space_of: Callable[[str], SearchSpace]) -> ImportedTable:
    """Writes the results of a kit into a table's file, which is created if it is missing; no result is written twice.

    Args:
        results: The file that the kit wrote.
        table: The table's file; by default that of the device, space, engine and precision.
        space_of: The space of a name.

    Raises:
        UsageError: The results are of something else or damaged, or belong to another table.
    """
    found = read_kit_results(results)
    if found.about.get("results") != _TABLE:
        raise UsageError(f"{results}: are not the results of a latency table, but of {found.about.get('results')}")
    with about(str(results)):
        space = space_of(found.about["space"])
        header = table_file.new_header(space, found.about["num_classes"], _SEED, found.fingerprint)
        planned = dataclasses.replace(header, space=found.about["space"], space_digest=found.about["space_digest"])
        planned.require_space(space)
        records = [_record(space, result) for result in found.results]
    on = found.fingerprint
    path = table or table_file.default_path(header.space, on.engine, on.precision, on.device_slug)
    with writing(path):
        _, there = opened(path, header, space)
        known = {_key(record) for record in there}
        new = [record for record in records if _key(record) not in known]
        for record in new:
            table_file.append(path, record)
    return ImportedTable(path, len(new), len({record.vector for record in (*there, *new)}))


def _record(space: SearchSpace, result: KitResult) -> table_file.Record:
    vector = tuple(int(value) for value in result.about["vector"])
    layers = len(space.decode(vector).layers)
    observation = Observation(result.graph, result.measurement, layer_times_ms(result.nodes, layers))
    return table_file.Record(vector, observation)


def _key(record: table_file.Record) -> tuple[object, ...]:
    """What tells two measurements apart."""
    turns = record.observation.measurement.in_turn
    return record.vector, turns and turns.measured_at
