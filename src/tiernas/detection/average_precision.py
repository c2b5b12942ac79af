"""COCO's measure of detections, computed by pycocotools."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tiernas.detection.coco import Annotations, FloatArray
from tiernas.errors import NotInstalledError


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """COCO's average precisions, 0 to 1; None if no object of that kind is annotated.

    Attributes:
        ap: Mean over intersections over union of 0.5, 0.55, ... 0.95, and over the classes.
        ap50: At 0.5.
        ap75: At 0.75.
        small: As `ap`, for objects of less than 32 x 32 pixels of the original image.
        medium: Up to 96 x 96.
        large: Larger.
        by_class: As `ap`, of each class.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    small: float | None
    medium: float | None
    large: float | None
    by_class: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Everything, serializable as JSON."""
        return asdict(self)


def require_pycocotools() -> None:
    """Refuses to begin what ends in COCO's measure if it cannot be computed.

    Raises:
        NotInstalledError: pycocotools is not installed.
    """
    try:
        import pycocotools.cocoeval  # noqa: F401
    except ImportError as error:
        raise NotInstalledError("pycocotools", "detection") from error


def average_precision(annotations: Annotations, detections: Sequence[FloatArray]) -> AveragePrecision:
    """Compares detections with annotations.

    Args:
        annotations: The annotations, of n images.
        detections: For each image `(m, 6)`: corners x1, y1, x2, y2 in pixels of the original image, score, position of
            the class; at most 100 count.

    Raises:
        NotInstalledError: pycocotools is not installed.
    """
    require_pycocotools()
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    found: list[dict[str, Any]] = []
    for image, rows in zip(annotations.images, detections, strict=True):
        for x1, y1, x2, y2, score, label in rows.tolist():
            box = {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
            category = annotations.category_ids[int(label)]
            found.append({"id": len(found) + 1, "image_id": image.id, "category_id": category, "score": score, **box})
    with redirect_stdout(io.StringIO()):
        known, guessed = COCO(), COCO()
        known.dataset = annotations.ground_truth
        guessed.dataset = {**annotations.ground_truth, "annotations": found}
        known.createIndex()
        guessed.createIndex()
        evaluation = COCOeval(known, guessed, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    ap, ap50, ap75, small, medium, large = (_known(figure) for figure in evaluation.stats[:6])
    precision = evaluation.eval["precision"]  # intersections x recalls x classes x sizes x numbers of detections
    each = (precision[:, :, label, 0, -1] for label in range(len(annotations.classes)))
    by_class = {name: _mean(values) for name, values in zip(annotations.classes, each, strict=True)}
    return AveragePrecision(ap, ap50, ap75, small, medium, large, by_class)


def _mean(precision: Any) -> float | None:
    there = precision[precision > -1]
    return float(np.mean(there)) if there.size else None


def _known(figure: float) -> float | None:
    return None if figure < 0 else float(figure)
