"""Progressive resolution: small images first, the network's own size at the end.

Early epochs on small images cost a fraction of those at full size and teach coarse shapes first (progressive learning
of EfficientNetV2, arXiv 2104.00298). The last epochs use the size the network is evaluated at, which Touvron et al.
(arXiv 1906.06423) found necessary.
"""

from __future__ import annotations

from tiernas.errors import UsageError
from tiernas.spaces import Architecture
from tiernas.training.recipe import RecipeConfig

_MULTIPLE = 8
"""Sizes in between are multiples of this many pixels: a network sees few sizes however long it trains."""
_TYPICAL_PX = 128
_MAP = 3
"""A map has channels, height and width; other shapes are not maps."""


def require_growing(architecture: Architecture, recipe: RecipeConfig) -> None:
    """Refuses growing images for a network that takes only one size.

    Raises:
        UsageError: The recipe uses them, and a layer takes a fixed number of tokens.
    """
    if recipe.start_scale == 1:
        return
    for layer in architecture.layers:
        if len(layer.in_shape) != _MAP:
            raise UsageError(
                f"recipe.start_scale = {recipe.start_scale:g}: a network with the block {layer.block!r} takes images "
                "of one size only, so they cannot grow; remove the key"
            )


def resolution_at(epoch: int, recipe: RecipeConfig, resolution: int) -> int:
    """Size at which a network gets the training images of an epoch, in pixels; its own size in the last epoch.

    Args:
        epoch: From 0.
        recipe: The initial size and how long it grows, evenly from epoch to epoch.
        resolution: Resolution of the network, in pixels.
    """
    growing = min(round(recipe.growing_fraction * recipe.epochs), recipe.epochs - 1)
    if epoch >= growing or recipe.start_scale == 1:
        return resolution
    share = recipe.start_scale + (1 - recipe.start_scale) * epoch / growing
    return min(resolution, max(1, round(share * resolution / _MULTIPLE)) * _MULTIPLE)


def pixel_share(recipe: RecipeConfig) -> float:
    """Mean number of pixels of the training images over all epochs, relative to those of the network's own size."""
    sizes = [resolution_at(epoch, recipe, _TYPICAL_PX) for epoch in range(recipe.epochs)]
    return sum(size**2 for size in sizes) / len(sizes) / _TYPICAL_PX**2
