"""Stages of a network of feature maps, which begin where the resolution or the channels change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tiernas.blocks import Block


class Place(NamedTuple):
    """The place of a layer in its network.

    Attributes:
        level: Number of layers with a stride up to and including this one, without the first layer of the network.
        stage: Number of its stage in the level.
        position: Number of the layer in the stage.
    """

    level: int
    stage: int
    position: int


_STEM, _HEAD = Place(0, 0, 0), Place(-1, 0, 0)


def places(layers: Sequence[Block]) -> list[Place]:
    """The place of every layer of a network; the first layer is its stem and the last one its head.

    A stage begins after the stem, at a layer with a stride, and where the channels of the output change.
    """
    if len(layers) == 1:
        return [_HEAD]
    found = [_STEM]
    for number, layer in enumerate(layers[1:-1], start=1):
        level, stage, position = found[-1]
        if layer.reduction > 1:
            found.append(Place(level + 1, 0, 0))
        elif number == 1 or layer.out_shape[0] != layers[number - 1].out_shape[0]:
            found.append(Place(level, stage + 1, 0))
        else:
            found.append(Place(level, stage, position + 1))
    return [*found, _HEAD]


def stages(layers: Sequence[Block]) -> list[tuple[Block, ...]]:
    """The layers between stem and head, stage by stage."""
    parts: list[list[Block]] = []
    for place, layer in zip(places(layers)[1:-1], layers[1:-1], strict=True):
        if place.position == 0:
            parts.append([])
        parts[-1].append(layer)
    return [tuple(part) for part in parts]
