"""The convolutional spaces of GPUNet: 41 integers (Wang et al., CVPR 2022, arXiv 2205.00841, Tables 1 and 2).

Stage 0 (stem) and stage 1 are convolutions and share their filters; stages 2 and 3 are fused IRBs; stages 4 to 7
are IRBs; the head is a 1x1 convolution, pooling and a classifier. The order of the integers is resolution, stem
filters, (kernel, activation, layers) of stage 1, then (filters, kernel, expansion, squeeze-and-excitation, activation,
layers) of each of stages 2 to 7.

The vector does not include kernel and activation of the stem: they are 3 and swish, as in the released networks
GPUNet-0, -1 and -2. Stage 4 has 1 to 10 layers (the paper's Table 1; its text says 3 to 10).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tiernas.blocks import ACTIVATIONS, Block, ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, StemBlock
from tiernas.blocks.rows import IntArray
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.space import Dimension, LayerGroup, SearchSpace
from tiernas.spaces.staged import SE_RATIO, Head, Stage, StagedArchitecture, Stem

_STAGE_FIELDS = ("filters", "kernel", "expansion", "se", "act", "layers")
_STAGES: dict[int, tuple[type[Block], int]] = {
    2: (FusedIrbBlock, 2),
    3: (FusedIrbBlock, 2),
    4: (IrbBlock, 2),
    5: (IrbBlock, 1),
    6: (IrbBlock, 2),
    7: (IrbBlock, 1),
}
"""Block and stride of each stage after the convolutions."""
_ACTIVATIONS = ("relu", "swish")
"""Meaning of a vector's activations."""
_ACTIVATION_CODES = np.array([ACTIVATIONS.index(name) for name in _ACTIVATIONS])
"""The same, as stored in columns of layers."""
_FIRST_COLUMN = 5
"""Position of stage 2 in a vector."""
_CHANNEL_DIVISOR = 8
"""Filters are multiples of this, so that expanded channels need no rounding."""
_SE_DIVISOR = round(1 / SE_RATIO)
_SLICES = [slice(i, i + len(_STAGE_FIELDS)) for i in range(_FIRST_COLUMN, 41, len(_STAGE_FIELDS))]
"""The part of a vector that belongs to each of stages 2 to 7."""
_KINDS = [(block.block, stride) for block, stride in _STAGES.values()]
"""What distinguishes a `Stage` of each of stages 2 to 7 from the others."""

_Places = tuple[int, ...]
"""Which of stages 2 to 7, counted from 0, are not empty."""


@dataclass(frozen=True, slots=True)
class StageRange:
    """Allowed values of a stage, as `(minimum, maximum, step)` or `(minimum, maximum)`; for kernels, all sizes."""

    filters: tuple[int, int, int]
    layers: tuple[int, int]
    kernel: tuple[int, ...] = (3, 5)
    expansion: tuple[int, int] = (2, 6)


