"""The mobile spaces, for CPUs: 54 integers, including the kind of block of every stage.

Their networks have the plan of MobileNetV2 (arXiv 1801.04381), MobileNetV3 (arXiv 1905.02244) and EfficientNet (arXiv
1905.11946): a stem of stride 2, seven stages of strides 1, 2, 2, 2, 1, 2, 1, of which those of stride 1 may be empty,
and a head. The order of the integers is resolution; filters and activation of the stem; (block, filters, kernel,
expansion, squeeze-and-excitation, activation, layers) of each stage; filters and activation of the head.

A vector includes neither the kernel of the stem, which is 3, nor the gate of squeeze-and-excitation, which is the
sigmoid with swish, as in EfficientNet, and the hard sigmoid with ReLU and hard-swish, as in MobileNetV3. Squeezed
channels are a quarter of a block's input, as in EfficientNet. An inverted residual block with expansion 1 has no
expansion layer, as in MobileNetV2: it is a separable block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tiernas.blocks import (
    GATES,
    Block,
    ConvBlock,
    FusedIrbBlock,
    HeadBlock,
    IrbBlock,
    SeparableBlock,
    StemBlock,
)
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.projected import ProjectedBlock
from tiernas.blocks.rows import IntArray
from tiernas.blocks.strided import StridedBlock
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.planned import Columns, Layers, PlannedSpace, codes, position, span
from tiernas.spaces.space import Dimension

_BLOCKS: tuple[type[Block], ...] = (SeparableBlock, IrbBlock, FusedIrbBlock, ConvBlock)
"""Meaning of a vector's blocks."""
_SEPARABLE, _IRB, _, _CONV = range(len(_BLOCKS))
_ACTIVATIONS = ("relu", "swish", "hard_swish")
"""Meaning of a vector's activations."""
_GATES = ("hard_sigmoid", "sigmoid", "hard_sigmoid")
"""The gate that goes with each activation."""

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Stride of each stage; stages of stride 1 may be empty."""
_MOST_LAYERS = 5
_FIELDS = ("block", "filters", "kernel", "expansion", "se", "act", "layers")
_FIRST_COLUMN = 3
"""Position of the first stage in a vector."""
_SLICES = [slice(i, i + len(_FIELDS)) for i in range(_FIRST_COLUMN, 52, len(_FIELDS))]
"""The part of a vector that belongs to each stage."""
_CONTINUED = (5, 7)
"""Stages, counted from 1, of stride 1 after one that is never empty: with equal settings they only extend it."""
_SE_DIVISOR = 4
_STEM_KERNEL = 3

_Settings = tuple[int, ...]
"""All fields of a stage except its layers."""


class MobileSpace(PlannedSpace):
    """Networks of 54 integers with the stage plan of MobileNet and EfficientNet; the presets differ in their ranges.

    Args:
        name: Name of the space.
        resolution: Allowed resolutions of the input, in pixels.
        stem_filters: Allowed filters of the stem.
        stage_filters: Allowed filters of each of the seven stages.
        head_filters: Allowed channels of the head's 1x1 convolution.
        num_classes: Default number of classes of latency tables.
    """

    def __init__(
        self,
        name: str,
        *,
        resolution: tuple[int, ...],
        stem_filters: tuple[int, ...],
        stage_filters: tuple[tuple[int, ...], ...],
        head_filters: tuple[int, ...],
        num_classes: int,
    ) -> None:
        if len(stage_filters) != len(_STRIDES):
            raise UsageError(f"space {name!r}: filters of {len(stage_filters)} stages; must be {len(_STRIDES)}")
        activations = tuple(range(len(_ACTIVATIONS)))
        dimensions = [
            Dimension("resolution", resolution),
            Dimension("stem.filters", stem_filters),
            Dimension("stem.act", activations, categorical=True),
        ]
        for number, (filters, stride) in enumerate(zip(stage_filters, _STRIDES, strict=True), start=1):
            dimensions += [
                Dimension(f"stage{number}.block", tuple(range(len(_BLOCKS))), categorical=True),
                Dimension(f"stage{number}.filters", filters),
                Dimension(f"stage{number}.kernel", (3, 5)),
                Dimension(f"stage{number}.expansion", (1, 2, 3, 4, 5, 6)),
                Dimension(f"stage{number}.se", (0, 1)),
                Dimension(f"stage{number}.act", activations, categorical=True),
                Dimension(f"stage{number}.layers", tuple(range(0 if stride == 1 else 1, _MOST_LAYERS + 1))),
            ]
        dimensions += [
            Dimension("head.filters", head_filters),
            Dimension("head.act", activations, categorical=True),
        ]
        super().__init__(name, tuple(dimensions), num_classes)
        for dimension in dimensions:
            least = _SE_DIVISOR if dimension.name.endswith(".filters") else 0
            if dimension.values[0] < least:
                raise UsageError(f"space {name!r}: {dimension.name} = {dimension.values[0]}: must be at least {least}")

    def encode(self, architecture: Architecture) -> IntArray:
        """The canonical vector (length 54) of an architecture.

        Two details are not dimensions of the space and are dropped: the bound of ReLU6, which becomes ReLU, and the
        gate of squeeze-and-excitation.

        Raises:
            UsageError: The architecture is not layered, or the space has no such network.
        """
        if isinstance(architecture, LayeredArchitecture):
            architecture = replace(architecture, blocks=tuple(map(_without_details, architecture.blocks)))
        return super().encode(architecture)

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy(order="K")
        for number, part in enumerate(_SLICES, start=1):
            block, _, _, expansion, _, _, layers = result[:, part].T
            block[(block == _IRB) & (expansion == 1)] = _SEPARABLE
            self.reset(result, (block == _SEPARABLE) | (block == _CONV), _names(number, "expansion"))
            self.reset(result, block == _CONV, _names(number, "se"))
            self.reset(result, layers == 0, _names(number, *_FIELDS))
        for number in _CONTINUED:
            first, second = result[:, _SLICES[number - 2]], result[:, _SLICES[number - 1]]
            same = (second[:, -1] > 0) & (first[:, :-1] == second[:, :-1]).all(axis=1)
            together = first[:, -1] + second[:, -1]
            first[same, -1] = np.minimum(together, _MOST_LAYERS)[same]
            second[same, -1] = np.maximum(together - _MOST_LAYERS, 0)[same]
            self.reset(result, second[:, -1] == 0, _names(number, *_FIELDS))
        return result

    def by_name(self, vectors: IntArray) -> dict[str, IntArray]:
        return super().by_name(self.canonical(vectors))  # a stage may only extend the one before it

    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        size, channels, one = values["resolution"], values["stem.filters"], np.ones_like(values["resolution"])
        stem: Columns = {
            "in_channels": 3,
            "out_channels": channels,
            "kernel": _STEM_KERNEL,
            "layers": 1,
            "activation": codes(_ACTIVATIONS, values["stem.act"]),
            "in_size": size,
        }
        yield Layers(one, ((StemBlock, stem),))
        size = (size + 1) // 2
        for number, stride in enumerate(_STRIDES, start=1):
            block, filters, kernel, expansion, se, act, layers = (values[name] for name in _names(number, *_FIELDS))
            present = layers > 0
            shared: Columns = {
                "out_channels": filters,
                "kernel": kernel,
                "activation": codes(_ACTIVATIONS, act),
                "gate": np.where(se == 1, codes(_GATES, act, GATES), 0),
                "padding": "same",
            }
            out_size = (size + stride - 1) // stride
            first = present.astype(np.int64), stride, channels, size
            others = np.maximum(layers - 1, 0), 1, filters, out_size
            for count, step, in_channels, in_size in (first, others):
                columns: Columns = {
                    **shared,
                    "in_channels": in_channels,
                    "mid_channels": in_channels * expansion,
                    "se_channels": se * in_channels // _SE_DIVISOR,
                    "stride": step,
                    "in_size": in_size,
                }
                for code, kind in enumerate(_BLOCKS):
                    yield Layers(np.where(block == code, count, 0), ((kind, columns),))
            channels, size = np.where(present, filters, channels), np.where(present, out_size, size)
        head: Columns = {
            "in_channels": channels,
            "filters": values["head.filters"],
            "hidden": 0,
            "activation": codes(_ACTIVATIONS, values["head.act"]),
            "in_size": size,
        }
        yield Layers(one, ((HeadBlock, head),))

    def read(self, layers: Sequence[Block]) -> dict[str, int]:
        stem, head = layers[0], layers[-1]
        if not isinstance(stem, StemBlock) or not isinstance(head, HeadBlock):
            raise LookupError("it must start with a stem and end with a head")
        values = {"stem.filters": stem.out_channels, "stem.act": _activation(stem)}
        runs = _runs(layers[1:-1])
        for number, stride in enumerate(_STRIDES, start=1):
            if runs and runs[0].stride == stride:
                run = runs.pop(0)
                values |= zip(_names(number, *_FIELDS), (*run.settings, run.layers), strict=True)
            elif stride > 1:
                what = f"a stage of stride {runs[0].stride}" if runs else "nothing"
                raise LookupError(f"stage {number} must have stride {stride}, but there is {what}")
        if runs:
            raise LookupError(f"its layers form more stages than the {len(_STRIDES)} with strides {_STRIDES}")
        return {**values, "head.filters": head.filters, "head.act": _activation(head)}


@dataclass(frozen=True, slots=True)
class _Run:
    """Equal consecutive layers; only the first may have a stride."""

    stride: int
    settings: _Settings
    layers: int


def _runs(layers: Sequence[Block]) -> list[_Run]:
    """Runs of equal consecutive layers, at most as long as a stage.

    Raises:
        LookupError: The space has no such layer.
    """
    runs: list[_Run] = []
    for number, layer in enumerate(layers, start=1):
        if not isinstance(layer, _BLOCKS):
            raise LookupError(f"its layer {number} is {layer.label}")
        settings = _settings(layer)
        if runs and layer.reduction == 1 and runs[-1].settings == settings and runs[-1].layers < _MOST_LAYERS:
            runs[-1] = replace(runs[-1], layers=runs[-1].layers + 1)
        else:
            runs.append(_Run(layer.reduction, settings, 1))
    return runs


def _settings(layer: Block) -> _Settings:
    assert isinstance(layer, StridedBlock)
    expansion = layer.mid_channels // layer.in_channels if isinstance(layer, Bottleneck) else 1
    squeezed = int(isinstance(layer, ProjectedBlock) and layer.se_channels > 0)
    return _BLOCKS.index(type(layer)), layer.out_channels, layer.kernel, expansion, squeezed, _activation(layer)


def _activation(layer: StridedBlock | HeadBlock) -> int:
    """The value of a layer's activation in a vector."""
    return position("activation", _ACTIVATIONS, layer.activation)


