"""`LayeredArchitecture`: a network defined layer by layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tiernas.blocks import Block, layer_from_dict
from tiernas.blocks.map_block import MapBlock
from tiernas.errors import UsageError
from tiernas.shapes import shape_in_words
from tiernas.spaces.architecture import Architecture

_IMAGE_CHANNELS = 3
_MOST_LAYERS = 1000
_KEYS = ("resolution", "blocks", "bn_eps")


@dataclass(frozen=True, slots=True)
class LayeredArchitecture(Architecture):
    """A network as a list of layers, for spaces without a shorter description of a network.

    Attributes:
        resolution: Height and width of the input image, in pixels.
        blocks: The layers in execution order, the classifier last.
        bn_eps: Epsilon of every batch normalization.

    Raises:
        UsageError: There is no layer, a field has the wrong type or is out of range, or the input shape of a layer
            differs from the output shape of the previous one; the message names the layer.
    """

    resolution: int
    blocks: tuple[Block, ...]
    bn_eps: float = 1e-3

    def __post_init__(self) -> None:
        if not isinstance(self.resolution, int) or isinstance(self.resolution, bool) or self.resolution < 1:
            raise UsageError(f"resolution = {self.resolution!r}: must be a whole number, at least 1")
        if not 1 <= len(self.blocks) <= _MOST_LAYERS:
            raise UsageError(f"blocks: there must be from 1 to {_MOST_LAYERS}, not {len(self.blocks)}")
        if not isinstance(self.bn_eps, float) or not 0 < self.bn_eps <= 1:
            raise UsageError(f"bn_eps = {self.bn_eps!r}: must be a number above 0, at most 1")
        blocks = tuple(layer.checked(f"blocks[{i}]") for i, layer in enumerate(self.blocks))
        object.__setattr__(self, "blocks", blocks)
        image = _IMAGE_CHANNELS, self.resolution, self.resolution
        given = [image, *(layer.out_shape for layer in blocks[:-1])]
        for i, (shape, layer) in enumerate(zip(given, blocks, strict=True)):
            if layer.in_shape != shape:
                source = f"blocks[{i - 1}] outputs" if i else "an image has"
                taken, found = shape_in_words(layer.in_shape), shape_in_words(shape)
                raise UsageError(f"blocks[{i}] ({layer.label}) takes {taken}, but {source} {found}")

    @property
    def layers(self) -> tuple[Block, ...]:
        return self.blocks

    def resized(self, resolution: int) -> Architecture:
        """The same network for images of another resolution, in pixels.

        Raises:
            UsageError: A layer does not operate on maps and thus has a fixed input shape, or the resolution is out of
                range.
        """
        layers: list[Block] = []
        size = resolution
        for layer in self.blocks:
            if not isinstance(layer, MapBlock):
                return Architecture.resized(self, resolution)
            layers.append(layer.resized(size))
            *_, size = layers[-1].out_shape
        return replace(self, resolution=resolution, blocks=tuple(layers))

    def to_json(self) -> str:
        data = {
            "resolution": self.resolution,
            "blocks": [layer.to_dict() for layer in self.blocks],
            "bn_eps": self.bn_eps,
        }
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LayeredArchitecture:
        """The architecture of a JSON object.

        Raises:
            UsageError: A key is missing, unknown, of the wrong type or out of range, or there is no such block.
        """
        for key in data:
            if key not in _KEYS:
                raise UsageError(f"architecture: unknown key {key!r}; known: {', '.join(_KEYS)}")
        for key in _KEYS:
            if key not in data:
                raise UsageError(f"architecture: key {key!r} is missing")
        if not isinstance(data["blocks"], list):
            raise UsageError(f"blocks: must be a list, not {type(data['blocks']).__name__}")
        blocks = tuple(layer_from_dict(block, f"blocks[{i}]") for i, block in enumerate(data["blocks"]))
        return cls(data["resolution"], blocks, data["bn_eps"])
