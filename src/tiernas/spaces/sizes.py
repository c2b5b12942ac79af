"""Sizes of networks: of one, and of millions without decoding each of them."""

from __future__ import annotations

import numpy as np

from tiernas.blocks import BlockRows, LayerRows, Sizes
from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.group_parts import groups_in_parts
from tiernas.spaces.space import SearchSpace


def network_sizes(space: SearchSpace, vectors: IntArray, num_classes: int) -> Sizes:
    """Sizes of networks (`n`) of a space.

    Args:
        space: The space.
        vectors: The networks (`n x d`), canonical or not.
        num_classes: Their number of classes.

    Raises:
        UsageError: A network has a block that does not count its sizes.
    """
    weights, other_params, macs, held = np.zeros((4, len(vectors)))
    for group, network in groups_in_parts(space, vectors):
        layers = _counted(group.rows, num_classes)
        weights[network] += layers.weights * group.count
        other_params[network] += layers.other_params * group.count
        macs[network] += layers.macs * group.count
        held[network] = np.maximum(held[network], layers.held)
    return Sizes(weights, other_params, macs, held)


def architecture_sizes(architecture: Architecture, num_classes: int) -> Sizes | None:
    """Sizes of one network (`n` is 1); None if it has a block that does not count them."""
    parts = [rows.sizes(num_classes) for rows, _ in LayerRows.of(architecture.layers).parts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    weights, other_params, macs = (
        np.array([sum(float(getattr(part, name).sum()) for part in known)])
        for name in ("weights", "other_params", "macs")
    )
    return Sizes(weights, other_params, macs, held=np.array([max(float(part.held.max()) for part in known)]))


def _counted(rows: BlockRows, num_classes: int) -> Sizes:
    sizes = rows.sizes(num_classes)
    if sizes is None:
        raise UsageError(
            f"block {rows.block.block!r} does not count its parameters and feature maps, so networks with it cannot be "
            "limited: remove the limits, or implement Block.sizes"
        )
    return sizes
