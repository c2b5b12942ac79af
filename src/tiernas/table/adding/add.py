"""Measures networks whose accuracy a source states, and adds them to the model table."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from tiernas import __version__
from tiernas.artefact import Preprocessing, begin_artefact, end_artefact, logits_to_check
from tiernas.engines import Engine, Fingerprint
from tiernas.errors import NotInstalledError, TiernasError, UsageError
from tiernas.executors.code_version import code_version
from tiernas.latency.measuring.measure import LIMIT_S, measure_subject
from tiernas.latency.measuring.measured_network import MeasuredNetwork
from tiernas.latency.measuring.subject import Subject, find_subject
from tiernas.limits import memory_mb
from tiernas.networks.timm_names import TIMM_PREFIX, timm_with
from tiernas.shapes import shape_in_words
from tiernas.table.adding.stated import Collection, StatedNetwork
from tiernas.table.entry import Entry
from tiernas.table.model_table import ModelTable
from tiernas.table.name import name_part
from tiernas.table.provenance import Provenance
from tiernas.temporary import owned_folder

_CONDITIONS = ("device", "engine", "engine_version", "precision", "batch", "threads")

_LONGEST_NAME = 100
"""Characters of a network's name that become part of an entry's name."""

_IMAGES = 8
"""Number of noise images with whose logits an export is checked."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Added:
    """What became of networks that were to be added.

    Attributes:
        entries: New or replaced entries.
        present: Entries that were in the table already, with the same figures.
        failed: Why networks could not be measured, by name.
    """

    entries: Sequence[Entry]
    present: Sequence[Entry]
    failed: Mapping[str, str]


def require_there(collection: Collection) -> None:
    """Refuses networks that do not exist, before any is measured.

    Raises:
        UsageError: A file is missing, or timm has no such network.
        NotInstalledError: timm is not installed, and there are networks of it.
    """
    for stated in collection.networks:
        if stated.network.startswith(TIMM_PREFIX):
            timm_with(stated.network.removeprefix(TIMM_PREFIX), "rivals", TIMM_PREFIX)
        elif stated.is_file and not Path(stated.network).is_file():
            raise UsageError(f"{stated.network}: there is no such file")


def add_stated(
    table: ModelTable,
    collection: Collection,
    engine: Engine,
    *,
    limit_s: float = LIMIT_S,
    again: bool = False,
) -> Added:
    """Measures networks in turn with an anchor, one after the other, and adds each as soon as it is measured.

    Weights do not matter for latency: those of released networks and of timm's are random. ONNX files are kept in the
    table, and what the engine runs (not in int8, for which there are no calibration images), so they can be exported.

    Args:
        table: The table.
        collection: The networks.
        engine: The engine to measure with.
        limit_s: Maximum time for which a network is interleaved with its anchor.
        again: Whether to measure networks again that are in the table already.

    Raises:
        NotInstalledError: A package that the networks need is missing.
    """
    there = table.read()[0] if table.path.exists() else ()
    conditions = engine.fingerprint()
    entries: list[Entry] = []
    present: list[Entry] = []
    failed: dict[str, str] = {}
    for number, stated in enumerate(collection.networks, start=1):
        place = f"{number}/{len(collection.networks)}  {stated.shown}"
        known = None if again else next((e for e in there if _is_same(e, stated, conditions)), None)
        if known is not None:
            present.append(known)
            _log.info("%s: already there, as %s", place, known.name)
            continue
        with owned_folder("tiernas-added-") as folder:
            try:
                entry = _measure(collection.name, stated, engine, limit_s, folder)
            except NotInstalledError:
                raise
            except TiernasError as error:
                failed[stated.shown] = str(error)
                _log.warning("%s: %s", place, error)
                continue
            file = Path(stated.network) if stated.is_onnx else None
            table.add_named(entry, file, folder if any(folder.iterdir()) else None)
        entries.append(entry)
        _log.info("%s: %s ms, %s", place, entry.shown_latency, entry.shown_accuracy)
    return Added(entries, present, failed)


def _is_same(entry: Entry, stated: StatedNetwork, conditions: Fingerprint) -> bool:
    """Whether an entry has these figures already, measured under these conditions."""
    claims = (stated.accuracy, stated.source, stated.data, stated.tested_on, stated.test_images)
    return (
        entry.network == _called(stated)
        and (entry.accuracy, entry.source, entry.data, entry.data_digest, entry.test_images) == claims
        and stated.resolution in (None, entry.resolution)
        and all(getattr(entry, key) == getattr(conditions, key) for key in _CONDITIONS)
        and (not stated.is_onnx or entry.architecture_digest == _digest(Path(stated.network)))
    )


