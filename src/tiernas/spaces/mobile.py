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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tiernas.blocks import (
    ACTIVATIONS,
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
from tiernas.blocks.rows import BoolArray, IntArray
from tiernas.blocks.strided import StridedBlock
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.planned import span
from tiernas.spaces.space import Dimension, LayerGroup, SearchSpace

_BLOCKS: tuple[type[Block], ...] = (SeparableBlock, IrbBlock, FusedIrbBlock, ConvBlock)
"""Meaning of a vector's blocks."""
_SEPARABLE, _IRB, _FUSED_IRB, _CONV = range(4)
_ACTIVATIONS = ("relu", "swish", "hard_swish")
"""Meaning of a vector's activations."""
_GATES = ("hard_sigmoid", "sigmoid", "hard_sigmoid")
"""The gate that goes with each activation."""
_ACTIVATION_CODES = np.array([ACTIVATIONS.index(name) for name in _ACTIVATIONS])
_GATE_CODES = np.array([GATES.index(name) for name in _GATES])
"""Both, as stored in columns of layers."""

_STRIDES = (1, 2, 2, 2, 1, 2, 1)
"""Stride of each stage; stages of stride 1 may be empty."""
_MOST_LAYERS = 5
_FIELDS = ("block", "filters", "kernel", "expansion", "se", "act", "layers")
_FIRST_COLUMN = 3
"""Position of the first stage in a vector."""
_SLICES = [slice(i, i + len(_FIELDS)) for i in range(_FIRST_COLUMN, 52, len(_FIELDS))]
"""The part of a vector that belongs to each stage."""
_CONTINUED = (4, 6)
"""Stages, counted from 0, of stride 1 after one that is never empty: with equal settings they only extend it."""
_SE_DIVISOR = 4
_STEM_KERNEL = 3

_Settings = tuple[int, ...]
"""All fields of a stage except its layers."""


class MobileSpace(SearchSpace):
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

    def decode(self, vector: npt.ArrayLike) -> LayeredArchitecture:
        row = self.canonical(self.validate(np.atleast_2d(vector)))[0].tolist()
        resolution, stem_filters, stem_act = row[:_FIRST_COLUMN]
        layers: list[Block] = [
            StemBlock(3, stem_filters, _STEM_KERNEL, 1, _ACTIVATIONS[stem_act], resolution),
        ]
        for stride, part in zip(_STRIDES, _SLICES, strict=True):
            *settings, count = row[part]
            for i in range(count):
                layers.append(_layer(tuple(settings), stride if i == 0 else 1, layers[-1].out_shape))
        channels, size, _ = layers[-1].out_shape
        filters, act = row[_SLICES[-1].stop :]
        layers.append(HeadBlock(channels, filters, 0, _ACTIVATIONS[act], size))
        return LayeredArchitecture(resolution, tuple(layers))

    def encode(self, architecture: Architecture) -> IntArray:
        """The canonical vector (length 54) of an architecture.

        Two details are not dimensions of the space and are dropped: the bound of ReLU6, which becomes ReLU, and the
        gate of squeeze-and-excitation.

        Raises:
            UsageError: The architecture is not layered, or the space has no such network.
        """
        if not isinstance(architecture, LayeredArchitecture):
            raise UsageError(f"space {self.name!r} encodes a layered architecture, not {type(architecture).__name__}")
        first, last = architecture.layers[0], architecture.layers[-1]
        if not isinstance(first, StemBlock) or not isinstance(last, HeadBlock):
            raise self._not_in_it("it must start with a stem and end with a head")
        vector = [architecture.resolution, first.out_channels, self._activation(first)]
        runs = self._runs(architecture.layers[1:-1])
        for number, (stride, part) in enumerate(zip(_STRIDES, _SLICES, strict=True), start=1):
            if runs and runs[0].stride == stride:
                vector += [*runs[0].settings, runs.pop(0).layers]
            elif stride == 1:
                vector += [dimension.values[0] for dimension in self.dimensions[part]]
            else:
                what = f"a stage of stride {runs[0].stride}" if runs else "nothing"
                raise self._not_in_it(f"stage {number} must have stride {stride}, but there is {what}")
        if runs:
            raise self._not_in_it(f"its layers form more stages than the {len(_STRIDES)} with strides {_STRIDES}")
        vector += [last.filters, self._activation(last)]
        encoded: IntArray = self.canonical(self.validate([vector]))[0]
        decoded, wanted = self.decode(encoded), _without_details(architecture)
        for number, (layer, near) in enumerate(zip(wanted.layers, decoded.layers, strict=True)):
            if layer != near:
                raise self._not_in_it(
                    f"its layer {number} is {layer.label}; the nearest network of the space has {near.label}"
                )
        if decoded != wanted:
            raise self._not_in_it(f"bn_eps = {wanted.bn_eps}; the space has {decoded.bn_eps}")
        return encoded

    def _runs(self, layers: Sequence[Block]) -> list[_Run]:
        """Runs of equal consecutive layers, at most as long as a stage."""
        runs: list[_Run] = []
        for number, layer in enumerate(layers, start=1):
            if not isinstance(layer, _BLOCKS):
                raise self._not_in_it(f"its layer {number} is {layer.label}")
            settings = self._settings(layer)
            if runs and layer.reduction == 1 and runs[-1].settings == settings and runs[-1].layers < _MOST_LAYERS:
                runs[-1] = replace(runs[-1], layers=runs[-1].layers + 1)
            else:
                runs.append(_Run(layer.reduction, settings, 1))
        return runs

    def _settings(self, layer: Block) -> _Settings:
        assert isinstance(layer, StridedBlock)
        expansion = layer.mid_channels // layer.in_channels if isinstance(layer, Bottleneck) else 1
        squeezed = int(isinstance(layer, ProjectedBlock) and layer.se_channels > 0)
        block = _BLOCKS.index(type(layer))
        return block, layer.out_channels, layer.kernel, expansion, squeezed, self._activation(layer)

    def _activation(self, layer: StridedBlock | HeadBlock) -> int:
        """The value of a layer's activation in a vector."""
        name = _unbounded(layer.activation)
        if name not in _ACTIVATIONS:
            raise self._not_in_it(f"its activation is {name!r}; allowed: {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS.index(name)

    def _not_in_it(self, why: str) -> UsageError:
        return UsageError(f"the architecture is not in space {self.name!r}: {why}")

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy(order="K")
        for part in _SLICES:
            stage = result[:, part]
            block, _, _, expansion, _, _, layers = stage.T
            block[(block == _IRB) & (expansion == 1)] = _SEPARABLE
            self._reset(result, part, ("expansion",), (block == _SEPARABLE) | (block == _CONV))
            self._reset(result, part, ("se",), block == _CONV)
            self._reset(result, part, _FIELDS, layers == 0)
        for number in _CONTINUED:
            before, part = _SLICES[number - 1], _SLICES[number]
            first, second = result[:, before], result[:, part]
            same = (second[:, -1] > 0) & (first[:, :-1] == second[:, :-1]).all(axis=1)
            together = first[:, -1] + second[:, -1]
            first[same, -1] = np.minimum(together, _MOST_LAYERS)[same]
            second[same, -1] = np.maximum(together - _MOST_LAYERS, 0)[same]
            self._reset(result, part, _FIELDS, second[:, -1] == 0)
        return result

    def _reset(self, vectors: IntArray, part: slice, names: Sequence[str], where: BoolArray) -> None:
        """Sets fields of a stage to their first value in some of the vectors."""
        for name in names:
            column = part.start + _FIELDS.index(name)
            vectors[where, column] = self.dimensions[column].values[0]

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        vectors = self.canonical(vectors)
        one = np.ones(len(vectors), np.int64)
        size, channels, act = vectors[:, :_FIRST_COLUMN].T
        yield LayerGroup.of(
            StemBlock,
            one,
            in_channels=3,
            out_channels=channels,
            kernel=_STEM_KERNEL,
            layers=1,
            activation=_ACTIVATION_CODES[act],
            in_size=size,
        )
        size = (size + 1) // 2
        for stride, part in zip(_STRIDES, _SLICES, strict=True):
            block, filters, kernel, expansion, se, act, layers = vectors[:, part].T
            present = layers > 0
            shared = {
                "out_channels": filters,
                "kernel": kernel,
                "activation": _ACTIVATION_CODES[act],
                "gate": np.where(se == 1, _GATE_CODES[act], 0),
                "padding": "same",
            }
            out_size = (size + stride - 1) // stride
            first = present.astype(np.int64), stride, channels, size
            others = np.maximum(layers - 1, 0), 1, filters, out_size
            for count, step, in_channels, in_size in (first, others):
                widened = {
                    "in_channels": in_channels,
                    "mid_channels": in_channels * expansion,
                    "se_channels": se * in_channels // _SE_DIVISOR,
                }
                for code, kind in enumerate(_BLOCKS):
                    chosen = np.where(block == code, count, 0)
                    yield LayerGroup.of(kind, chosen, stride=step, in_size=in_size, **widened, **shared)
            channels, size = np.where(present, filters, channels), np.where(present, out_size, size)
        filters, act = vectors[:, _SLICES[-1].stop :].T
        yield LayerGroup.of(
            HeadBlock,
            one,
            in_channels=channels,
            filters=filters,
            hidden=0,
            activation=_ACTIVATION_CODES[act],
            in_size=size,
        )


@dataclass(frozen=True, slots=True)
class _Run:
    """Equal consecutive layers; only the first may have a stride."""

    stride: int
    settings: _Settings
    layers: int


def _layer(settings: _Settings, stride: int, in_shape: tuple[int, ...]) -> Block:
    """A layer of a stage with these settings."""
    code, filters, kernel, expansion, se, act = settings
    channels, size, _ = in_shape
    values = {
        "in_channels": channels,
        "out_channels": filters,
        "kernel": kernel,
        "stride": stride,
        "mid_channels": channels * expansion,
        "se_channels": se * channels // _SE_DIVISOR,
        "activation": _ACTIVATIONS[act],
        "padding": "same",
        "in_size": size,
        "gate": _GATES[act] if se else GATES[0],
    }
    block = _BLOCKS[code]
    return block(**{name: values[name] for name in block.columns() if name in values})


def _without_details(architecture: LayeredArchitecture) -> LayeredArchitecture:
    """The same network without details that are not dimensions of the space."""
    return replace(architecture, blocks=tuple(_plain(layer) for layer in architecture.blocks))


def _plain(layer: Block) -> Block:
    assert isinstance(layer, StemBlock | HeadBlock | Bottleneck | SeparableBlock | ConvBlock)
    activation = _unbounded(layer.activation)
    if not isinstance(layer, Bottleneck | SeparableBlock):
        return replace(layer, activation=activation)
    gate = _GATES[_ACTIVATIONS.index(activation)] if layer.se_channels else GATES[0]
    return replace(layer, activation=activation, gate=gate)


def _unbounded(activation: str) -> str:
    return "relu" if activation == "relu6" else activation


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
