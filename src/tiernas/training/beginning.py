"""What a network begins with: fresh weights, or those that it inherits from a trained one."""

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
    """The trained network that a recipe begins with; None where it has none, or one that is kept already.

    Raises:
        UsageError: It cannot be opened.
        NotInstalledError: What it comes from is not installed.
    """
    if recipe.start is None or is_kept(recipe.start):
        return None
    return make_parent(load(recipe.start), recipe.start)


def begun_from(recipe: RecipeConfig, parent: Parent | None, cache_dir: Path) -> RecipeConfig:
    """A recipe whose trainings begin with a parent, which is kept for them, and normalise images as it does.

    In place of a name or a path it has the digest of the weights: recipes are equal exactly if these are.

    Args:
        recipe: The recipe; without a parent it is given back.
        parent: The parent.
        cache_dir: The folder that trainings share.

    Raises:
        UsageError: The folder cannot be written to.
    """
    if parent is None:
        return recipe
    start, normalization = keep_parent(parent, cache_dir), parent.normalization
    return recipe.model_copy(update={"start": start, "input_mean": normalization.mean, "input_std": normalization.std})


def first_weights(splits: Splits, recipe: RecipeConfig, cache_dir: Path) -> Callable[[Network], None]:
    """What gives a freshly built network its first weights, in place.

    Fresh ones are calmed. A network that inherits but is not the whole parent has its statistics of batch normalisation
    computed anew. The classifier is inherited if the parent tells the same classes apart.

    Args:
        splits: The data.
        recipe: With a start that is kept in `cache_dir`, or without.
        cache_dir: The folder that trainings share.

    Raises:
        UsageError: What the recipe starts with is not there, or is damaged.
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
