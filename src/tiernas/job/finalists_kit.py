"""The best networks of a search, measured by a kit on a device without a connection."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas.config import SearchConfig
from tiernas.devices.kit import KitEngine, KitNetwork, new_kit, read_kit_results
from tiernas.engines import Fingerprint
from tiernas.engines.onnxruntime.quantizer import saturates
from tiernas.errors import NothingFoundError, UsageError, about
from tiernas.finalists import contenders, known_records
from tiernas.job.device import device_clock, device_engine
from tiernas.job.start import opened_parent, search_space
from tiernas.kit_clock import FINALISTS, KitClock
from tiernas.latency import LatencyTable
from tiernas.latency.measuring.untrained import add_untrained
from tiernas.ledger import Ledger, Purpose, State, Study
from tiernas.spaces import Architecture, SearchSpace
from tiernas.tiers import Tier
from tiernas.training.sources import open_source

_INT8 = "int8"
_OPEN = (State.PENDING, State.RUNNING)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A network that a tier needs measured."""

    tier: Tier
    architecture: Architecture


def write_finalists_kit(
    config: SearchConfig, path: Path, *, progress: Callable[[int, int], None] = lambda done, wanted: None
) -> int:
    """Writes a kit that measures the best networks of every tier whose search has ended.

    Args:
        config: A search with `device.address = "kit"`.
        path: The kit's file.
        progress: Called after each network with the number done and in all.

    Returns:
        The number of networks to measure.

    Raises:
        UsageError: The search has another kind of device, or the file cannot be written.
        NothingFoundError: No tier needs a measurement now.
    """
    _require_kit(config)
    space = search_space(config, opened_parent(config))
    with device_engine(config, space) as engine, Ledger.of_begun_search(config.ledger) as ledger:
        table = LatencyTable.load(config.latency_table_path, space)
        clock = device_clock(config, lambda: table, engine)
        assert isinstance(clock, KitClock)
        wanted = list(_wanted(config, ledger, space, clock))
        if not wanted:
            raise NothingFoundError(
                "no network needs to be measured now: the search of every tier goes on, or its best networks are "
                "measured already (tiernas status says how far it is)"
            )
        classes = len(open_source(config.data).classes)
        numbers = sorted({clock.rung(each.tier) for each in wanted})
        rungs = [table.ladder(engine).rungs[number] for number in numbers]
        needed = [(rung.architecture, rung.num_classes) for rung in rungs]
        needed += [(each.architecture, classes) for each in wanted]
        with new_kit(path, _kit_engine(config, engine.fingerprint())) as kit:
            added: list[KitNetwork] = []
            for architecture, num_classes in needed:
                added.append(add_untrained(kit, architecture, num_classes))
                progress(len(added), len(needed))
            anchors, networks = added[: len(rungs)], added[len(rungs) :]
            kit.plan(
                {"results": FINALISTS, "study": config.study.name},
                [(anchor, rung.macs) for anchor, rung in zip(anchors, rungs, strict=True)],
                [
                    (network, numbers.index(clock.rung(each.tier)), _about(each))
                    for network, each in zip(networks, wanted, strict=True)
                ],
                clock.rule,
            )
    return len(wanted)


def import_finalists(config: SearchConfig, results: Path) -> int:
    """Keeps the results of a kit for the search, which takes them up when it is run again.

    Args:
        config: The search.
        results: The file that the kit wrote; it may be imported again when the kit has measured more.

    Returns:
        The number of results.

    Raises:
        UsageError: They are of something else, of another search or device, or damaged; or the output folder cannot be
            written.
    """
    _require_kit(config)
    found = read_kit_results(results)
    with about(str(results)):
        if found.about.get("results") != FINALISTS or found.about.get("study") != config.study.name:
            raise UsageError(
                f"are the results of {found.about.get('results')} of {found.about.get('study', 'no search')}, not of "
                f"the finalists of {config.study.name}"
            )
        space = search_space(config, opened_parent(config))
        with device_engine(config, space) as engine:
            if differences := engine.fingerprint().differences(found.fingerprint):
                shown = "; ".join(f"{name} is {there}, was {here}" for name, (here, there) in differences.items())
                raise UsageError(f"were not measured as the latency table was: {shown}")
    kept = config.kit_results / f"{found.plan[:16]}.jsonl"
    if kept.exists() and len(read_kit_results(kept).results) > len(found.results):
        raise UsageError(f"{results}: has fewer results than were imported before; copy the file from the device again")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(".new")
        shutil.copyfile(results, new)
        new.replace(kept)
    except OSError as error:
        raise UsageError(f"{kept}: cannot be written ({error.strerror})") from error
    return len(found.results)


def _wanted(config: SearchConfig, ledger: Ledger, space: SearchSpace, clock: KitClock) -> Iterator[_Wanted]:
    """The networks that may become finalists and are not measured, tier by tier."""
    trainings = ledger.orders().trainings or config.search.trainings
    studies = {study.name: study for study in ledger.studies()}
    fingerprint = clock.engine.fingerprint()
    for tier in config.tier_list():
        study = studies.get(tier.name)
        if study is None or not _has_ended(ledger, study, trainings):
            continue
        for candidate in contenders(ledger, study, config.finalists.per_tier):
            architecture = space.decode(candidate.vector)
            if architecture.digest not in clock.measured and not known_records(candidate, fingerprint):
                yield _Wanted(tier, architecture)


def _has_ended(ledger: Ledger, study: Study, trainings: int) -> bool:
    """Whether all candidates and repeats of a tier are trained."""
    states = [ledger.count(study), ledger.count(study, Purpose.REPEAT)]
    return states[0].total() >= trainings and not any(found[state] for found in states for state in _OPEN)


def _kit_engine(config: SearchConfig, fingerprint: Fingerprint) -> KitEngine:
    wanted = config.engine
    reduced = (wanted.name, wanted.precision) == ("onnxruntime", _INT8) and saturates(fingerprint.flags)
    return KitEngine(wanted.name, wanted.precision, wanted.batch, wanted.threads, reduced)


def _about(wanted: _Wanted) -> Mapping[str, Any]:
    return {"digest": wanted.architecture.digest, "tier": wanted.tier.name}


def _require_kit(config: SearchConfig) -> None:
    if not config.device.by_kit:
        raise UsageError(
            f"device.address = {config.device.address!r}: kits are for a search with address = 'kit'; others measure "
            "their finalists themselves"
        )
