"""Images from which int8 engines determine the range of every activation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tiernas.errors import UsageError

FloatArray = npt.NDArray[np.float32]


def calibration_images(images: FloatArray | None, input_shape: tuple[int, int, int, int]) -> FloatArray:
    """Images for calibrating a network.

    Args:
        images: `n x channels x height x width`, normalized as in training; None for one batch of noise, which suffices
            if only latency matters, because latency does not depend on the ranges.
        input_shape: Shape of the network's input, NCHW.

    Returns:
        `m x channels x height x width`, where `m` is the largest multiple of the batch size that is at most `n`. If it
        is less, evenly spaced images are chosen, because images are often sorted by class.

    Raises:
        UsageError: There are too few images, they have the wrong shape, or contain values that are not finite.
    """
    if images is None:
        return np.random.default_rng(0).standard_normal(input_shape, dtype=np.float32)
    batch, *image_shape = input_shape
    if len(images) < batch:
        raise UsageError(f"calibration: {len(images)} images; int8 needs at least {batch}, better 100 to 300")
    if images.ndim != 4 or list(images.shape[1:]) != image_shape:
        raise UsageError(
            f"calibration: images of shape {images.shape[1:]}; the network takes {tuple(image_shape)} "
            "(channels, height, width)"
        )
    if not np.isfinite(images).all():
        raise UsageError("calibration: the images contain values that are not finite numbers")
    whole = len(images) // batch * batch
    taken = images if whole == len(images) else images[np.linspace(0, len(images) - 1, whole).round().astype(int)]
    return taken.astype(np.float32, copy=False)
