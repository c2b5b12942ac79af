"""Calibration images from a user's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from tiernas.errors import UsageError
from tiernas.image_files import files_below, image_suffixes
from tiernas.standalone.preprocessing import upright_rgb

FloatArray = npt.NDArray[np.float32]

MOST_IMAGES = 300
"""Maximum number of images read from a folder: NNCF's default, beyond which ranges hardly change."""


def read_calibration(
    path: Path,
    image_size: tuple[int, int],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> FloatArray:
    """Reads images as inputs of a network.

    Args:
        path: A folder of images, including subfolders: at most 300 of them are used, evenly spaced over all names; each
            is scaled until it covers the input and then center-cropped. Or a `.npy` file of normalized images,
            `n x channels x height x width` floats; the engine checks their shape.
        image_size: Height and width of the network's input, in pixels.
        mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted.
        std: Standard deviation, by which the difference is divided.

    Returns:
        `n x channels x height x width`.

    Raises:
        UsageError: There is no such folder or file, it contains no images, or an image cannot be read.
    """
    if path.is_dir():
        return _read_folder(path, image_size, mean, std)
    if path.suffix.lower() == ".npy":
        return _read_array(path)
    if not path.exists():
        raise UsageError(f"calibration: {path}: there is no such folder or file")
    raise UsageError(f"calibration: {path}: must be a folder of images or a .npy file")


def _read_folder(
    folder: Path,
    image_size: tuple[int, int],
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
) -> FloatArray:
    files = [path for path in files_below(folder, folder).files if path.suffix.lower() in image_suffixes()]
    if not files:
        raise UsageError(f"calibration: {folder}: contains no images ({', '.join(sorted(image_suffixes()))})")
    taken = np.linspace(0, len(files) - 1, min(len(files), MOST_IMAGES)).round().astype(int)
    height, width = image_size
    images = np.empty((len(taken), 3, height, width), dtype=np.float32)
    for image, index in zip(images, taken, strict=True):
        pixels = _read_image(files[index], height, width).astype(np.float32) / 255
        image[:] = ((pixels - np.array(mean, np.float32)) / np.array(std, np.float32)).transpose(2, 0, 1)
    return images


def _read_image(path: Path, height: int, width: int) -> npt.NDArray[np.uint8]:
    """`height x width x 3` pixels."""
    try:
        with Image.open(path) as image:
            return np.asarray(ImageOps.fit(upright_rgb(image), (width, height), Image.Resampling.BILINEAR))
    except Exception as error:  # Pillow raises anything for damaged files
        raise UsageError(f"calibration: {path}: cannot be read as an image ({error}); remove or replace it") from error


def _read_array(path: Path) -> FloatArray:
    try:
        images = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UsageError(f"calibration: {path}: there is no such file") from error
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"calibration: {path}: cannot be read as a numpy array ({error})") from error
    if not isinstance(images, np.ndarray) or images.ndim != 4 or not np.issubdtype(images.dtype, np.floating):
        found = f"{images.dtype} of shape {images.shape}" if isinstance(images, np.ndarray) else "an archive"
        raise UsageError(
            f"calibration: {path}: must contain normalized images, floats of shape n x channels x height x width; "
            f"contains {found}"
        )
    return images.astype(np.float32, copy=False)
