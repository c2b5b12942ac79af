"""Images from which int8 learns the range of every activation: drawn from the training part, by seed and by class."""

from __future__ import annotations

import numpy as np
from torch import Tensor, from_numpy

from tiernas.training.images import Splits
from tiernas.training.splitting import stratified

CALIBRATION_IMAGES = 256
"""Training images that int8 learns its ranges from; the documentation of NNCF gives 300 as its default."""

_SEED = 0
"""Fixed, so that a network that is calibrated again becomes the same int8 network."""


def calibration_draw(splits: Splits, size: int = CALIBRATION_IMAGES) -> Tensor:
    """Draws training images for calibration, every class with its share; the order is random as well.

    Args:
        splits: The data; the test part and the validation part are not looked at.
        size: How many to draw at most. Where there are more classes than that, not every class is among them.

    Returns:
        `(n, 3, image size, image size)` uint8.
    """
    rng = np.random.default_rng(_SEED)
    labels = splits.train.labels.numpy()
    drawn, _ = stratified(labels, min(size, len(labels)), rng, leave=0)
    rows = rng.permutation(drawn)[:size]  # an engine with large batches may leave out the last ones
    return splits.train.images[from_numpy(rows)]
