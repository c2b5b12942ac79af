"""The trained network that a search starts from, and the space around it."""

from __future__ import annotations

from tiernas.config import SearchConfig
from tiernas.errors import NotInstalledError, UsageError, about
from tiernas.inheritance import Parent
from tiernas.inheritance.start_file import is_kept
from tiernas.spaces import SPACE_FILE, ParentSpace, SearchSpace, get_space, read_space, write_space
from tiernas.training.beginning import begun_from, open_parent, opened_start


def opened_parent(config: SearchConfig) -> Parent | None:
    """The trained network that the search starts from; None if weights are random. Nothing is written.

    Raises:
        UsageError: It cannot be opened.
        NotInstalledError: The package that provides it is not installed.
    """
    wanted = config.parent
    if wanted is None and config.recipe.start is not None and is_kept(config.recipe.start):
        raise UsageError(
            f"recipe.start = {config.recipe.start!r}: is a digest, which a search records in place of the network that "
            "it started from; name the network itself"
        )
    key, source = ("recipe.start", config.recipe.start) if wanted is None else ("parent.network", wanted.network)
    try:
        if wanted is None:
            return opened_start(config.recipe)
        return open_parent(wanted.network, wanted.weights)
    except NotInstalledError:
        raise
    except UsageError as error:
        said = str(error).removeprefix(f"source = {source!r}: ")
        raise UsageError(f"{key} = {source!r}: {said}") from error


def search_space(config: SearchConfig, parent: Parent | None) -> SearchSpace:
    """The space of a search: the space of that name, or the space around its parent.

    Raises:
        UsageError: The parent cannot be cut, or the output folder belongs to a search around another one.
    """
    wanted = config.parent
    if wanted is None or parent is None:
        return get_space(config.study.space)
    with about(f"parent.network = {wanted.network!r}"):
        space = ParentSpace(
            parent.network.architecture, wanted.resolution, wanted.channel_percent, num_classes=parent.num_classes
        )
    file = config.study.output / SPACE_FILE
    if file.exists() and read_space(file).digest != space.digest:
        raise UsageError(
            f"parent.network = {wanted.network!r}: {file} belongs to a search around another parent, or with another "
            "resolution or channel_percent; choose another study.output, or restore the earlier values"
        )
    return space


def begun(config: SearchConfig, parent: Parent | None, space: SearchSpace, num_classes: int) -> SearchConfig:
    """The configuration with a recipe that starts from the parent; parent and space are written to the output folder.

    Commands that are given the file of the space measure its networks as this search does: with the classes of the
    data, not with those of the parent.

    Args:
        config: The search.
        parent: What it starts from; None for random weights.
        space: Its space.
        num_classes: Number of classes of the data.

    Raises:
        UsageError: The output folder cannot be written to.
    """
    output = config.study.output
    if isinstance(space, ParentSpace) and not (output / SPACE_FILE).exists():
        write_space(space.with_classes(num_classes), output / SPACE_FILE)
    return config.model_copy(update={"recipe": begun_from(config.recipe, parent, output / "cache")})
