"""Progressive resolution: small images first, the network's own size in the end.

Early epochs on small images cost a part of what they cost at full size and teach coarse shapes first (progressive
learning of EfficientNetV2, arXiv 2104.00298). The last epochs are at the size that the network is evaluated at, as
Touvron et al. (arXiv 1906.06423) found necessary.
"""

from __future__ import annotations

from tiernas.errors import UsageError
from tiernas.spaces import Architecture
from tiernas.training.recipe import RecipeConfig

_MULTIPLE = 8
"""Sizes in between are multiples of it, in pixels: a network has a handful of sizes however long it trains."""
_MAP = 3
"""A map has channels, height and width; what has another shape is no map of any size."""


def require_growing(architecture: Architecture, recipe: RecipeConfig) -> None:
    """Refuses growing images for a network that takes one size only.

    Raises:
        UsageError: The recipe has them, and a layer takes tokens, of which there is a fixed number.
    """
    if recipe.start_scale == 1:
        return
    for layer in architecture.layers:
        if len(layer.in_shape) != _MAP:
            raise UsageError(
                f"recipe.start_scale = {recipe.start_scale:g}: a network with the block {layer.block!r} takes images "
                "of one size only, so they cannot grow; leave the key out"
            )


def resolution_at(epoch: int, recipe: RecipeConfig, resolution: int) -> int:
    """Size at which a network gets the training images of an epoch, in pixels; the last epoch is always at its own.

    Args:
        epoch: From 0.
        recipe: Where the size begins and how long it grows, evenly from epoch to epoch.
        resolution: Of the network, in pixels.
    """
    growing = min(round(recipe.growing_fraction * recipe.epochs), recipe.epochs - 1)
    if epoch >= growing or recipe.start_scale == 1:
        return resolution
    share = recipe.start_scale + (1 - recipe.start_scale) * epoch / growing
    return min(resolution, max(1, round(share * resolution / _MULTIPLE)) * _MULTIPLE)
