"""A model table with entries that were really deployed, for tests that export them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from tiernas.deployment import try_deployment
from tiernas.engines import Fingerprint, TurnRule, get_engine
from tiernas.latency.measuring.ladder import Ladder, Rung
from tiernas.networks import Network
from tiernas.table import Entry, ModelTable
from tiernas.testing.entries import entry
from tiernas.training import IMAGE_MEAN, IMAGE_STD, Splits


def add_deployed(
    table: ModelTable, name: str, network: Network, splits: Splits, engine: str, precision: str, *, batch: int = 1
) -> Entry:
    """Deploys a network in an engine, measured briefly, and adds its entry.

    Args:
        table: The table; the deployed files are kept beside it until the entry is added.
        name: Name of the entry.
        network: The network.
        splits: Its data.
        engine: The engine.
        precision: Its precision.
        batch: Images per inference.
    """
    artefact = table.path.parent / f"{name}-artefact"
    runs_on = get_engine(engine, precision=precision, batch=batch)
    rule = TurnRule(limit_s=0.05)
    with Ladder([Rung((), network.architecture, len(splits.classes), 1.0)], runs_on) as ladder:
        measure = partial(ladder.measure, rule=rule)
        found = try_deployment(network, splits, runs_on, 1.0, 1.0, measure, rule, artefact)
    assert found.latency is not None
    measured_on = Fingerprint.from_dict(found.fingerprint)
    made = replace(
        entry(name, latency_ms=found.latency["latency_ms"], accuracy=found.accuracy, device=measured_on.device),
        engine=engine,
        engine_version=measured_on.engine_version,
        precision=precision,
        batch=batch,
        classes=splits.classes,
        resolution=network.architecture.resolution,
        architecture_digest=network.architecture.digest,
        input_mean=IMAGE_MEAN,
        input_std=IMAGE_STD,
    )
    table.add(made, network, artefact)
    return made