def _measure(study: str, stated: StatedNetwork, engine: Engine, limit_s: float, folder: Path) -> Entry:
    """Measures a network; the artifact of an ONNX file is written into a folder."""
    subject = _subject(stated)
    measured = measure_subject(subject, engine, limit_s=limit_s)
    for warning in measured.warnings:
        _log.warning("%s", warning)
    _require_square(stated, measured)
    classes = tuple(stated.classes) if isinstance(stated.classes, list) else ()
    if stated.is_onnx and engine.precision != "int8":
        classes = _save(stated, engine, measured, folder)
    return _entry(study, stated, subject, measured, classes)


def _subject(stated: StatedNetwork) -> Subject:
    if stated.is_onnx:
        return find_subject(stated.network)
    return find_subject(stated.network, resolution=stated.resolution, num_classes=stated.num_classes)


def _require_square(stated: StatedNetwork, measured: MeasuredNetwork) -> None:
    _, channels, height, width = measured.input_shape
    shown = shape_in_words((channels, height, width))
    if channels != 3 or height != width:
        raise UsageError(f"{stated.shown}: takes images of {shown}; entries have square RGB images")
    if stated.resolution not in (None, height):
        raise UsageError(f"{stated.shown}: resolution = {stated.resolution}, but its images are {shown}")


def _save(stated: StatedNetwork, engine: Engine, measured: MeasuredNetwork, folder: Path) -> tuple[str, ...]:
    """Saves an ONNX file as the engine runs it; returns the names of its classes."""
    resolution = measured.input_shape[-1]
    wanted = Preprocessing(resolution, resolution, *stated.normalization(None))
    size = (_IMAGES, resolution, resolution, 3)
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    with engine.compile(Path(stated.network)) as compiled:
        outputs = compiled.run(np.zeros(measured.input_shape, np.float32)).shape[1]
        if stated.num_classes not in (None, outputs):
            raise UsageError(f"{stated.shown}: has {outputs} outputs, but {stated.num_classes} classes are stated")
        named = stated.classes if isinstance(stated.classes, list) else map(str, range(outputs))
        classes = tuple(named)
        deployed = begin_artefact(compiled, folder, wanted, classes)
        end_artefact(folder, pixels, logits_to_check(compiled, deployed.logits(pixels), pixels, wanted))
    return classes


def _entry(
    study: str, stated: StatedNetwork, subject: Subject, measured: MeasuredNetwork, classes: tuple[str, ...]
) -> Entry:
    found, on = measured.measurement, measured.fingerprint
    resolution = measured.input_shape[-1]
    mean, std = stated.normalization(subject.normalization)
    needed_mb = memory_mb(subject.sizes, on.precision, on.batch)
    is_for = stated.precision == on.precision
    advice = f"the accuracy is for {stated.precision}; that of {on.precision} was not evaluated"
    entry = Entry(
        name="added",
        device=on.device,
        engine=on.engine,
        engine_version=on.engine_version,
        precision=on.precision,
        batch=on.batch,
        threads=on.threads,
        latency_ms=found.latency_ms,
        latency_interval_ms=(found.low_ms, found.high_ms),
        latency_unstable=found.unstable,
        accuracy=stated.accuracy,
        validation_accuracy=None,
        data=stated.data,
        data_digest=stated.tested_on,
        classes=classes,
        resolution=resolution,
        input_mean=mean,
        input_std=std,
        space="",
        vector=(),
        architecture_digest=_digest(Path(stated.network)) if stated.is_onnx else measured.graph,
        params=measured.cost.params if measured.cost else _parameters(Path(stated.network)),
        macs=measured.cost.macs if measured.cost else None,
        recipe={},
        seed=0,
        source=stated.source,
        study=study,
        tiernas_version=__version__,
        created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        recommended=is_for,
        advice="" if is_for else advice,
        latency_found_ms=found.found_ms,
        latency_in_turn=found.in_turn,
        test_images=stated.test_images,
        provenance=Provenance.of(asdict(found), on, code_version()),
        weights_mb=needed_mb["weights_mb"],
        activations_mb=needed_mb["activations_mb"],
        network=_called(stated),
        source_url=stated.source_url,
        weights_license=stated.weights_license,
        data_license=stated.data_license,
    )
    called = name_part(stated.shown)[:_LONGEST_NAME].strip("-") or "network"
    return entry.named(f"{called}-{resolution}")


def _called(stated: StatedNetwork) -> str:
    """What the entry says it was added as; files without their folder."""
    return Path(stated.network).name if stated.is_onnx else stated.network


def _digest(file: Path) -> str:
    """16 hexadecimal digits of a file with its weights, so that two networks of one graph are told apart.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()[:16]
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error


def _parameters(file: Path) -> int:
    """Floating-point weights of an ONNX file; at least 1, as an entry requires."""
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16, onnx.TensorProto.DOUBLE)
    weights = [tensor for tensor in onnx.load(file).graph.initializer if tensor.data_type in floats]
    count: int = sum(math.prod(tensor.dims) for tensor in weights)
    return max(1, count)
