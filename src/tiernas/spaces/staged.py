"""`StagedArchitecture`: a convolutional network as a stem, stages of equal blocks, and a head."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from numbers import Integral
from typing import Any

from tiernas.blocks import ACTIVATIONS, Block, ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, StemBlock
from tiernas.blocks.convolution import PADDINGS
from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture

SE_RATIO = 0.25
"""Squeeze-and-excitation channels per input channel of a block (EfficientNet, arXiv 1905.11946)."""

_BOTTLENECKS = {kind.block: kind for kind in (FusedIrbBlock, IrbBlock)}

_MOST_PIXELS, _MOST_CHANNELS, _MOST_LAYERS, _MOST_KERNEL = 2**14, 2**16, 1000, 255
"""Upper bounds far beyond any practical network, so that an error is reported before it fills memory."""


@dataclass(frozen=True, slots=True)
class Stem:
    """The first convolutions: 3 image channels to `filters`, the first with stride 2, the others with 1."""

    filters: int
    kernel: int = 3
    activation: str = "swish"
    layers: int = 1

    def __post_init__(self) -> None:
        _make_plain(self)


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of `layers` equal blocks; only the first has the stride.

    Attributes:
        block: "conv", "fused_irb" or "irb".
        filters: Output channels.
        kernel: Size of the spatial convolution.
        stride: Stride of the first block.
        layers: Number of blocks, at least 1.
        activation: One of `tiernas.blocks.ACTIVATIONS`.
        expansion: Channels after the expansion per input channel (IRB and fused IRB).
        squeeze_excite: Whether the blocks have squeeze-and-excitation.
        padding: Padding of the first block; the released stride-2 fused blocks have "valid".
    """

    block: str
    filters: int
    kernel: int
    stride: int
    layers: int
    activation: str
    expansion: float = 1
    squeeze_excite: bool = False
    padding: str = "same"

    def __post_init__(self) -> None:
        _make_plain(self)


@dataclass(frozen=True, slots=True)
class Head:
    """1x1 convolution, pooling, an optional second 1x1 convolution (`hidden` channels), classifier."""

    filters: int
    activation: str = "relu"
    hidden: int = 0

    def __post_init__(self) -> None:
        _make_plain(self)


@dataclass(frozen=True, slots=True)
class StagedArchitecture(Architecture):
    """A network: input resolution, stem, stages and head.

    Attributes:
        resolution: Height and width of the input image, in pixels.
        stem: The first convolutions.
        stages: The stages in execution order.
        head: The classifier.
        bn_eps: Epsilon of every batch normalization.
        channel_divisor: Expanded channels are rounded to a multiple of this (1: not rounded).

    Raises:
        UsageError: A value has the wrong type or is out of range; the message names it.
    """

    resolution: int
    stem: Stem
    stages: tuple[Stage, ...]
    head: Head
    bn_eps: float = 1e-3
    channel_divisor: int = 8

    def __post_init__(self) -> None:
        _make_plain(self)
        for name, kind in (("stem", Stem), ("head", Head)):
            _instance(name, getattr(self, name), kind)
        _whole(self, "", "resolution", 1, _MOST_PIXELS)
        _whole(self, "", "channel_divisor", 1, _MOST_CHANNELS)
        _number(self, "", "bn_eps", 1)
        for part, where in ((self.stem, "stem."), (self.head, "head.")):
            _whole(part, where, "filters", 1, _MOST_CHANNELS)
            _one_of(part, where, "activation", ACTIVATIONS)
        _kernel(self.stem, "stem.")
        _whole(self.stem, "stem.", "layers", 1, _MOST_LAYERS)
        _whole(self.head, "head.", "hidden", 0, _MOST_CHANNELS)
        _instance("stages", self.stages, tuple)
        for i, stage in enumerate(self.stages):
            _check_stage(stage, f"stages[{i}]")
        if sum(stage.layers for stage in self.stages) > _MOST_LAYERS:
            raise UsageError(f"stages: must have at most {_MOST_LAYERS} layers in total")

    @property
    def layers(self) -> tuple[Block, ...]:
        stem, head = self.stem, self.head
        found: list[Block] = [
            StemBlock(3, stem.filters, stem.kernel, stem.layers, stem.activation, self.resolution),
        ]
        for stage in self.stages:
            for i in range(stage.layers):
                found.append(self._layer(stage, found[-1].out_shape, first=i == 0))
        channels, size, _ = found[-1].out_shape
        found.append(HeadBlock(channels, head.filters, head.hidden, head.activation, size))
        return tuple(found)

    def _layer(self, stage: Stage, in_shape: tuple[int, ...], *, first: bool) -> Block:
        channels, size, _ = in_shape
        stride, padding = (stage.stride, stage.padding) if first else (1, "same")
        if stage.block == "conv":
            return ConvBlock(channels, stage.filters, stage.kernel, stride, stage.activation, padding, size)
        mid = round_channels(channels * stage.expansion, self.channel_divisor)
        squeezed = round(mid * SE_RATIO / stage.expansion) if stage.squeeze_excite else 0
        return _BOTTLENECKS[stage.block](
            channels, stage.filters, stage.kernel, stride, mid, squeezed, stage.activation, padding, size
        )

    def resized(self, resolution: int) -> StagedArchitecture:
        return replace(self, resolution=resolution)

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> StagedArchitecture:
        """The architecture of a JSON object.

        Raises:
            UsageError: A key is missing, unknown, of the wrong type or out of range.
        """
        top = _known(cls, data, "architecture")
        stages = top.get("stages", ())
        _instance("stages", stages, list)
        return cls(
            **{
                **top,
                "stem": Stem(**_known(Stem, top.get("stem"), "stem")),
                "stages": tuple(Stage(**_known(Stage, s, f"stages[{i}]")) for i, s in enumerate(stages)),
                "head": Head(**_known(Head, top.get("head"), "head")),
            }
        )


