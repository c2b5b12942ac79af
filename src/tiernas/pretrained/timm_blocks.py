"""Translates the blocks of timm's EfficientNet builder to tiernas blocks, with the names of their modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from torch import nn

from tiernas.blocks import Block, ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.errors import UsageError
from tiernas.spaces.layered import LayeredArchitecture

MODULES: Mapping[str, tuple[str, ...]] = {
    "conv": ("conv", "bn1"),
    "fused_irb": ("conv_exp", "bn1", "se.conv_reduce", "se.conv_expand", "conv_pwl", "bn2"),
    "irb": ("conv_pw", "bn1", "conv_dw", "bn2", "se.conv_reduce", "se.conv_expand", "conv_pwl", "bn3"),
    "separable": ("conv_dw", "bn1", "se.conv_reduce", "se.conv_expand", "conv_pw", "bn2"),
}
"""Names that timm, and therefore GPUNet, give the modules of each of our blocks, in execution order."""

_ACTIVATIONS = {"ReLU": "relu", "ReLU6": "relu6", "SiLU": "swish", "Hardswish": "hard_swish", "GELU": "gelu"}
_GATES = {"Sigmoid": "sigmoid", "Hardsigmoid": "hard_sigmoid"}
_STEM_STRIDE = 2


@dataclass(frozen=True, slots=True)
class _Conv:
    """A square convolution without dilation."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    padding: str
    bias: bool


