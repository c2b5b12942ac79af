"""`DetectionJob`: what the commands of a detector's file do."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from tiernas import __version__
from tiernas.detection.average_precision import AveragePrecision, average_precision
from tiernas.detection.backbone import Features, open_features
from tiernas.detection.coco import FloatArray
from tiernas.detection.config import DetectionConfig
from tiernas.detection.data import DetectionData, DetectionSplit, load_detection_data
from tiernas.detection.deploying import DetectorSubject, Form, write_detector
from tiernas.detection.detector import Design, Detector
from tiernas.detection.evaluation import evaluate
from tiernas.detection.recipe import DetectionRecipe
from tiernas.detection.suppression import suppressed
from tiernas.detection.training import DetectionReport, DetectionResult, train_detector, trained_detector
from tiernas.engines import CompiledNetwork, Engine, get_engine
from tiernas.errors import UsageError
from tiernas.executors.code_version import code_version
from tiernas.latency.measuring.measure import LIMIT_S, measure_subject
from tiernas.latency.measuring.measured_network import MeasuredNetwork
from tiernas.limits import memory_mb
from tiernas.networks.normalization import rgb
from tiernas.table import Entry, ModelTable
from tiernas.table.entry import MEASURED
from tiernas.table.provenance import Provenance
from tiernas.temporary import owned_folder
from tiernas.text_file import replace_text
from tiernas.training.preprocessing import normalize

_CALIBRATION_IMAGES = 128
"""Training images with which int8 is calibrated, at most."""

_log = logging.getLogger(__name__)


class DetectionJob:
    """Everything about one detector.

    Args:
        config: Its file.
    """

    def __init__(self, config: DetectionConfig) -> None:
        self.config = config
        self._output = config.study.output

    @cached_property
    def data(self) -> DetectionData:
        """The data; what the user should know of them is logged."""
        size = self.config.detector.image_size
        data = load_detection_data(*self.config.data.files(), size, self._output / "data")
        for note in data.notes:
            _log.warning("%s", note)
        return data

    @cached_property
    def recipe(self) -> DetectionRecipe:
        """The recipe, with the normalization of the backbone."""
        wanted = self._features().normalization
        return self.config.recipe.model_copy(update={"input_mean": wanted.mean, "input_std": wanted.std})

    @property
    def design(self) -> Design:
        """What the detector consists of besides its backbone."""
        return self.config.detector.design(len(self.data.classes))

    @property
    def final(self) -> tuple[str, DetectionSplit]:
        """The split of the final measure and its name: test, or validation if there is none."""
        return ("validation", self.data.validation) if self.data.test is None else ("test", self.data.test)

    def train(self, on_epoch: Callable[[DetectionReport], None] | None = None) -> DetectionResult:
        """Trains the detector, or continues.

        Raises:
            UsageError: Something in the file cannot be used.
            TrainingDiverged: The loss is infinite or not a number.
        """
        torch.set_num_threads(1)  # the result then depends on nothing else
        return train_detector(
            self._features(),
            self.design,
            self.data,
            self.recipe,
            seed=self.config.study.seed,
            checkpoint_dir=self._checkpoints,
            on_epoch=on_epoch,
        )

    @cached_property
    def detector(self) -> Detector:
        """The trained detector.

        Raises:
            UsageError: Its training is not complete.
        """
        return trained_detector(self._features(), self.design, self._checkpoints)

    def evaluate(self) -> Mapping[str, AveragePrecision]:
        """COCO's measure of the trained detector on validation and test images; also in `evaluation.json`."""
        splits = {"validation": self.data.validation}
        splits |= {} if self.data.test is None else {"test": self.data.test}
        found = {name: evaluate(self.detector, split, self.recipe.normalization) for name, split in splits.items()}
        self._keep("evaluation.json", {name: precision.to_dict() for name, precision in found.items()})
        return found

    def measure(self, limit_s: float = LIMIT_S) -> Mapping[Form, MeasuredNetwork]:
        """Measures each form in turn with an anchor, one after the other; also in `measured.json`.

        Args:
            limit_s: Maximum time for which a form is interleaved with its anchor.

        Raises:
            UsageError: The engine cannot run the detector without suppression, or its backbone.
        """
        engine = self._engine()
        found: dict[Form, MeasuredNetwork] = {}
        for form in Form:
            subject = DetectorSubject(self.config.study.name, self.detector, form, self.recipe.normalization)
            _log.info("measuring %s in %s, for up to %g s", subject.name, engine.precision, limit_s)
            try:
                found[form] = measure_subject(subject, engine, calibrate=self._calibration, limit_s=limit_s)
            except UsageError as error:
                if form is not Form.WHOLE:
                    raise
                _log.warning("%s: not measured: %s", subject.name, error)
        self._keep("measured.json", {form.name.lower(): measured.to_dict() for form, measured in found.items()})
        return found

    def enter(self, measured: Mapping[Form, MeasuredNetwork]) -> Entry:
        """Writes the detector into the model table, with its ONNX file.

        Its accuracy is the AP of what the engine runs, on the split of the final measure; its latency that with
        suppression, or without if the engine has none.

        Args:
            measured: What `measure` returned.
        """
        config, engine, design = self.config, self._engine(), self.design
        form = Form.WHOLE if Form.WHOLE in measured else Form.RAW
        subject = DetectorSubject(config.study.name, self.detector, form, self.recipe.normalization)
        with owned_folder("tiernas-detector-") as folder:
            raw = folder / "raw.onnx"
            write_detector(self.detector, Form.RAW, raw, engine.batch)
            with engine.compile(raw, self._calibration(design.image_size)) as compiled:
                split = self.final[1]
                deployed = average_precision(split.annotations, self._detections_of(compiled, split))
            entry = self._entry(measured[form], form, subject, deployed)
            file = folder / "network.onnx"
            write_detector(self.detector, form, file, engine.batch)
            ModelTable(config.table.path).add_named(entry, file)
        return entry

    def _entry(
        self, measured: MeasuredNetwork, form: Form, subject: DetectorSubject, deployed: AveragePrecision
    ) -> Entry:
        config, found, on = self.config, measured.measurement, measured.fingerprint
        evaluated = self.evaluate()
        needed_mb = memory_mb(subject.sizes, on.precision, on.batch)
        assert measured.cost is not None
        train, validation = len(self.data.train), len(self.data.validation)
        entry = Entry(
            name=config.study.name,
            device=on.device,
            engine=on.engine,
            engine_version=on.engine_version,
            precision=on.precision,
            batch=on.batch,
            threads=on.threads,
            latency_ms=found.latency_ms,
            latency_interval_ms=(found.low_ms, found.high_ms),
            latency_unstable=found.unstable,
            accuracy=deployed.ap or 0.0,
            validation_accuracy=evaluated["validation"].ap or 0.0,
            data=config.data.shown,
            data_digest=self.data.digest,
            classes=self.data.classes,
            resolution=max(config.detector.image_size),
            input_mean=rgb(self.recipe.input_mean),
            input_std=rgb(self.recipe.input_std),
            space="",
            vector=(),
            architecture_digest=measured.graph,
            params=measured.cost.params,
            macs=measured.cost.macs,
            recipe={
                **self.recipe.model_dump(mode="json"),
                "detector": config.detector.model_dump(mode="json"),
                "measured": form.value,
            },
            seed=config.study.seed,
            source=MEASURED,
            study=config.study.name,
            tiernas_version=__version__,
            created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            exact_accuracy=evaluated[self.final[0]].ap,
            latency_found_ms=found.found_ms,
            latency_in_turn=found.in_turn,
            provenance=Provenance.of(
                asdict(found), on, code_version(), train_images=train, validation_images=validation
            ),
            weights_mb=needed_mb["weights_mb"],
            activations_mb=needed_mb["activations_mb"],
            network=f"{config.detector.kind} on {Path(config.detector.backbone).name}",
            weights_license=config.table.weights_license,
            data_license=config.table.data_license,
            task="detection",
        )
        return entry.named(entry.name)

    def _detections_of(self, compiled: CompiledNetwork, split: DetectionSplit) -> Sequence[FloatArray]:
        """Detections of a compiled detector without suppression, which is done here."""
        far, batch = float(max(self.design.image_size) + 1), compiled.input_shape[0]
        found: list[FloatArray] = []
        for rows in torch.split(torch.arange(len(split)), batch):
            images = normalize(split.batch(rows)[0], self.recipe.normalization).numpy()
            full = np.resize(images, compiled.input_shape)  # the last batch may be smaller
            raw = torch.from_numpy(compiled.run(np.ascontiguousarray(full)))
            found += [split.in_original(suppressed(each, far), int(row)) for each, row in zip(raw, rows, strict=False)]
        return found

    def _calibration(self, size: tuple[int, int]) -> FloatArray:
        """Evenly spread training images, normalized, for int8."""
        assert size == self.design.image_size
        rows = np.unique(np.linspace(0, len(self.data.train) - 1, _CALIBRATION_IMAGES).round().astype(np.int64))
        images = normalize(self.data.train.batch(torch.from_numpy(rows))[0], self.recipe.normalization)
        return np.ascontiguousarray(images.numpy())

    def _features(self) -> Features:
        return open_features(self.config.detector.backbone, self.config.detector.weights)

    def _engine(self) -> Engine:
        wanted = self.config.engine
        return get_engine(wanted.name, precision=wanted.precision, batch=wanted.batch, threads=wanted.threads)

    @property
    def _checkpoints(self) -> Path:
        return self._output / "training"

    def _keep(self, name: str, document: object) -> None:
        try:
            replace_text(self._output / name, json.dumps(document, indent=2) + "\n")
        except OSError as error:
            raise UsageError(f"cannot write {self._output / name}: {error}; choose another study.output") from error
