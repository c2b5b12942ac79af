"""Draws detections into an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image, ImageDraw

from tiernas.detection.coco import FloatArray
from tiernas.detection.detector import Detector
from tiernas.detection.suppression import suppressed
from tiernas.errors import UsageError
from tiernas.networks.normalization import Normalization
from tiernas.standalone.preprocessing import upright_rgb
from tiernas.training.preprocessing import normalize

_COLORS = matplotlib.colormaps["tab10"].colors  # type: ignore[attr-defined]


@torch.no_grad()
def detect_in(detector: Detector, image: Image.Image, normalization: Normalization) -> FloatArray:
    """The detections in one RGB image, `(m, 6)`: corners in its pixels, score, position of the class; best first."""
    height, width = detector.design.image_size
    scaled = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=3.0)
    pixels = torch.from_numpy(np.array(scaled)).permute(2, 0, 1)[None]
    found = suppressed(detector.eval()(normalize(pixels, normalization))[0], float(max(height, width) + 1))
    scale = torch.tensor([image.width / width, image.height / height] * 2)
    return torch.cat((found[:, :4] * scale, found[:, 4:]), dim=1).numpy()


def open_image(path: Path) -> Image.Image:
    """An image file as upright RGB.

    Raises:
        UsageError: There is no such file, or it is no image.
    """
    try:
        with Image.open(path) as image:
            return upright_rgb(image)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: is not an image that can be read ({error})") from error


def drawn(image: Image.Image, detections: FloatArray, classes: Sequence[str], min_score: float) -> Image.Image:
    """A copy of an image with a box, class and score for each detection.

    Args:
        image: The image.
        detections: `(m, 6)`, see `detect_in`.
        classes: Names of the classes.
        min_score: Detections with lower scores are not drawn.
    """
    result = image.copy()
    pen = ImageDraw.Draw(result)
    line = max(1, round(max(image.size) / 300))
    for x1, y1, x2, y2, score, label in detections[detections[:, 4] >= min_score][::-1].tolist():
        red, green, blue = (round(255 * part) for part in _COLORS[int(label) % len(_COLORS)])
        pen.rectangle((x1, y1, x2, y2), outline=(red, green, blue), width=line)
        text = f"{classes[int(label)]} {score:.2f}"
        box = pen.textbbox((x1 + line, y1 + line), text)
        pen.rectangle(box, fill=(red, green, blue))
        pen.text((x1 + line, y1 + line), text, fill=(255, 255, 255))
    return result