class TimmReader:
    """Reads a network of timm from its first module to its last.

    Attributes:
        modules: Names of the modules that have tensors, in execution order.
    """

    def __init__(self, network: Any, name: str, resolution: int) -> None:
        """Starts reading.

        Args:
            network: `timm.models.EfficientNet` or `timm.models.MobileNetV3`; its weights do not matter.
            name: How messages refer to it.
            resolution: Height and width of its input, in pixels.
        """
        self.modules: list[str] = []
        self._network = network
        self._name = name
        self._resolution = resolution
        self._layers: list[Block] = []
        self._epsilons: dict[float, str] = {}

    def read(self) -> LayeredArchitecture:
        """The network's tiernas architecture.

        Raises:
            UsageError: A block has no equivalent in tiernas; the message names it.
        """
        self._read_stem()
        for i, stage in enumerate(self._network.blocks):
            for j, block in enumerate(stage):
                self._read_block(f"blocks.{i}.{j}", block)
        self._read_head()
        if len(self._epsilons) > 1:
            self._refuse(list(self._epsilons.values())[1], "has a different epsilon than the normalizations before it")
        return LayeredArchitecture(self._resolution, tuple(self._layers), next(iter(self._epsilons)))

    @property
    def _shape(self) -> tuple[int, int]:
        """Channels and height of the next layer's input."""
        channels, size, _ = self._layers[-1].out_shape
        return channels, size

    def _read_stem(self) -> None:
        network = self._network
        conv = self._conv("conv_stem", network.conv_stem)
        if conv.stride != _STEM_STRIDE:
            self._refuse("conv_stem", f"has stride {conv.stride}, not {_STEM_STRIDE}")
        self._layers.append(
            StemBlock(
                conv.in_channels,
                conv.out_channels,
                conv.kernel,
                1,
                self._activated("bn1", network.bn1),
                self._resolution,
                conv.padding,
            )
        )
        self.modules += ["conv_stem", "bn1"]

    def _read_block(self, where: str, block: Any) -> None:
        readers: Mapping[str, Callable[[str, Any], Block]] = {
            "ConvBnAct": self._conv_block,
            "DepthwiseSeparableConv": self._separable,
            "InvertedResidual": self._irb,
            "EdgeResidual": self._fused_irb,
        }
        kind = type(block).__name__
        if kind not in readers:
            self._refuse(where, f"is a {kind}, which tiernas does not support")
        for blur in ("aa", "conv_s2d"):
            if not isinstance(module := getattr(block, blur, None), nn.Identity | None):
                self._refuse(f"{where}.{blur}", f"is a {type(module).__name__}, which no block of tiernas supports")
        layer = readers[kind](where, block)
        squeezed = getattr(layer, "se_channels", 0)
        names = [name for name in MODULES[layer.block] if squeezed or not name.startswith("se.")]
        self._layers.append(layer)
        self.modules += [f"{where}.{name}" for name in names]

    def _conv_block(self, where: str, block: Any) -> ConvBlock:
        channels, size = self._shape
        conv = self._conv(f"{where}.conv", block.conv)
        return ConvBlock(
            in_channels=channels,
            out_channels=conv.out_channels,
            kernel=conv.kernel,
            stride=conv.stride,
            activation=self._activated(f"{where}.bn1", block.bn1),
            padding=conv.padding,
            in_size=size,
            skip="auto" if block.has_skip else "none",
        )

    def _separable(self, where: str, block: Any) -> SeparableBlock:
        channels, size = self._shape
        conv = self._conv(f"{where}.conv_dw", block.conv_dw, groups=channels)
        out_channels = self._pointwise(f"{where}.conv_pw", block.conv_pw)
        activation = self._activated(f"{where}.bn1", block.bn1)
        end = self._normalised(f"{where}.bn2", block.bn2)
        if end not in (None, activation):
            self._refuse(f"{where}.bn2", f"has {end} where {where}.bn1 has {activation}")
        return SeparableBlock(
            in_channels=channels,
            out_channels=out_channels,
            kernel=conv.kernel,
            stride=conv.stride,
            activation=activation,
            padding=conv.padding,
            in_size=size,
            skip=_skip(block, conv.stride, channels, out_channels),
            end="linear" if end is None else "activated",
            **self._squeezed(f"{where}.se", block.se, activation),
        )

    def _irb(self, where: str, block: Any) -> IrbBlock:
        channels, size = self._shape
        mid_channels = self._pointwise(f"{where}.conv_pw", block.conv_pw)
        conv = self._conv(f"{where}.conv_dw", block.conv_dw, groups=mid_channels)
        out_channels = self._pointwise(f"{where}.conv_pwl", block.conv_pwl)
        activation = self._activated(f"{where}.bn1", block.bn1)
        if (second := self._activated(f"{where}.bn2", block.bn2)) != activation:
            self._refuse(f"{where}.bn2", f"has {second} where {where}.bn1 has {activation}")
        self._linear(f"{where}.bn3", block.bn3)
        return IrbBlock(
            in_channels=channels,
            out_channels=out_channels,
            kernel=conv.kernel,
            stride=conv.stride,
            mid_channels=mid_channels,
            activation=activation,
            padding=conv.padding,
            in_size=size,
            skip=_skip(block, conv.stride, channels, out_channels),
            **self._squeezed(f"{where}.se", block.se, activation),
        )

    def _fused_irb(self, where: str, block: Any) -> FusedIrbBlock:
        channels, size = self._shape
        groups = block.conv_exp.groups
        conv = self._conv(f"{where}.conv_exp", block.conv_exp, groups=groups)
        out_channels = self._pointwise(f"{where}.conv_pwl", block.conv_pwl)
        activation = self._activated(f"{where}.bn1", block.bn1)
        self._linear(f"{where}.bn2", block.bn2)
        return FusedIrbBlock(
            in_channels=channels,
            out_channels=out_channels,
            kernel=conv.kernel,
            stride=conv.stride,
            mid_channels=conv.out_channels,
            activation=activation,
            padding=conv.padding,
            in_size=size,
            skip=_skip(block, conv.stride, channels, out_channels),
            groups=groups,
            **self._squeezed(f"{where}.se", block.se, activation),
        )

    def _read_head(self) -> None:
        network = self._network
        if network.global_pool.pool_type != "avg":
            self._refuse("global_pool", f"pools by {network.global_pool.pool_type!r}, not by the mean")
        if not isinstance(network.classifier, nn.Linear):
            self._refuse("classifier", f"is a {type(network.classifier).__name__}, not linear")
        head = self._late_head() if hasattr(network, "norm_head") else self._early_head()
        self._layers.append(head)
        self.modules.append("classifier")

    def _early_head(self) -> HeadBlock:
        """EfficientNet's head: a convolution with normalization, if there is any, before the pooling."""
        network = self._network
        channels, size = self._shape
        if isinstance(network.conv_head, nn.Identity):
            return HeadBlock(channels, 0, 0, "relu", size)
        filters = self._pointwise("conv_head", network.conv_head)
        activation = self._activated("bn2", network.bn2)
        self.modules += ["conv_head", "bn2"]
        return HeadBlock(channels, filters, 0, activation, size)

    def _late_head(self) -> HeadBlock:
        """MobileNetV3's head: a convolution after the pooling; the last one before it is part of our head."""
        network = self._network
        if not isinstance(network.norm_head, nn.Identity):
            self._refuse("norm_head", f"is a {type(network.norm_head).__name__}, which no head of tiernas supports")
        hidden = self._conv("conv_head", network.conv_head, bias=network.conv_head.bias is not None)
        activation = self._activation("act2", network.act2)
        if activation is None:
            self._refuse("act2", "is not an activation")
        filters = 0
        last = self._layers[-1]
        if isinstance(last, ConvBlock) and (last.kernel, last.stride, last.activation, last.skip) == (
            1,
            1,
            activation,
            "none",
        ):
            filters = last.out_channels
            self._layers.pop()
        channels, size = self._shape
        self.modules.append("conv_head")
        bias = "yes" if hidden.bias else "no"
        return HeadBlock(channels, filters, hidden.out_channels, activation, size, bias)

    def _conv(self, where: str, conv: Any, *, groups: int = 1, bias: bool = False) -> _Conv:
        kind = type(conv).__name__
        if kind not in ("Conv2d", "Conv2dSame"):
            self._refuse(where, f"is a {kind}, not a plain convolution")
        kernel, stride = conv.kernel_size[0], conv.stride[0]
        if conv.kernel_size != (kernel, kernel) or conv.stride != (stride, stride) or conv.dilation != (1, 1):
            self._refuse(where, "has a kernel that is not square, or dilated")
        if kernel % 2 == 0:
            self._refuse(where, f"has a {kernel}x{kernel} kernel, which is even")
        if conv.groups != groups:
            self._refuse(where, f"has {conv.groups} groups, not {groups}")
        if (conv.bias is not None) != bias:
            self._refuse(where, "has a bias")
        padding = "same"
        if kind == "Conv2dSame" and stride > 1:
            padding = "tensorflow"
        elif kind == "Conv2d" and conv.padding != (kernel // 2, kernel // 2):
            self._refuse(where, f"pads a {kernel}x{kernel} kernel by {conv.padding}")
        return _Conv(conv.in_channels, conv.out_channels, kernel, stride, padding, bias)

    def _pointwise(self, where: str, conv: Any) -> int:
        """Output channels of a 1x1 convolution."""
        found = self._conv(where, conv)
        if (found.kernel, found.stride) != (1, 1):
            self._refuse(where, f"is a {found.kernel}x{found.kernel} convolution of stride {found.stride}, not 1x1")
        return found.out_channels

    def _normalised(self, where: str, norm: Any) -> str | None:
        """The activation after a batch normalization; None if there is none."""
        if not isinstance(norm, nn.BatchNorm2d):
            self._refuse(where, f"is a {type(norm).__name__}, not a batch normalization")
        if not isinstance(norm.drop, nn.Identity):
            self._refuse(f"{where}.drop", f"is a {type(norm.drop).__name__}")
        self._epsilons.setdefault(norm.eps, where)
        return self._activation(f"{where}.act", norm.act)

    def _activated(self, where: str, norm: Any) -> str:
        activation = self._normalised(where, norm)
        if activation is None:
            self._refuse(where, "has no activation")
        return activation

    def _linear(self, where: str, norm: Any) -> None:
        if (activation := self._normalised(where, norm)) is not None:
            self._refuse(where, f"has an activation, {activation}")

    def _activation(self, where: str, module: Any) -> str | None:
        if isinstance(module, nn.Identity):
            return None
        kind = type(module).__name__
        if kind not in _ACTIVATIONS:
            self._refuse(where, f"is {kind}; activations of tiernas are {', '.join(_ACTIVATIONS)}")
        return _ACTIVATIONS[kind]

    def _squeezed(self, where: str, module: Any, activation: str) -> dict[str, Any]:
        """The fields of squeeze-and-excitation."""
        if isinstance(module, nn.Identity):
            return {"se_channels": 0}
        kind = type(module).__name__
        if kind != "SqueezeExcite" or not hasattr(module, "conv_reduce"):
            self._refuse(where, f"is a {kind}, not the squeeze-and-excitation of EfficientNet")
        reduce = self._conv(f"{where}.conv_reduce", module.conv_reduce, bias=True)
        self._conv(f"{where}.conv_expand", module.conv_expand, bias=True)
        gate = type(module.gate).__name__
        if gate not in _GATES:
            self._refuse(f"{where}.gate", f"is {gate}; gates of tiernas are {', '.join(_GATES)}")
        inside = self._activation(f"{where}.act1", module.act1)
        if inside is None:
            self._refuse(f"{where}.act1", "is not an activation")
        return {
            "se_channels": reduce.out_channels,
            "gate": _GATES[gate],
            "se_activation": "block" if inside == activation else inside,
        }

    def _refuse(self, where: str, why: str) -> NoReturn:
        raise UsageError(f"{self._name}: its {where} {why}")


def _skip(block: Any, stride: int, in_channels: int, out_channels: int) -> str:
    """Whether a block adds its input; also "auto" if it could not, so that equal networks have equal architectures."""
    return "none" if stride == 1 and in_channels == out_channels and not block.has_skip else "auto"
