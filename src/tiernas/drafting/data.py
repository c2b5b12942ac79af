"""Inspects the data that a search is drafted for, and checks that there are enough images."""

from __future__ import annotations

from pathlib import Path

from tiernas.errors import NotInstalledError, UsageError
from tiernas.image_files import is_hidden
from tiernas.training import DataConfig
from tiernas.training.inspection import Inspection, class_counts
from tiernas.training.sources import open_source

_LAYOUTS = "photos/<class>/*.jpg, photos/train/<class>/*.jpg, train-00000-of-00001.parquet or train-000000.tar"
_DIGITS = "digits"

_SHOWN = 200
"""Number of characters of a path that a message shows."""

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
            only = ", ".join(map(repr, counts))
            raise UsageError(f"{shown}: there is only one class, {only}; add a folder of images of another")
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


def data_at(place: str) -> DataConfig:
    """The configuration of what the user names.

    Args:
        place: A folder of images, parquet files, tar files or a data set of the library `datasets`; or "digits".

    Raises:
        UsageError: It is none of these.
    """
    try:
        path = Path(place).expanduser()
        if path.is_dir():
            return DataConfig(kind=_kind_of(path), path=path.absolute())
        is_file = path.exists()
    except RuntimeError as error:  # of whom the system does not know the home
        raise UsageError(f"DATA = {place!r}: there is no such user; give the folder by its whole path") from error
    except OSError as error:
        raise UsageError(f"DATA = {place[:_SHOWN]!r}: cannot be read ({error.strerror})") from error
    if is_file:
        raise UsageError(f"DATA = {place!r}: is a file; give the folder that holds the data ({_LAYOUTS})")
    if place == _DIGITS:
        return DataConfig(kind=_DIGITS)
    raise UsageError(f"DATA = {place!r}: does not exist; give a folder ({_LAYOUTS}), or {_DIGITS}")


def _kind_of(folder: Path) -> str:
    """The kind of data that a folder holds, by the names in it; "folder" if there is nothing else."""
    names = [path.name for path in folder.iterdir() if not is_hidden(path.name)]
    if {"dataset_dict.json", "state.json"} & set(names):
        return "huggingface"
    if any(name.endswith(".parquet") for name in names):
        return "parquet"
    below = [path.suffix for path in folder.glob("*/*")] + [Path(name).suffix for name in names]
    if ".tar" in below:
        return "webdataset"
    return "huggingface" if ".parquet" in below or ".arrow" in below else "folder"


def photos_in(path: Path) -> DataConfig:
    """The configuration of a folder of photos."""
    return DataConfig(kind="folder", path=path.absolute())
