"""Which layer of a trained network each layer of another one continues."""

from __future__ import annotations

from collections.abc import Sequence

from tiernas.blocks import Block
from tiernas.spaces.stages import places


def aligned(layers: Sequence[Block], parent: Sequence[Block]) -> list[int | None]:
    """For each layer the position of that of the parent in the same place; None where the parent has none of its kind.

    Args:
        layers: Of the network that inherits.
        parent: Of the trained network.
    """
    at = {place: position for position, place in enumerate(places(parent))}
    found = [at.get(place) for place in places(layers)]
    return [
        position if position is not None and type(parent[position]) is type(layer) else None
        for position, layer in zip(found, layers, strict=True)
    ]
