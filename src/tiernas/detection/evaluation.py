"""Runs a detector on a split and measures its detections."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tiernas.detection.average_precision import AveragePrecision, average_precision
from tiernas.detection.coco import FloatArray
from tiernas.detection.data import DetectionSplit
from tiernas.detection.detector import Detector
from tiernas.detection.suppression import suppressed
from tiernas.networks.normalization import Normalization
from tiernas.training.preprocessing import normalize

_BATCH = 16
"""Images per forward pass."""


@torch.no_grad()
def detect(detector: Detector, split: DetectionSplit, normalization: Normalization) -> Sequence[FloatArray]:
    """The detections of every image of a split.

    Args:
        detector: The detector; its mode is restored.
        split: The images.
        normalization: Normalization of its input.

    Returns:
        For each image `(m, 6)`: corners x1, y1, x2, y2 in pixels of the original image, score, position of the class;
        best first.
    """
    was_training = detector.training
    detector.eval()
    device = detector.anchors.device
    far = float(max(detector.design.image_size) + 1)
    found: list[FloatArray] = []
    for rows in torch.split(torch.arange(len(split)), _BATCH):
        images, _ = split.batch(rows)
        for row, raw in zip(rows.tolist(), detector(normalize(images.to(device), normalization)), strict=True):
            found.append(split.in_original(suppressed(raw, far).cpu(), row))
    detector.train(was_training)
    return found


def evaluate(detector: Detector, split: DetectionSplit, normalization: Normalization) -> AveragePrecision:
    """COCO's measure of a detector on a split.

    Args:
        detector: The detector; its mode is restored.
        split: The images.
        normalization: Normalization of its input.

    Raises:
        NotInstalledError: pycocotools is not installed.
    """
    return average_precision(split.annotations, detect(detector, split, normalization))
