"""`parent`: the parts of one network, its parent.

The dimensions are the parts that can be left out of the parent, stage by stage. The last value of every dimension is
the parent's, so the last vector is the whole parent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tiernas.blocks import ACTIVATIONS, GATES, Block, ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock
from tiernas.blocks.activations import SE_ACTIVATIONS
from tiernas.blocks.bottleneck import Bottleneck
from tiernas.blocks.convolution import SKIPS, convolved_sizes
from tiernas.blocks.projected import ProjectedBlock
from tiernas.blocks.rows import BoolArray, IntArray
from tiernas.blocks.stem import StemBlock
from tiernas.blocks.strided import StridedBlock
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.planned import Columns, Layers, PlannedSpace, span
from tiernas.spaces.space import Dimension
from tiernas.spaces.stages import stages

PARENT = "parent"
"""The name of every such space."""

RESOLUTION = span(96, 256, 32)
"""Default resolutions, in pixels."""

CHANNEL_PERCENT = (25, 50, 75, 100)
"""Default percentages of channels to keep."""

_BODY: tuple[type[Block], ...] = (ConvBlock, SeparableBlock, IrbBlock, FusedIrbBlock)
_SMALL_KERNEL = 3
_DIVISOR = 8
"""Divisor of all numbers of channels but the parent's own, for the sake of vector instructions."""
_CHEAP = ("relu", "relu6")
"""Activations as cheap as ReLU."""
_WHOLE_PERCENT = 100


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage of the parent.

    Attributes:
        name: Prefix of its dimensions.
        layers: Its layers.
        values: The values of each of its dimensions, by name without the prefix.
        first: For dimensions that affect only some layers, the position of the first of these.
    """

    name: str
    layers: tuple[StridedBlock, ...]
    values: dict[str, tuple[int, ...]]
    first: dict[str, int]

    @property
    def is_tied(self) -> bool:
        """Whether its first layer is residual. Only the stem can precede it, and both have the same channels."""
        return self.layers[0].residual


class ParentSpace(PlannedSpace):
    """All networks that are parts of a parent.

    No two canonical vectors stand for the same network: consecutive stages of the same resolution have no number of
    filters in common, so the boundaries of stages can be read from a network. A layer adds its input exactly if it does
    in the parent.

    Attributes:
        parent: The parent.
        channel_percent: Allowed percentages of the parent's channels.

    Args:
        parent: The parent: a stem, convolutions, separable, inverted or fused residual blocks, and a head.
        resolution: Allowed resolutions of the input, in pixels, increasing.
        channel_percent: Allowed percentages of the parent's channels, increasing; the last is 100.
        num_classes: Default number of classes of latency tables, which an architecture does not determine.

    Raises:
        UsageError: A layer of the parent cannot be cut (the message names it), the percentages are invalid, or a
            resolution is so low that no pixels are left.
    """

    def __init__(
        self,
        parent: Architecture,
        resolution: Sequence[int] = RESOLUTION,
        channel_percent: Sequence[int] = CHANNEL_PERCENT,
        *,
        num_classes: int,
    ) -> None:
        self.parent = LayeredArchitecture(parent.resolution, parent.layers, parent.bn_eps)
        self.bn_eps = parent.bn_eps
        self.channel_percent = _checked_percent(channel_percent)
        self._stem, body, self._head = _cuttable(self.parent)
        self._stages = [self._stage(f"stage{number}", part) for number, part in enumerate(body, start=1)]
        for before, after in pairwise(self._stages):
            if after.layers[0].reduction == 1:
                _keep_apart(before, after)
        super().__init__(PARENT, tuple(self._dimensions(tuple(resolution))), num_classes)
        self._require_pixels()

    def with_classes(self, num_classes: int) -> ParentSpace:
        """The same space with another default number of classes."""
        return ParentSpace(self.parent, self.dimensions[0].values, self.channel_percent, num_classes=num_classes)

    def whole(self, resolution: int) -> tuple[int, ...]:
        """The vector of the whole parent at one of the allowed resolutions, in pixels."""
        return resolution, *(dimension.values[-1] for dimension in self.dimensions[1:])

    def canonical(self, vectors: IntArray) -> IntArray:
        result: IntArray = vectors.copy()
        for stage in self._stages:
            if "layers" not in stage.values:
                continue
            layers = vectors[:, self._position(f"{stage.name}.layers")]
            for what, first in stage.first.items():
                self.reset(result, layers <= first, [f"{stage.name}.{what}"])
        return result

    def plan(self, values: Mapping[str, IntArray]) -> Iterator[Layers]:
        size = values["resolution"]
        one = np.ones_like(size)

        def value(part: str, what: str, otherwise: int) -> IntArray:
            return values.get(f"{part}.{what}", otherwise * one)

        stem, head = self._stem, self._head
        channels = value("stem", "filters", stem.out_channels)
        cut: dict[str, IntArray] = {"out_channels": channels, "in_size": size}
        cut["activation"] = _activation(stem.activation, value("stem", "act", 1))
        yield Layers(one, ((StemBlock, {**_fields(stem), **cut}),))
        size = _out_size(stem, size, stem.kernel * one)
        for stage in self._stages:
            filters = channels if stage.is_tied else value(stage.name, "filters", stage.layers[0].out_channels)
            count = value(stage.name, "layers", len(stage.layers))
            kernel = value(stage.name, "kernel", max(layer.kernel for layer in stage.layers))
            percent = value(stage.name, "expanded_percent", _WHOLE_PERCENT)
            se, act = value(stage.name, "se", 1), value(stage.name, "act", 1)
            for position, layer in enumerate(stage.layers):
                present = count > position
                cut = {"in_channels": channels, "out_channels": filters, "in_size": size}
                cut["kernel"] = np.minimum(layer.kernel, kernel)
                cut["activation"] = _activation(layer.activation, act)
                if isinstance(layer, Bottleneck):
                    cut["mid_channels"] = _part(layer.mid_channels, percent)
                if isinstance(layer, ProjectedBlock) and layer.se_channels:
                    cut["se_channels"] = se * layer.se_channels
                    cut["gate"] = se * GATES.index(layer.gate)
                    cut["se_activation"] = se * SE_ACTIVATIONS.index(layer.se_activation)
                out_size = _out_size(layer, size, cut["kernel"])
                if not layer.residual:
                    could = (channels == filters) & (out_size == size) & (layer.stride == 1)
                    cut["skip"] = np.where(could, SKIPS.index("none"), SKIPS.index(layer.skip))
                yield Layers(present.astype(np.int64), ((type(layer), {**_fields(layer), **cut}),))
                size, channels = np.where(present, out_size, size), np.where(present, filters, channels)
        cut = {"in_channels": channels, "in_size": size}
        cut |= {what: value("head", what, getattr(head, what)) for what in ("filters", "hidden")}
        cut["activation"] = _activation(head.activation, value("head", "act", 1))
        yield Layers(one, ((HeadBlock, {**_fields(head), **cut}),))

    def read(self, layers: Sequence[Block]) -> dict[str, int]:
        stem, head = layers[0], layers[-1]
        if not isinstance(stem, StemBlock) or not isinstance(head, HeadBlock):
            raise LookupError("its first layer must be a stem and its last one a head")
        values = {
            "stem.filters": stem.out_channels,
            "stem.act": int(stem.activation == self._stem.activation),
            "head.filters": head.filters,
            "head.hidden": head.hidden,
            "head.act": int(head.activation == self._head.activation),
        }
        found = stages(layers)
        if len(found) != len(self._stages):
            raise LookupError(f"it has {len(found)} stages, the parent has {len(self._stages)}")
        for stage, part in zip(self._stages, found, strict=True):
            values[f"{stage.name}.layers"] = len(part)
            values[f"{stage.name}.filters"] = part[0].out_shape[0]
            for what, first in stage.first.items():
                if first < len(part):
                    values[f"{stage.name}.{what}"] = self._told(stage, what, part[first])
        return values

    def _told(self, stage: _Stage, what: str, layer: Block) -> int:
        """The value of a dimension, read from the first layer that it affects."""
        whole = stage.layers[stage.first[what]]
        for value in stage.values[what]:
            if _field(what, layer) == _cut_field(what, whole, value):
                return value
        raise LookupError(f"its {stage.name} has {layer.label}, which is not a part of {whole.label}")

    def _stage(self, name: str, layers: tuple[StridedBlock, ...]) -> _Stage:
        values = {"layers": span(1, len(layers)), "filters": _widths(layers[0].out_channels, self.channel_percent)}
        first: dict[str, int] = {}
        for what in ("expanded_percent", "kernel", "se", "act"):
            have = [position for position, layer in enumerate(layers) if _has(what, layer)]
            if have:
                first[what] = have[0]
                values[what] = self._allowed(what, layers, layers[have[0]])
        values = {what: allowed for what, allowed in values.items() if len(allowed) > 1 or what == "filters"}
        return _Stage(name, layers, values, {what: at for what, at in first.items() if what in values})

    def _allowed(self, what: str, layers: tuple[StridedBlock, ...], one: StridedBlock) -> tuple[int, ...]:
        """The values of a dimension of a stage, which are distinct in the first layer that it affects."""
        if what == "expanded_percent":
            distinct = {_cut_field(what, one, percent): percent for percent in self.channel_percent}
            return tuple(sorted(distinct.values()))
        if what == "kernel":
            return _SMALL_KERNEL, max(layer.kernel for layer in layers)
        return 0, 1

    def _dimensions(self, resolution: tuple[int, ...]) -> Iterator[Dimension]:
        stem, head, percent = self._stem, self._head, self.channel_percent
        yield Dimension("resolution", resolution)
        parts = {"stem": {"filters": _widths(stem.out_channels, percent)}}
        parts |= {stage.name: dict(stage.values) for stage in self._stages}
        parts["head"] = {what: _widths(getattr(head, what), percent) for what in ("filters", "hidden")}
        if self._stages[0].is_tied:
            parts["stem"]["filters"] = parts[self._stages[0].name].pop("filters")
        if stem.activation not in _CHEAP:
            parts["stem"]["act"] = (0, 1)
        if head.activation not in _CHEAP and (head.filters or head.hidden):
            parts["head"]["act"] = (0, 1)
        for name, values in parts.items():
            for what, allowed in values.items():
                if len(allowed) > 1:
                    yield Dimension(f"{name}.{what}", allowed, categorical=what == "act")

    def _require_pixels(self) -> None:
        """Refuses a resolution at which a map of the whole parent, which has the largest kernels, has no pixels."""
        low = size = self.dimensions[0].values[0]
        for number, layer in enumerate((self._stem, *(layer for stage in self._stages for layer in stage.layers))):
            *_, size = layer.resized(size).out_shape
            if size < 1:
                raise UsageError(
                    f"resolution = {low}: layer {number} ({self.parent.layers[number].label}) has no pixels left; "
                    "allow only larger images"
                )


def _cuttable(parent: LayeredArchitecture) -> tuple[StemBlock, list[tuple[StridedBlock, ...]], HeadBlock]:
    """Stem, stages and head of a parent.

    Raises:
        UsageError: A layer cannot be cut; the message names it.
    """
    stem, *body, head = parent.layers if len(parent.layers) > 1 else (parent.layers[0],) * 2
    kinds: list[tuple[Block, tuple[type[Block], ...]]] = [(stem, (StemBlock,))]
    kinds += [*((layer, _BODY) for layer in body), (head, (HeadBlock,))]
    for number, (layer, allowed) in enumerate(kinds):
        if not isinstance(layer, allowed):
            names = " or ".join(kind.block for kind in allowed)
            raise UsageError(f"layer {number} of the parent ({layer.label}) cannot be cut: must be a {names}")
        if isinstance(layer, FusedIrbBlock) and layer.groups > 1:
            raise UsageError(
                f"layer {number} of the parent ({layer.label}) cannot be cut: its convolution has {layer.groups} groups"
            )
    if not body:
        raise UsageError("the parent has no layer between stem and head, so there is nothing to search")
    assert isinstance(stem, StemBlock)
    assert isinstance(head, HeadBlock)
    found = stages(parent.layers)
    return stem, [tuple(layer for layer in part if isinstance(layer, StridedBlock)) for part in found], head


def _checked_percent(percent: Sequence[int]) -> tuple[int, ...]:
    whole = all(isinstance(p, int) and not isinstance(p, bool) for p in percent)
    rising = whole and all(low < high for low, high in pairwise(percent))
    if not percent or not rising or percent[0] < 1 or percent[-1] != _WHOLE_PERCENT:
        raise UsageError(
            f"channel_percent = {list(percent)}: must be increasing whole numbers from 1 to 100, the last of them "
            "100, which is the parent"
        )
    return tuple(percent)


def _keep_apart(before: _Stage, after: _Stage) -> None:
    """Makes the numbers of filters of two stages of the same resolution disjoint.

    The second stage gets the next larger free number. Each stage keeps the parent's own number.
    """
    own = after.layers[0].out_channels
    before.values["filters"] = taken = tuple(count for count in before.values["filters"] if count != own)
    free = (next((c for c in range(least, own, _DIVISOR) if c not in taken), own) for least in after.values["filters"])
    after.values["filters"] = tuple(sorted(set(free)))


def _has(what: str, layer: StridedBlock) -> bool:
    """Whether a dimension affects a layer of the parent."""
    match what:
        case "expanded_percent":
            return isinstance(layer, Bottleneck)
        case "kernel":
            return layer.kernel > _SMALL_KERNEL
        case "se":
            return isinstance(layer, ProjectedBlock) and layer.se_channels > 0
        case _:
            return layer.activation not in _CHEAP


def _field(what: str, layer: Block) -> object:
    """The field of a layer that a dimension sets; None if the layer has no such field."""
    match what:
        case "expanded_percent":
            return getattr(layer, "mid_channels", None)
        case "se":
            return int(getattr(layer, "se_channels", 0) > 0)
        case "kernel":
            return getattr(layer, "kernel", None)
        case _:
            return getattr(layer, "activation", None)


def _cut_field(what: str, layer: StridedBlock, value: int) -> object:
    """The value of `_field` for a layer of the parent after cutting."""
    match what:
        case "expanded_percent":
            assert isinstance(layer, Bottleneck)
            return int(_part(layer.mid_channels, np.array(value)))
        case "kernel":
            return min(layer.kernel, value)
        case "se":
            return value
        case _:
            return layer.activation if value else "relu"


def _fields(layer: Block) -> Columns:
    return {name: getattr(layer, name) for name in layer.columns()}


def _part(channels: int, percent: IntArray) -> IntArray:
    """The number of channels that a percentage keeps."""
    rounded = (channels * percent + 50 * _DIVISOR) // (_WHOLE_PERCENT * _DIVISOR) * _DIVISOR
    kept: IntArray = np.where(percent == _WHOLE_PERCENT, channels, np.clip(rounded, min(_DIVISOR, channels), channels))
    return kept


def _widths(channels: int, percent: Sequence[int]) -> tuple[int, ...]:
    """All numbers of channels that the percentages keep, increasing."""
    return tuple(np.unique(_part(channels, np.array(percent, np.int64))).tolist())


def _activation(name: str, kept: IntArray) -> IntArray:
    """A column of activations: the parent's where `kept` is 1, and ReLU elsewhere."""
    code, relu = ACTIVATIONS.index(name), ACTIVATIONS.index("relu")
    column: IntArray = np.where((kept == 1) | (name in _CHEAP), code, relu)
    return column


def _out_size(layer: StridedBlock, size: IntArray, kernel: IntArray) -> IntArray:
    padded: BoolArray = np.full(size.shape, layer.padding != "valid")
    sizes = convolved_sizes(size, kernel, np.full_like(size, layer.stride), padded)  # type: ignore[arg-type]
    return sizes.astype(np.int64)
