"""scikit-learn's digits: 1,797 gray images of 8x8 pixels (UCI Optical Recognition of Handwritten Digits, test set)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tiernas.training.data_config import DataConfig
from tiernas.training.sources.source import Part, Source

_WHITE = 16
"""The images hold 0 (background) to 16 (ink)."""


def open_source(config: DataConfig) -> Source:
    """The digits, white ink on black; they have no splits of their own and must not be mirrored."""
    from sklearn.datasets import load_digits  # slow, and workers read decoded digits from the cache

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / _WHITE)).astype(np.uint8)
    names = [f"digit {i}" for i in range(len(pixels))]
    part = Part(bunch.target.astype(np.int64), names, lambda i: Image.fromarray(pixels[i]))
    return Source(tuple(str(name) for name in bunch.target_names), part, flip_safe=False)
