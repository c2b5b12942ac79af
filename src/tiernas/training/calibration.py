"""Images that int8 learns the range of every activation from: drawn from the training split, by seed and class."""

from __future__ import annotations

import numpy as np
from torch import Tensor, from_numpy

from tiernas.training.images import Splits
from tiernas.training.splitting import stratified

CALIBRATION_IMAGES = 256
"""Number of training images that int8 learns its ranges from; the default in NNCF's documentation is 300."""

_SEED = 0
"""Fixed, so that calibrating a network again gives the same int8 network."""


def calibration_draw(splits: Splits, size: int = CALIBRATION_IMAGES) -> Tensor:
    """Draws training images for calibration, stratified by class and in random order.

    Args:
        splits: The data; only the training split is used.
        size: The largest number to draw. If there are more classes, some have no image.

    Returns:
        `(n, 3, image size, image size)` uint8.
    """
    rng = np.random.default_rng(_SEED)
    labels = splits.train.labels.numpy()
    drawn, _ = stratified(labels, min(size, len(labels)), rng, leave=0)
    rows = rng.permutation(drawn)[:size]  # an engine with large batches may drop the last ones
    return splits.train.images[from_numpy(rows)]
