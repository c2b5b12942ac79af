"""The latency tables of the space around the parent: how fast they are built, how accurate they are, and the tiers."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from benchmarks.pretrained.setting import Setting
from benchmarks.shared.results_file import Results

from tiernas.engines import Engine, get_engine
from tiernas.latency import LatencyTable, Record, build_table, check_table
from tiernas.latency.estimating.looks import Look
from tiernas.rounding import rounded_up
from tiernas.tiers import sample_pools, tiers_between

FILE = "latency-tables.json"
LEAST_MS, MOST_MS = 0.5, 4.0
TIERS = 3
CHECK_SEED = 1


def engine_of(setting: Setting) -> Engine:
    """The engine that a search is for."""
    wanted = setting.config.engine
    return get_engine(wanted.name, precision=wanted.precision, batch=wanted.batch, threads=wanted.threads)


def begun_tables(folder: Path, setting: Setting) -> Results:
    """The figures of the tables so far; they do not depend on how networks are trained.

    Args:
        folder: Folder of the results.
        setting: Any of the searches.
    """
    return Results(folder / FILE, {"space": setting.space.digest, "classes": len(setting.splits.classes)})


def measure_table(setting: Setting, results: Results, checked: int) -> None:
    """Builds the latency table of a search in its output folder, checks it with fresh networks, and chooses tiers.

    An interrupted build is continued; an interrupted check begins anew.

    Args:
        setting: The search.
        results: Where the figures are saved, by precision.
        checked: Number of fresh networks.
    """
    config, engine = setting.config, engine_of(setting)
    precision = engine.precision
    if precision in results.found:
        return
    building = f"{precision}, build_s"
    before_s, began_s = results.found.get(building, 0.0), time.monotonic()

    def progress(look: Look, record: Record) -> None:
        results.put(building, round(before_s + time.monotonic() - began_s, 1), tell=False)
        print(f"{precision} {look.place}  {record.observation.measurement.latency_ms:.3f} ms", flush=True)

    path, networks, classes = config.latency_table_path, config.latency.networks, len(setting.splits.classes)
    table = build_table(setting.space, engine, path, networks=networks, num_classes=classes, progress=progress)
    chosen = edges(table, setting)
    pools = sample_pools(setting.space, table, tiers_between(chosen), n=config.tiers.pool, seed=config.study.seed)
    check = check_table(table, engine, networks=checked, seed=CHECK_SEED).to_dict()
    found = {
        "edges": chosen,
        "sampled": {tier.name: len(pool) for tier, pool in pools.items()},
        "table": table.summary(),
        "check": {key: check[key] for key in check if key not in ("networks", "worst_layers", "tiers")},
    }
    results.put(precision, found)


def edges(table: LatencyTable, setting: Setting) -> list[float]:
    """Edges of three tiers of equal relative width up to the whole parent at the highest resolution, at most 4 ms."""
    parent = setting.config.parent
    assert parent is not None
    whole_ms = float(table.estimate([setting.space.whole(parent.resolution[-1])])[0])
    high_ms = min(MOST_MS, float(rounded_up(whole_ms)))
    low_ms = min(LEAST_MS, high_ms / 2)
    return [*(float(f"{edge_ms:.2g}") for edge_ms in np.geomspace(low_ms, high_ms, TIERS + 1)[:-1]), high_ms]
