"""Turns finalists into entries of the model table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiernas import __version__
from tiernas.config import SearchConfig
from tiernas.engines import Fingerprint, InTurn
from tiernas.ledger import Candidate, Purpose, Study
from tiernas.limits import memory_mb
from tiernas.networks import cost
from tiernas.spaces import Architecture
from tiernas.spaces.sizes import architecture_sizes
from tiernas.table import Entry
from tiernas.table.entry import MEASURED
from tiernas.table.name import name_part
from tiernas.table.provenance import Provenance
from tiernas.training import Splits


def artefact_folder(config: SearchConfig, study: Study, finalist: Candidate) -> Path:
    """Folder of a finalist's deployed network, before and after it becomes an entry; see `tiernas.artefact`."""
    return config.study.output / "deployed" / study.name / f"{finalist.index}-{finalist.digest}"


def make_entry(
    config: SearchConfig,
    study: Study,
    finalist: Candidate,
    architecture: Architecture,
    splits: Splits,
    searched: Candidate | None = None,
) -> Entry:
    """The entry of a completed finalist, with the provenance of its figures.

    The name consists of study, tier, rank (for a whole parent its resolution, for a rival its name) and what the entry
    runs on, and ends with the digest, so it is unique.

    Args:
        config: The configuration of the search.
        study: The study of the tier.
        finalist: A finalist that was measured, trained, and tried in the engine.
        architecture: Its network.
        splits: The data that it was trained on.
        searched: The candidate from which it was chosen; None for whole parents and rivals, which the search does not
            propose.
    """
    measured, result = finalist.measurement, finalist.result
    if measured is None or result is None or finalist.accuracy is None or finalist.finished_at is None:
        raise ValueError(f"finalist {finalist.number} of tier {study.name} is not measured and trained")
    deployment = measured["deployment"]
    latency = deployment.get("latency") or measured  # with random weights: earlier versions, and measured by a kit
    fingerprint = Fingerprint.from_dict(deployment.get("fingerprint", measured["fingerprint"]))
    in_turn = latency.get("in_turn")
    repeated = (searched and searched.repeated) or {}
    size = cost(architecture, len(splits.classes))
    sizes = architecture_sizes(architecture, len(splits.classes))
    needed_mb = memory_mb(sizes, fingerprint.precision, fingerprint.batch)
    recipe = config.finalist_recipe.model_dump(mode="json")
    called, found_by = _origin(study, finalist, architecture)
    entry = Entry(
        name=f"{config.study.name}-{called}",
        device=fingerprint.device,
        engine=fingerprint.engine,
        engine_version=fingerprint.engine_version,
        precision=fingerprint.precision,
        batch=fingerprint.batch,
        threads=fingerprint.threads,
        latency_ms=latency["latency_ms"],
        latency_interval_ms=(latency["low_ms"], latency["high_ms"]),
        latency_unstable=latency["unstable"],
        accuracy=deployment["accuracy"],
        validation_accuracy=finalist.accuracy,
        data=config.data.shown,
        data_digest=splits.digest,
        classes=splits.classes,
        resolution=architecture.resolution,
        input_mean=config.recipe.input_mean,
        input_std=config.recipe.input_std,
        space="" if finalist.rival else config.study.space,
        vector=tuple(finalist.vector),
        architecture_digest=finalist.digest,
        params=size.params,
        macs=size.macs,
        recipe=recipe,
        seed=config.study.seed,
        source=MEASURED,
        study=f"{config.study.name}, {found_by}",
        tiernas_version=__version__,
        created_at=finalist.finished_at.isoformat(timespec="seconds"),
        exact_accuracy=result["test_accuracy"],
        recommended=deployment["recommended"],
        advice=deployment["reason"],
        class_mean_accuracy=deployment.get("class_mean_accuracy"),  # ledgers of earlier versions have none
        repeats_accuracy=repeated.get("accuracy"),
        repeats_standard_error=repeated.get("standard_error"),
        repeats=repeated.get("seeds", 0),
        reused_from=(searched and searched.origin) or "",
        latency_found_ms=latency.get("found_ms"),
        latency_in_turn=in_turn and InTurn.from_dict(in_turn),
        test_images=len(splits.test),
        provenance=_provenance(splits, latency, fingerprint, deployment.get("code_version")),
        weights_mb=needed_mb["weights_mb"],
        activations_mb=needed_mb["activations_mb"],
        weights_license=config.table.weights_license,
        data_license=config.table.data_license,
        network=finalist.rival["name"] if finalist.rival else "",
        rival=finalist.rival is not None,
    )
    return entry.named(entry.name)


def _origin(study: Study, finalist: Candidate, architecture: Architecture) -> tuple[str, str]:
    """The part of an entry's name that distinguishes it from others of its search, and where it comes from."""
    if finalist.rival:
        return f"rival-{name_part(finalist.rival['name'])}", "rival"
    if finalist.purpose is Purpose.PARENT:
        return f"parent-{architecture.resolution}", "whole parent"
    return f"{study.name}-{finalist.number}", f"tier {study.name} ms"


def _provenance(
    splits: Splits, latency: Mapping[str, Any], fingerprint: Fingerprint, code_version: str | None
) -> Provenance | None:
    """How the figures were obtained; None in ledgers of versions that did not keep it."""
    if "runs" not in latency:
        return None
    train, validation = len(splits.train), len(splits.validation)
    return Provenance.of(latency, fingerprint, code_version, train_images=train, validation_images=validation)
