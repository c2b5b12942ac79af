"""Measures entries of a model table again where they were measured, and puts the new latencies into them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from tiernas import __version__
from tiernas.artefact import read_artefact
from tiernas.engines import CompiledNetwork, Engine, Fingerprint, Measurement, get_engine, graph_digest
from tiernas.errors import TiernasError, UsageError
from tiernas.executors.code_version import code_version
from tiernas.latency.measuring.ladder import Ladder, standard_rungs
from tiernas.latency.measuring.measure import LIMIT_S, turn_rule
from tiernas.latency.measuring.subject import find_subject
from tiernas.table.entry import Entry
from tiernas.table.model_table import ModelTable
from tiernas.table.provenance import EarlierLatency, Provenance

_LATENCY = (
    *("latency_ms", "latency_interval_ms", "latency_unstable", "latency_found_ms", "latency_in_turn"),
    *("earlier_latencies", "provenance"),
)
"""The fields of an entry that a new measurement changes, besides the version of tiernas."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remeasured:
    """What became of entries that were to be measured again.

    Attributes:
        entries: Those with a new latency.
        unsettled: Those whose new interval stayed wide although the old one had not; they are as they were.
        failed: Why others could not be measured, by name.
        elsewhere: Number of entries of other devices, engines, versions or settings than those of this machine.
    """

    entries: Sequence[Entry]
    unsettled: Sequence[Entry]
    failed: Mapping[str, str]
    elsewhere: int


def remeasure(
    table: ModelTable,
    entries: Sequence[Entry],
    *,
    limit_s: float = LIMIT_S,
    ladder: Callable[[Engine], Ladder] | None = None,
) -> Remeasured:
    """Measures the networks of entries in turn with the anchors of one ladder, each as it is deployed.

    Entries of one engine and its settings are measured in one session, so they have one scale. Each one is written as
    soon as it is measured.

    Args:
        table: The table.
        entries: Some of its entries.
        limit_s: Maximum time for which a network is interleaved with its anchor.
        ladder: Makes the anchors for an engine; by default those for networks of any space.

    Raises:
        UsageError: An entry cannot be written.
    """
    make_ladder = ladder or (lambda engine: Ladder(standard_rungs(), engine))
    sessions: dict[tuple[str, str, int, int], list[Entry]] = defaultdict(list)
    for entry in entries:
        sessions[entry.engine, entry.precision, entry.batch, entry.threads].append(entry)
    done: list[Entry] = []
    unsettled: list[Entry] = []
    failed: dict[str, str] = {}
    for of_engine in sessions.values():
        engine, here = _here(table, of_engine)
        if engine is None:
            continue
        with make_ladder(engine) as anchors:
            for number, entry in enumerate(here, start=1):
                place = f"{engine.name} {engine.precision} {number}/{len(here)}  {entry.name}"
                try:
                    with _opened(table, entry, engine) as network:
                        found = anchors.measure(network, turn_rule(limit_s))
                except TiernasError as error:
                    failed[entry.name] = str(error)
                    _log.warning("%s: %s", place, error)
                    continue
                if found.unstable and not entry.latency_unstable:
                    unsettled.append(entry)
                    _log.warning("%s: the new interval stayed wide; the entry keeps its %s ms", place, entry.latency_ms)
                    continue
                renewed = _renewed(entry, found, engine.fingerprint())
                table.update(renewed)
                done.append(renewed)
                _log.info("%s: %s ms, before %s ms", place, renewed.shown_latency, entry.shown_latency)
    return Remeasured(done, unsettled, failed, len(entries) - len(done) - len(unsettled) - len(failed))


def with_latest_latency(entry: Entry, known: Entry) -> Entry:
    """An entry that a search would write, with the latency of the same one in the table if that is more recent.

    Args:
        entry: The entry.
        known: The same one (`Entry.same`) as it is in the table.
    """
    again = known.earlier_latencies and known.engine_version == entry.engine_version
    if not again or _measured_at(known) <= _measured_at(entry):
        return entry
    return replace(entry, **{key: getattr(known, key) for key in _LATENCY})


def _here(table: ModelTable, entries: Sequence[Entry]) -> tuple[Engine | None, Sequence[Entry]]:
    """The engine of entries that have the same one, and those of them that were measured on it as it is here."""
    first = entries[0]
    try:
        engine = get_engine(first.engine, precision=first.precision, batch=first.batch, threads=first.threads)
    except UsageError:  # it is not installed, or cannot run this here
        return None, ()
    now = engine.fingerprint()
    here = [entry for entry in entries if (entry.device, entry.engine_version) == (now.device, now.engine_version)]
    here = [entry for entry in here if not _deployed_for(table, entry, now).differences(now)]
    return (engine, here) if here else (None, ())


def _deployed_for(table: ModelTable, entry: Entry, default: Fingerprint) -> Fingerprint:
    """What the deployed files of an entry were measured on; the default if there are none, or they are damaged."""
    try:
        return Fingerprint.from_dict(read_artefact(table.artefact_path(entry))["measured_on"])
    except UsageError:
        return default


@contextmanager
def _opened(table: ModelTable, entry: Entry, engine: Engine) -> Iterator[CompiledNetwork]:
    """The network of an entry: what was deployed, the ONNX file that was added, or one with random weights.

    Raises:
        UsageError: The table does not have it, or the engine cannot run it.
    """
    deployed, added = table.artefact_path(entry), table.onnx_path(entry)
    if deployed.exists():
        with engine.load(deployed / read_artefact(deployed)["network"]["file"]) as network:
            yield network
    elif added.exists():
        with engine.compile(added) as network:
            yield network
    elif entry.network:
        subject = find_subject(entry.network, resolution=entry.resolution, num_classes=len(entry.classes) or None)
        with subject.onnx_file(engine.batch) as path:
            if graph_digest(path) != entry.architecture_digest:
                raise UsageError(
                    f"entry {entry.name}: {entry.network} is another network now, or one of other classes; add it again"
                )
            with engine.compile(path) as network:
                yield network
    else:
        raise UsageError(
            f"entry {entry.name}: was written by tiernas {entry.tiernas_version}, which did not save what it measured; "
            "run its search again, which keeps training results and measures its networks again"
        )


def _renewed(entry: Entry, found: Measurement, measured_on: Fingerprint) -> Entry:
    """An entry with a new latency, and the old one among its earlier ones."""
    before = EarlierLatency(
        latency_ms=entry.latency_ms,
        latency_interval_ms=entry.latency_interval_ms,
        latency_unstable=entry.latency_unstable,
        latency_found_ms=entry.latency_found_ms,
        measured_at=_measured_at(entry),
    )
    images = entry.provenance
    return replace(
        entry,
        latency_ms=found.latency_ms,
        latency_interval_ms=(found.low_ms, found.high_ms),
        latency_unstable=found.unstable,
        latency_found_ms=found.found_ms,
        latency_in_turn=found.in_turn,
        earlier_latencies=(*entry.earlier_latencies, before),
        provenance=Provenance.of(
            asdict(found),
            measured_on,
            code_version(),
            train_images=images.train_images if images else None,
            validation_images=images.validation_images if images else None,
        ),
        tiernas_version=__version__,
    )


def _measured_at(entry: Entry) -> str:
    """When the latency of an entry was measured, in UTC; not before it was trained, if that is all that is known."""
    return entry.latency_in_turn.measured_at if entry.latency_in_turn else entry.created_at