class ConvNetSpace(SearchSpace):
    """Networks of 41 integers with the stage plan of GPUNet; the presets differ in their ranges.

    Args:
        name: Name of the space.
        resolution: Allowed resolutions of the input, in pixels.
        stem_filters: Allowed filters of stages 0 and 1, multiples of 8.
        stem_layers: Minimum and maximum number of convolutions in stage 1.
        stages: The ranges of stages 2 to 7, in order; filters are multiples of 8, kernels odd.
        head_filters: Channels of the head's 1x1 convolution.
        num_classes: Default number of classes of latency tables.

    Raises:
        UsageError: A range is empty or contains a value that no network of the space can have; the message names it.
    """

    def __init__(
        self,
        name: str,
        *,
        resolution: tuple[int, ...],
        stem_filters: tuple[int, ...],
        stem_layers: tuple[int, int],
        stages: tuple[StageRange, ...],
        head_filters: int,
        num_classes: int,
    ) -> None:
        if len(stages) != len(_STAGES):
            raise UsageError(f"space {name!r}: {len(stages)} stages; must be {len(_STAGES)}, stages 2 to 7")
        dimensions = [
            Dimension("resolution", resolution),
            Dimension("stage0.filters", stem_filters),
            Dimension("stage1.kernel", (3, 5)),
            Dimension("stage1.act", (0, 1), categorical=True),
            Dimension("stage1.layers", _span(*stem_layers)),
        ]
        for index, stage in zip(_STAGES, stages, strict=True):
            values = (
                _span(*stage.filters),
                stage.kernel,
                _span(*stage.expansion),
                (0, 1),
                (0, 1),
                _span(*stage.layers),
            )
            dimensions += [
                Dimension(f"stage{index}.{field}", v, categorical=field == "act")
                for field, v in zip(_STAGE_FIELDS, values, strict=True)
            ]
        super().__init__(name, tuple(dimensions), num_classes)
        for dimension in dimensions:
            _require_buildable(name, dimension)
        if head_filters < 1:
            raise UsageError(f"space {name!r}: head_filters = {head_filters}: must be at least 1")
        self.head = Head(head_filters)

    def decode(self, vector: npt.ArrayLike) -> StagedArchitecture:
        row = self.validate(np.atleast_2d(vector))[0]
        resolution, filters, kernel, activation, layers = (int(v) for v in row[:_FIRST_COLUMN])
        stages = [Stage(ConvBlock.block, filters, kernel, 1, layers, _ACTIVATIONS[activation])]
        for (block, stride), part in zip(_STAGES.values(), _SLICES, strict=True):
            filters, kernel, expansion, se, activation, layers = (int(v) for v in row[part])
            if layers:
                stages.append(
                    Stage(block.block, filters, kernel, stride, layers, _ACTIVATIONS[activation], expansion, bool(se))
                )
        return StagedArchitecture(
            resolution, Stem(stages[0].filters), tuple(stages), self.head, channel_divisor=_CHANNEL_DIVISOR
        )

    def encode(self, architecture: Architecture) -> IntArray:
        """The canonical vector (length 41) of an architecture.

        The padding of stride-2 fused blocks is not a dimension of the space and is dropped, so the released GPUNet-0,
        -1 and -2 become the vectors of the same networks with "same" padding.

        Raises:
            UsageError: The architecture is not staged, or the space has no such network.
        """
        if not isinstance(architecture, StagedArchitecture):
            raise UsageError(f"space {self.name!r} encodes a staged architecture, not {type(architecture).__name__}")
        if not architecture.stages:
            raise UsageError(f"the architecture is not in space {self.name!r}: it has no stages")
        padded = replace(architecture, stages=tuple(replace(s, padding="same") for s in architecture.stages))
        first, *rest = padded.stages
        vector = [
            padded.resolution,
            padded.stem.filters,
            first.kernel,
            self._activation(first),
            first.layers,
            *self._written(rest),
        ]
        encoded: IntArray = self.validate([vector])[0]
        decoded = self.decode(encoded)
        if decoded != padded:
            differing = [f.name for f in fields(padded) if getattr(padded, f.name) != getattr(decoded, f.name)]
            raise UsageError(
                f"the architecture is not in space {self.name!r}: its {' and '.join(differing)} cannot be written as "
                f"a vector; the nearest network of the space has "
                + "; ".join(f"{name} = {getattr(decoded, name)}" for name in differing)
            )
        return encoded

    def _activation(self, stage: Stage) -> int:
        """The value of a stage's activation in a vector."""
        if stage.activation not in _ACTIVATIONS:
            raise UsageError(
                f"the architecture is not in space {self.name!r}: its activation is {stage.activation!r}; "
                f"allowed: {', '.join(_ACTIVATIONS)}"
            )
        return _ACTIVATIONS.index(stage.activation)

    def _written(self, stages: Sequence[Stage]) -> list[int]:
        """The values in a vector of the stages after the convolutions; similar ones if the space has no such stages."""
        written = []
        for stage in stages:
            channels = [stage.filters, stage.kernel, int(stage.expansion), int(stage.squeeze_excite)]
            written.append([*channels, self._activation(stage), stage.layers])
        kinds = [(stage.block, stage.stride) for stage in stages]
        possible = self._placements(kinds) or [_nearest(kinds)]
        places = next((places for places in possible if self._allows(written, places)), possible[0])
        parts = [[*(dimension.values[0] for dimension in self.dimensions[part][:-1]), 0] for part in _SLICES]
        for place, part in zip(places, written, strict=False):
            parts[place] = part
        return [value for part in parts for value in part]

    def _placements(self, kinds: Sequence[tuple[str, int]]) -> list[_Places]:
        """The possible positions of a run of stages of these kinds, earliest first."""
        needed = {place for place, part in enumerate(_SLICES) if self.dimensions[part][-1].values[0] > 0}
        return [
            places
            for places in combinations(range(len(_KINDS)), len(kinds))
            if needed <= set(places) and [_KINDS[place] for place in places] == kinds
        ]

    def _allows(self, written: Sequence[Sequence[int]], places: _Places) -> bool:
        return all(
            value in dimension.values
            for part, place in zip(written, places, strict=False)
            for value, dimension in zip(part, self.dimensions[_SLICES[place]], strict=True)
        )

    @cached_property
    def _earlier(self) -> Mapping[_Places, list[_Places]]:
        """Alternative positions of the stages of a vector, earliest first, if their ranges allow the values.

        They exist only if more than one stage of the same kind may be empty, which no built-in space has.
        """
        found: dict[_Places, list[_Places]] = {}
        for count in range(len(_KINDS) + 1):
            for places in combinations(range(len(_KINDS)), count):
                others = self._placements([_KINDS[place] for place in places])
                if places in others[1:]:
                    found[places] = others[: others.index(places)]
        return found

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()
        for places, earlier in self._earlier.items():
            self._move(result, places, earlier)
        for part in _SLICES:
            absent = result[:, part.stop - 1] == 0
            for i in range(part.start, part.stop - 1):
                result[absent, i] = self.dimensions[i].values[0]
        return result

    def _move(self, vectors: IntArray, places: _Places, earlier: Sequence[_Places]) -> None:
        """Moves stages, in place, to the first of `earlier` that allows them, in the vectors (`n x d`) that have them.

        Args:
            vectors: The vectors.
            places: Exactly the stages that are not empty.
            earlier: Other stages of the same kinds and numbers.
        """
        there = np.array([place in places for place in range(len(_KINDS))])
        rows = np.flatnonzero(((vectors[:, [part.stop - 1 for part in _SLICES]] > 0) == there).all(axis=1))
        for others in earlier:
            pairs = [(_SLICES[old], _SLICES[new]) for old, new in zip(places, others, strict=True)]
            fits = np.ones(len(rows), dtype=bool)
            for old, new in pairs:
                for i, dimension in enumerate(self.dimensions[new], start=old.start):
                    fits &= np.isin(vectors[rows, i], dimension.values)
            moved, rows = rows[fits], rows[~fits]
            parts = [vectors[moved, old] for old, _ in pairs]
            for place in places:
                vectors[moved, _SLICES[place].stop - 1] = 0
            for (_, new), part in zip(pairs, parts, strict=True):
                vectors[moved, new] = part

    def layer_groups(self, vectors: IntArray) -> Iterator[LayerGroup]:
        size, channels, kernel, act, layers = vectors[:, :_FIRST_COLUMN].T
        stem, head, one = Stem(0), self.head, np.ones(len(vectors), np.int64)
        yield LayerGroup.of(
            StemBlock,
            one,
            in_channels=3,
            out_channels=channels,
            kernel=stem.kernel,
            layers=stem.layers,
            activation=stem.activation,
            in_size=size,
        )
        size = (size + 1) // 2
        yield LayerGroup.of(
            ConvBlock,
            layers,
            in_channels=channels,
            out_channels=channels,
            kernel=kernel,
            stride=1,
            activation=_ACTIVATION_CODES[act],
            padding="same",
            in_size=size,
        )
        for (block, stride), part in zip(_STAGES.values(), _SLICES, strict=True):
            filters, kernel, expansion, se, act, layers = vectors[:, part].T
            act, present = _ACTIVATION_CODES[act], layers > 0
            shared = {
                "out_channels": filters,
                "kernel": kernel,
                "activation": act,
                "padding": "same",
                "gate": "sigmoid",
            }
            first, others = present.astype(np.int64), np.maximum(layers - 1, 0)
            yield LayerGroup.of(
                block, first, stride=stride, **_widened(channels, expansion, se), in_size=size, **shared
            )
            channels = np.where(present, filters, channels)
            size = np.where(present, (size + stride - 1) // stride, size)
            yield LayerGroup.of(block, others, stride=1, **_widened(channels, expansion, se), in_size=size, **shared)
        yield LayerGroup.of(
            HeadBlock,
            one,
            in_channels=channels,
            filters=head.filters,
            hidden=head.hidden,
            activation=head.activation,
            in_size=size,
        )


def _nearest(kinds: Sequence[tuple[str, int]]) -> _Places:
    """The positions of the first stages of these kinds, if no network of the space has stages of all of them."""
    left, places = list(kinds), list[int]()
    for place, kind in enumerate(_KINDS):
        if left[:1] == [kind]:
            places.append(place)
            left.pop(0)
    return tuple(places)


def _widened(channels: IntArray, expansion: IntArray, se: IntArray) -> dict[str, IntArray]:
    squeezed = se * channels // _SE_DIVISOR
    return {"in_channels": channels, "mid_channels": channels * expansion, "se_channels": squeezed}


def _require_buildable(space: str, dimension: Dimension) -> None:
    """Refuses values whose networks cannot be built, or whose layers would contradict `layer_groups`."""
    stage, _, what = dimension.name.partition(".")
    match what or stage:
        case "filters":
            wrong = [value for value in dimension.values if value < 1 or value % _CHANNEL_DIVISOR]
            allowed = f"positive multiples of {_CHANNEL_DIVISOR}: other expanded channels would be rounded"
        case "kernel":
            wrong = [value for value in dimension.values if value < 1 or value % 2 == 0]
            allowed = "odd: even ones change the size of an image by a pixel"
        case "layers":
            least = 1 if stage == "stage1" else 0
            wrong = [value for value in dimension.values if value < least]
            allowed = f"at least {least}"
        case "resolution" | "expansion":
            wrong = [value for value in dimension.values if value < 1]
            allowed = "at least 1"
        case _:
            return
    if wrong:
        raise UsageError(f"space {space!r}: {dimension.name} = {', '.join(map(str, wrong))}: must be {allowed}")


def _span(low: int, high: int, step: int = 1) -> tuple[int, ...]:
    try:
        return tuple(range(low, high + 1, step))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"range from {low} to {high} in steps of {step}: must be whole numbers, with a nonzero step"
        ) from error


