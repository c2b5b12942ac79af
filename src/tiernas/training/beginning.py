"""The first weights of a network: random, or inherited from a trained one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tiernas.inheritance import Parent, inherit_weights, keep_parent, kept_parent, make_parent
from tiernas.inheritance.start_file import is_kept, kept_name
from tiernas.networks import Network, repeatable_weights
from tiernas.pretrained import load
from tiernas.training.images import Splits
from tiernas.training.initialization import calm
from tiernas.training.recipe import RecipeConfig
from tiernas.training.statistics import refresh_statistics


def open_parent(source: str, weights: str | None = None) -> Parent:
    """Opens a trained network to start from; torch's random state is left unchanged.

    Args:
        source: What `tiernas.load` opens.
        weights: See `tiernas.load`. Random weights are the same at every call, so that a search can be resumed.

    Raises:
        UsageError: It cannot be opened.
        NotInstalledError: The package that provides it is not installed.
    """
    with repeatable_weights():
        return make_parent(load(source, weights), source)


def opened_start(recipe: RecipeConfig) -> Parent | None:
    """The trained network that a recipe starts from; None if there is none, or if it is in the cache already.

    Raises:
        UsageError: It cannot be opened.
        NotInstalledError: The package that provides it is not installed.
    """
    if recipe.start is None or is_kept(recipe.start):
        return None
    return open_parent(recipe.start)


def starting_from(recipe: RecipeConfig, parent: Parent | None) -> RecipeConfig:
    """A recipe that starts from a parent and normalizes images as it does; without a parent, the recipe itself.

    Its `start` is a digest instead of a name or path, so recipes are equal exactly if the inherited weights are.
    """
    return recipe if parent is None else _starting(recipe, parent, kept_name(parent))


def begun_from(recipe: RecipeConfig, parent: Parent | None, cache_dir: Path) -> RecipeConfig:
    """Like `starting_from`, for training runs in other processes: the parent is written to the cache.

    Args:
        recipe: The recipe.
        parent: The parent; None if there is none, or if it is in the cache already.
        cache_dir: The folder that training runs share.

    Raises:
        UsageError: The folder cannot be written to.
    """
    return recipe if parent is None else _starting(recipe, parent, keep_parent(parent, cache_dir))


def _starting(recipe: RecipeConfig, parent: Parent, start: str) -> RecipeConfig:
    mean, std = parent.normalization.mean, parent.normalization.std
    return recipe.model_copy(update={"start": start, "input_mean": mean, "input_std": std})


def first_weights(
    splits: Splits, recipe: RecipeConfig, cache_dir: Path, opened: Parent | None = None
) -> Callable[[Network], None]:
    """A function that gives a newly built network its first weights, in place.

    Random weights are calmed. The classifier is inherited if the parent has the same classes. A network that inherits
    weights but is not the whole parent gets recomputed statistics of batch normalization.

    Args:
        splits: The data.
        recipe: A recipe without a start, or with the digest of one.
        cache_dir: The folder that training runs share.
        opened: The network that it starts from; if None, it is read from the cache.

    Raises:
        UsageError: The file of the start does not exist, or is damaged.
    """
    if recipe.start is None:
        return calm
    parent = opened or kept_parent(recipe.start, cache_dir)

    def inherit(network: Network) -> None:
        calm(network)
        inherit_weights(network, parent, same_classes=parent.has_classes(splits.classes))
        if network.architecture.layers != parent.network.architecture.layers:
            refresh_statistics(network, splits, recipe.normalization)

    return inherit
