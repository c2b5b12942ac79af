"""Real images as a user has them: files in a folder for each class. They are scikit-learn's handwritten digits."""

from __future__ import annotations

from pathlib import Path

from tiernas.errors import UsageError

PHOTOS = "photos"
"""Name of the example."""


def write_photos(folder: Path) -> int:
    """Writes 1,797 PNG files of 8x8 pixels, `<class>/<number>.png`.

    Args:
        folder: A folder that does not exist, or is empty.

    Returns:
        Number of images.

    Raises:
        UsageError: The folder has files already, or cannot be written.
    """
    from tiernas.training import DataConfig
    from tiernas.training.sources.digits import open_source

    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder}: has files already, which are kept; choose another folder with --output")
        source = open_source(DataConfig())
        for name in source.classes:
            (folder / name).mkdir(parents=True, exist_ok=True)
        for row, label in enumerate(source.train.labels.tolist()):
            source.train.read(row).save(folder / source.classes[label] / f"{row:04d}.png")
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from error
    return len(source.train.labels)
