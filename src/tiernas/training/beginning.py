"""The first weights of a network: random, or inherited from a trained one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tiernas.inheritance import Parent, inherit_weights, keep_parent, kept_parent, make_parent
from tiernas.inheritance.start_file import is_kept
from tiernas.networks import Network
from tiernas.pretrained import load
from tiernas.training.images import Splits
from tiernas.training.initialization import calm
from tiernas.training.recipe import RecipeConfig
from tiernas.training.statistics import refresh_statistics


def opened_start(recipe: RecipeConfig) -> Parent | None:
    """The trained network that a recipe starts from; None if there is none, or if it is in the cache already.

    Raises:
        UsageError: It cannot be opened.
        NotInstalledError: The package that provides it is not installed.
    """
    if recipe.start is None or is_kept(recipe.start):
        return None
    return make_parent(load(recipe.start), recipe.start)


def begun_from(recipe: RecipeConfig, parent: Parent | None, cache_dir: Path) -> RecipeConfig:
    """A recipe that starts from a parent, which is written to the cache, and normalizes images as it does.

    Its `start` is a digest instead of a name or path, so recipes are equal exactly if the inherited weights are.

    Args:
        recipe: The recipe; without a parent it is returned unchanged.
        parent: The parent.
        cache_dir: The folder that training runs share.

    Raises:
        UsageError: The folder cannot be written to.
    """
    if parent is None:
        return recipe
    start, normalization = keep_parent(parent, cache_dir), parent.normalization
    return recipe.model_copy(update={"start": start, "input_mean": normalization.mean, "input_std": normalization.std})


def first_weights(splits: Splits, recipe: RecipeConfig, cache_dir: Path) -> Callable[[Network], None]:
    """A function that gives a newly built network its first weights, in place.

    Random weights are calmed. The classifier is inherited if the parent has the same classes. A network that inherits
    weights but is not the whole parent gets recomputed statistics of batch normalization.

    Args:
        splits: The data.
        recipe: A recipe without a start, or with one that is in `cache_dir`.
        cache_dir: The folder that training runs share.

    Raises:
        UsageError: The file of the start does not exist, or is damaged.
    """
    if recipe.start is None:
        return calm
    parent = kept_parent(recipe.start, cache_dir)

    def inherit(network: Network) -> None:
        calm(network)
        inherit_weights(network, parent, same_classes=parent.has_classes(splits.classes))
        if network.architecture.layers != parent.network.architecture.layers:
            refresh_statistics(network, splits, recipe.normalization)

    return inherit
