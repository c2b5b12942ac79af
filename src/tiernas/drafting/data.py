"""Inspects the data that a search is drafted for, and checks that there are enough images."""

from __future__ import annotations

from pathlib import Path

from tiernas.errors import NotInstalledError, UsageError
from tiernas.training import DataConfig
from tiernas.training.inspection import Inspection, class_counts
from tiernas.training.sources import open_source

LEAST_OF_A_CLASS = 10
"""With fewer, validation and test would have one image of the class, or none."""


def look_at(config: DataConfig, called: str) -> Inspection:
    """Lists the images of a data set and opens some of them.

    Args:
        config: The data set.
        called: What the user calls its path, for messages, such as "PHOTOS".

    Raises:
        UsageError: There are no images, only one class, or too few images of a class, or none of the inspected images
            can be read.
        NotInstalledError: A library that reads this kind of data is not installed.
    """
    try:
        source = open_source(config)
        counts = class_counts(source)
        shown = config.path or config.shown
        if len(counts) < 2:
            (only,) = counts
            raise UsageError(f"{shown}: there is only one class, {only!r}; add a folder of images of another")
        few = [f"{name!r} has {count}" for name, count in counts.items() if count < LEAST_OF_A_CLASS]
        if few:
            raise UsageError(
                f"{shown}: too few images of a class: {', '.join(few)}; each needs at least {LEAST_OF_A_CLASS}, for "
                "training, validation and test. Add images or remove the class"
            )
        return Inspection.of(source, config)
    except NotInstalledError:
        raise
    except UsageError as error:
        raise UsageError(str(error).replace("data.path", called, 1)) from error


def photos_in(path: Path) -> DataConfig:
    """The configuration of a folder of photos."""
    return DataConfig(kind="folder", path=path.absolute())