def _names(number: int, *fields: str) -> list[str]:
    """Names of dimensions of a stage, counted from 1."""
    return [f"stage{number}.{field}" for field in fields]


def _without_details(layer: Block) -> Block:
    """A layer without details that are not dimensions of the space."""
    if not isinstance(layer, StemBlock | HeadBlock | Bottleneck | SeparableBlock | ConvBlock):
        return layer
    activation = "relu" if layer.activation == "relu6" else layer.activation
    if not isinstance(layer, Bottleneck | SeparableBlock) or activation not in _ACTIVATIONS:
        return replace(layer, activation=activation)
    gate = _GATES[_ACTIVATIONS.index(activation)] if layer.se_channels else GATES[0]
    return replace(layer, activation=activation, gate=gate)


MOBILE = MobileSpace(
    "mobile",
    resolution=span(96, 256, 32),
    stem_filters=span(16, 32, 8),
    stage_filters=(
        span(16, 24, 8),
        span(16, 32, 8),
        span(24, 48, 8),
        span(40, 88, 8),
        span(48, 120, 8),
        span(96, 208, 16),
        span(192, 352, 32),
    ),
    head_filters=(576, 768, 960, 1280, 1408),
    num_classes=1000,
)
"""From the filters of MobileNetV3-Small to those of EfficientNet-B2."""

MOBILE_SMALL = MobileSpace(
    "mobile-small",
    resolution=(32, 48, 64, 80, 96, 112, 128),
    stem_filters=span(8, 24, 8),
    stage_filters=(
        span(8, 24, 8),
        span(16, 32, 8),
        span(24, 40, 8),
        span(40, 80, 8),
        span(48, 112, 16),
        span(96, 160, 16),
        span(128, 256, 32),
    ),
    head_filters=(256, 384, 576),
    num_classes=10,
)
"""Small images, and filters from those of MobileNetV3-Small to those of MobileNetV3-Large."""