def round_channels(channels: float, divisor: int) -> int:
    """The multiple of `divisor` nearest to `channels`, but never more than a tenth below it.

    This is the rule of MobileNet (arXiv 1905.02244) and of the released networks.
    """
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _known(cls: type, data: object, where: str) -> dict[str, Any]:
    if not isinstance(data, Mapping):
        raise UsageError(f"{where}: must be an object, not {type(data).__name__}")
    names = [f.name for f in fields(cls)]
    for key in data:
        if key not in names:
            raise UsageError(f"{where}: unknown key {key!r}; known: {', '.join(names)}")
    required = [f.name for f in fields(cls) if f.default is MISSING]
    for name in required:
        if name not in data:
            raise UsageError(f"{where}: key {name!r} is missing")
    return dict(data)


def _make_plain(part: Any) -> None:
    """Converts to plain Python numbers, and `expansion` and `bn_eps` to floats: 5 and 5.0 must have the same digest."""
    for field in fields(part):
        value = getattr(part, field.name)
        if isinstance(value, Integral) and not isinstance(value, bool):
            plain: object = int(value)
            if field.name in ("expansion", "bn_eps") and abs(int(value)) <= _MOST_CHANNELS:
                plain = float(value)
            object.__setattr__(part, field.name, plain)


def _check_stage(stage: object, where: str) -> None:
    _instance(where, stage, Stage)
    where += "."
    _one_of(stage, where, "block", (ConvBlock.block, *_BOTTLENECKS))
    _one_of(stage, where, "activation", ACTIVATIONS)
    _one_of(stage, where, "padding", PADDINGS)
    _whole(stage, where, "filters", 1, _MOST_CHANNELS)
    _kernel(stage, where)
    _whole(stage, where, "stride", 1, _MOST_PIXELS)
    _whole(stage, where, "layers", 1, _MOST_LAYERS)
    _number(stage, where, "expansion", _MOST_CHANNELS)
    if not isinstance(getattr(stage, "squeeze_excite"), bool):  # noqa: B009
        raise UsageError(f"{where}squeeze_excite = {_shown(stage, 'squeeze_excite')}: must be true or false")


def _instance(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise UsageError(f"{name}: must be a {kind.__name__.lower()}, not {type(value).__name__}")


def _one_of(part: object, where: str, name: str, allowed: tuple[str, ...]) -> None:
    if getattr(part, name) not in allowed:
        raise UsageError(f"{where}{name} = {_shown(part, name)}: must be one of {', '.join(allowed)}")


def _whole(part: object, where: str, name: str, least: int, most: int) -> None:
    value = getattr(part, name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{where}{name} = {_shown(part, name)}: must be a whole number from {least} to {most:,}")


def _kernel(part: Any, where: str) -> None:
    _whole(part, where, "kernel", 1, _MOST_KERNEL)
    if part.kernel % 2 == 0:
        raise UsageError(f"{where}kernel = {part.kernel}: must be odd, so that padding keeps the size")


def _number(part: object, where: str, name: str, most: int) -> None:
    value = getattr(part, name)
    if not isinstance(value, float) or not 0 < value <= most:
        raise UsageError(f"{where}{name} = {_shown(part, name)}: must be a number above 0, at most {most:,}")


def _shown(part: object, name: str) -> str:
    return reprlib.repr(getattr(part, name))
