"""Detectors as deployed: the forms that are measured and exported, as ONNX."""

from __future__ import annotations

import copy
import enum
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks.tensorflow_padding import TensorflowConv
from tiernas.detection.backbone import Features
from tiernas.detection.coco import FloatArray
from tiernas.detection.detector import Detector
from tiernas.detection.suppression import Suppressing, require_one_image
from tiernas.errors import TiernasError, UsageError, first_line
from tiernas.latency.measuring.subject import Subject
from tiernas.networks import Cost, write_onnx
from tiernas.networks.normalization import Normalization

_EXPORT_ERRORS = (RuntimeError, AssertionError, ValueError, TypeError, IndexError)
"""Errors that torch raises for a module that it cannot trace."""

_MOVED_PX = 0.05
"""Largest difference of a corner that rounding explains, in pixels."""

_SCORE = 1e-3
"""Largest difference of a score that rounding explains; of two boxes nearer in score either may come first."""


class Form(enum.StrEnum):
    """What part of a detector is run."""

    WHOLE = "whole, with suppression"
    RAW = "whole, without suppression"
    BACKBONE = "backbone alone"


class _Pooled(nn.Module):
    """A backbone whose output is the mean of each channel of its maps, `(n, channels of all maps)`.

    Engines run networks with one output; reading the maps once is the least that makes one of several.
    """

    def __init__(self, features: Features) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([level.mean((2, 3)) for level in self.features(images)], dim=1)


def deployed(detector: Detector, form: Form) -> nn.Module:
    """The module of a form, from `(n, 3, height, width)` normalized images to one output; shares the weights.

    WHOLE gives `(m, 6)` detections of one image, see `tiernas.detection.suppressed`; RAW `(n, anchors, 4 + classes)`,
    see `Detector`.
    """
    match form:
        case Form.WHOLE:
            return Suppressing(detector, detector.design.image_size)
        case Form.RAW:
            return detector
        case Form.BACKBONE:
            return _Pooled(detector.features)


def write_detector(detector: Detector, form: Form, path: Path, batch: int = 1) -> None:
    """Writes a form of a detector as ONNX, with input `images`, output `detections` and images of one size.

    Args:
        detector: The detector.
        form: What of it.
        path: The file to write.
        batch: Images per inference.

    Raises:
        UsageError: More than one image with suppression, or torch cannot export the backbone.
    """
    if form is Form.WHOLE:
        require_one_image(batch)
    module = copy.deepcopy(deployed(detector, form)).eval()
    _pad_as_one_node(module)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # the number of detections varies, which is intended
            write_onnx(module, path, (batch, 3, *detector.design.image_size), output_name="detections")
    except _EXPORT_ERRORS as error:
        raise UsageError(f"torch cannot export this detector to ONNX: {first_line(error)}") from error


def _pad_as_one_node(module: nn.Module) -> None:
    """Replaces timm's convolutions whose padding depends on the input, which would export arithmetic on sizes."""
    for name, part in list(module.named_modules()):
        if type(part).__name__ == "Conv2dSame" and isinstance(part, nn.Conv2d):
            module.set_submodule(name, TensorflowConv.like(part))


class DetectorSubject(Subject):
    """A form of a detector, to be measured.

    Args:
        name: The name of the detector.
        detector: The detector, with weights: they determine how much suppression has to do.
        form: What of it.
        normalization: Normalization of its input.
    """

    kind = "detector"

    def __init__(self, name: str, detector: Detector, form: Form, normalization: Normalization) -> None:
        self.name = f"{name}, {form.value}"
        self.normalization = normalization.mean, normalization.std
        self._detector, self._form = detector, form
        self.cost = _cost(deployed(detector, Form.BACKBONE if form is Form.BACKBONE else Form.RAW), detector)

    def write(self, path: Path, batch: int) -> None:
        write_detector(self._detector, self._form, path, batch)


@torch.no_grad()
def _cost(module: nn.Module, detector: Detector) -> Cost:
    """Parameters, and multiply-accumulates of all convolutions; suppression has none."""
    with FlopCounterMode(display=False) as counter:
        module.eval()(torch.zeros(1, 3, *detector.design.image_size))
    return Cost(sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2)


def require_same_detections(found: FloatArray, expected: FloatArray, what: str) -> tuple[float, float]:
    """Refuses detections of a runtime that are not torch's.

    Detections of nearly equal scores may come in either order, and the last ones may be others; so each of torch's that
    is clearly better than the last one must have a box of its class nearly in its place.

    Args:
        found: `(m, 6)` of the runtime, see `suppressed`.
        expected: `(k, 6)` of torch.
        what: The file, for the message.

    Returns:
        The largest difference of a corner, in pixels, and of a score.

    Raises:
        TiernasError: They differ by more than rounding explains.
    """
    moved_px = scored = 0.0
    lowest = (expected[-1, 4] if len(expected) else 0.0) + 2 * _SCORE
    for row in expected[expected[:, 4] > lowest]:
        same = found[found[:, 5] == row[5]]
        distances = np.abs(same[:, :4] - row[:4]).max(1) if len(same) else np.array([np.inf])
        near = int(distances.argmin())
        score = abs(float(same[near, 4] - row[4])) if len(same) else np.inf
        if not (distances[near] <= _MOVED_PX and score <= _SCORE):
            raise TiernasError(
                f"{what}: the box {np.round(row[:4], 1).tolist()} of torch, with a score of {row[4]:.3f}, is not among "
                f"its detections: the nearest is {distances[near]:.3g} pixels away, with a score that differs by "
                f"{score:.2g}"
            )
        moved_px, scored = max(moved_px, float(distances[near])), max(scored, score)
    return moved_px, scored
