"""Checks the data of a search before it writes anything permanent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tiernas.config import SearchConfig
from tiernas.errors import UsageError
from tiernas.spaces import SearchSpace
from tiernas.training import Splits, load_data
from tiernas.training.epoch import require_batch
from tiernas.training.progression import require_growing


def checked_data(config: SearchConfig, space: SearchSpace) -> Splits:
    """The data, decoded into the output folder; if they cannot be used for training, the folder is left unchanged.

    Args:
        config: The search.
        space: Its space.

    Raises:
        UsageError: The data cannot be used for training, the networks of the space cannot be trained with this recipe,
            or the output folder cannot be written.
    """
    output = config.study.output
    require_growing(space.decode([dimension.values[0] for dimension in space.dimensions]), config.recipe)
    with _undone_if_refused(output / "cache"):
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"output folder {output}: cannot be written ({error.strerror})") from error
        splits = load_data(config.data, cache_dir=output / "cache")
        require_batch(len(splits.train), config.recipe)
    return splits


@contextmanager
def _undone_if_refused(folder: Path) -> Iterator[None]:
    """On a `UsageError`, removes the files that were created in a folder, and the folders created for it."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    there = set(folder.iterdir()) if folder.is_dir() else set()
    try:
        yield
    except UsageError:
        for new in set(folder.iterdir()) - there if folder.is_dir() else ():
            with suppress(OSError):
                new.unlink()
        for path in missing:
            with suppress(OSError):  # other files have been put there meanwhile
                path.rmdir()
        raise