GPUNET = ConvNetSpace(
    "gpunet",
    resolution=_span(224, 512, 32),
    stem_filters=_span(24, 32, 8),
    stem_layers=(1, 4),
    stages=(
        StageRange(filters=(32, 80, 16), layers=(1, 8)),
        StageRange(filters=(48, 112, 16), layers=(1, 8)),
        StageRange(filters=(96, 192, 16), layers=(1, 10)),
        StageRange(filters=(112, 224, 16), layers=(0, 15)),
        StageRange(filters=(128, 416, 32), layers=(1, 15)),
        StageRange(filters=(256, 832, 64), layers=(0, 15)),
    ),
    head_filters=1792,
    num_classes=1000,
)
"""The paper's Table 1."""

GPUNET_WIDE = ConvNetSpace(
    "gpunet-wide",
    resolution=_span(224, 512, 32),
    stem_filters=_span(24, 32, 8),
    stem_layers=(1, 4),
    stages=(
        StageRange(filters=(32, 80, 16), layers=(1, 8)),
        StageRange(filters=(48, 112, 16), layers=(1, 8)),
        StageRange(filters=(96, 256, 16), layers=(1, 10)),
        StageRange(filters=(112, 288, 16), layers=(0, 15)),
        StageRange(filters=(128, 704, 32), layers=(1, 15)),
        StageRange(filters=(256, 832, 64), layers=(0, 15)),
    ),
    head_filters=1280,
    num_classes=1000,
)
"""`gpunet` with the wider stages 4 to 6 and the head of the released GPUNet-0, -1 and -2."""

GPUNET_SMALL = ConvNetSpace(
    "gpunet-small",
    resolution=(32, 48, 64, 80, 96, 112, 128),
    stem_filters=_span(8, 24, 8),
    stem_layers=(1, 2),
    stages=(
        StageRange(filters=(16, 32, 8), layers=(1, 3)),
        StageRange(filters=(24, 48, 8), layers=(1, 3)),
        StageRange(filters=(32, 80, 16), layers=(1, 4)),
        StageRange(filters=(48, 96, 16), layers=(0, 4)),
        StageRange(filters=(64, 160, 32), layers=(1, 4)),
        StageRange(filters=(96, 256, 32), layers=(0, 3)),
    ),
    head_filters=320,
    num_classes=10,
)
"""Small networks for small images, suitable for a laptop."""
