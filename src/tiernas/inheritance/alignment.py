"""Matches the layers of a network with those of a trained one."""

from __future__ import annotations

from collections.abc import Sequence

from tiernas.blocks import Block
from tiernas.spaces.stages import places


def aligned(layers: Sequence[Block], parent: Sequence[Block]) -> list[int | None]:
    """For each layer the position of the parent's layer in the same place; None if there is none of the same block.

    Args:
        layers: The layers of the network that inherits.
        parent: The layers of the trained network.
    """
    at = {place: position for position, place in enumerate(places(parent))}
    found = [at.get(place) for place in places(layers)]
    return [
        position if position is not None and type(parent[position]) is type(layer) else None
        for position, layer in zip(found, layers, strict=True)
    ]
