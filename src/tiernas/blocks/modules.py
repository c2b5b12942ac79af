"""Building blocks of layers. Modules are registered in execution order, as in the released networks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from tiernas.blocks.activations import activation, gate
from tiernas.blocks.block import ModuleOptions
from tiernas.blocks.projected import ProjectedBlock
from tiernas.blocks.tensorflow_padding import TensorflowConv


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int = 1,
    *,
    padding: str = "same",
    groups: int = 1,
    bias: bool = False,
) -> nn.Conv2d:
    """A convolution with one of `PADDINGS`; depthwise with as many groups as channels."""
    if padding == "tensorflow" and stride > 1:  # with stride 1 it equals half the kernel
        return TensorflowConv(in_channels, out_channels, kernel, stride, groups=groups, bias=bias)
    pad = 0 if padding == "valid" else kernel // 2
    return nn.Conv2d(in_channels, out_channels, kernel, stride, padding=pad, groups=groups, bias=bias)


class DropPath(nn.Module):
    """Stochastic depth: during training, zeroes whole samples of a residual branch (arXiv 1603.09382).

    Args:
        rate: Probability that a sample is dropped; the others are scaled by `1 / (1 - rate)`.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if self.rate == 0.0 or not self.training:
            return x
        keep = torch.rand(len(x), *(1,) * (x.ndim - 1), dtype=x.dtype, device=x.device) >= self.rate
        return x * keep / (1.0 - self.rate)


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation: scales each channel by a gate computed from all of them (arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int, act: str, gated_by: str) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = activation(act, squeezed)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = gate(gated_by)

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean((2, 3), keepdim=True)
        gate: Tensor = self.gate(self.expand(self.act(self.reduce(pooled))))
        return x * gate


class Residual(nn.Module):
    """Runs `body`, a sequence of modules, and adds its input if `residual` is set."""

    def __init__(self, body: nn.Sequential, residual: bool, drop_path_rate: float) -> None:
        super().__init__()
        self.body = body
        self.drop_path = DropPath(drop_path_rate)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return x + self.drop_path(out) if self.residual else out


class Shortcut(Residual):
    """Adds `body` to `shortcut`, which may be empty, and activates the sum."""

    def __init__(
        self, body: nn.Sequential, shortcut: nn.Sequential, act: str, channels: int, drop_path_rate: float
    ) -> None:
        super().__init__(body, True, drop_path_rate)
        self.shortcut = shortcut
        self.act = activation(act, channels)

    def forward(self, x: Tensor) -> Tensor:
        out = self.body(x)
        summed: Tensor = self.act(self.shortcut(x) + self.drop_path(out))
        return summed


def conv_bn_act(conv: nn.Conv2d, bn_eps: float, act: str) -> list[nn.Module]:
    """A convolution with its batch normalization and activation."""
    return [conv, nn.BatchNorm2d(conv.out_channels, eps=bn_eps), activation(act, conv.out_channels)]


def projected(
    layer: ProjectedBlock, inner: list[nn.Module], options: ModuleOptions, end: Sequence[nn.Module] = ()
) -> Residual:
    """The modules up to the spatial convolution, squeeze-and-excitation if there is any, the projection, and `end`."""
    channels: int = getattr(layer, layer.projected)
    out = layer.out_channels
    act = layer.activation if layer.se_activation == "block" else layer.se_activation
    squeeze = [SqueezeExcite(channels, layer.se_channels, act, layer.gate)] if layer.se_channels else []
    project = [convolution(channels, out, 1), nn.BatchNorm2d(out, eps=options.bn_eps)]
    return Residual(nn.Sequential(*inner, *squeeze, *project, *end), layer.residual, options.drop_path_rate)
