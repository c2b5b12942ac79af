"""The blocks that layers stand for. Modules are registered in the order they run, as in the released networks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tiernas.spaces.layer import Layer

_ACTIVATIONS: dict[str, Callable[[int], nn.Module]] = {
    "relu": lambda _: nn.ReLU(inplace=True),
    "swish": lambda _: nn.SiLU(inplace=True),
    "hard_swish": lambda _: nn.Hardswish(inplace=True),
    "prelu": nn.PReLU,
    "gelu": lambda _: nn.GELU(),
    "sigmoid": lambda _: nn.Sigmoid(),
}


def activation(name: str, channels: int) -> nn.Module:
    """The module of an activation; PReLU has one slope per channel."""
    return _ACTIVATIONS[name](channels)


def convolution(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, *, padding: str = "same", depthwise: bool = False
) -> nn.Conv2d:
    """A convolution without bias, padded with half the kernel ("same") or not at all ("valid")."""
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride,
        padding=kernel // 2 if padding == "same" else 0,
        groups=in_channels if depthwise else 1,
        bias=False,
    )


class DropPath(nn.Module):
    """Stochastic depth: in training, zeroes whole samples of a residual branch (arXiv 1603.09382).

    Args:
        rate: Probability that a sample is dropped; the others are scaled by `1 / (1 - rate)`.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if self.rate == 0.0 or not self.training:
            return x
        keep = torch.rand(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device) >= self.rate
        return x * keep / (1.0 - self.rate)


class SqueezeExcite(nn.Module):
    """Squeeze-and-excitation: scales each channel by a gate computed from all of them (arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int, act: str) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.act = activation(act, squeezed)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        pooled = x.mean((2, 3), keepdim=True)
        gate: Tensor = self.gate(self.expand(self.act(self.reduce(pooled))))
        return x * gate


class Residual(nn.Module):
    """Runs `body`, a sequence of modules, and adds its input where the layer is residual."""

    def __init__(self, body: nn.Sequential, layer: Layer, drop_path_rate: float) -> None:
        super().__init__()
        self.body = body
        self.drop_path = DropPath(drop_path_rate)
        self.residual = layer.residual

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return x + self.drop_path(out) if self.residual else out


def conv_bn_act(conv: nn.Conv2d, bn_eps: float, act: str) -> list[nn.Module]:
    """A convolution with its batch normalisation and activation."""
    return [conv, nn.BatchNorm2d(conv.out_channels, eps=bn_eps), activation(act, conv.out_channels)]


def stem(layer: Layer, bn_eps: float) -> nn.Module:
    """Convolutions of a stem: the first strided, `mid_channels` of them in all."""
    modules: list[nn.Module] = []
    channels, stride = layer.in_channels, layer.stride
    for _ in range(layer.mid_channels):
        conv = convolution(channels, layer.out_channels, layer.kernel, stride)
        modules += conv_bn_act(conv, bn_eps, layer.activation)
        channels, stride = layer.out_channels, 1
    return nn.Sequential(*modules)


def conv(layer: Layer, bn_eps: float) -> nn.Module:
    """One convolution with batch normalisation and activation."""
    module = convolution(layer.in_channels, layer.out_channels, layer.kernel, layer.stride, padding=layer.padding)
    return nn.Sequential(*conv_bn_act(module, bn_eps, layer.activation))


def inverted_residual(layer: Layer, bn_eps: float, drop_path_rate: float) -> nn.Module:
    """IRB (MobileNetV2, arXiv 1801.04381): expand 1x1, depthwise, squeeze-excitation, project 1x1."""
    mid, act = layer.mid_channels, layer.activation
    depthwise = convolution(mid, mid, layer.kernel, layer.stride, padding=layer.padding, depthwise=True)
    modules = conv_bn_act(convolution(layer.in_channels, mid, 1), bn_eps, act) + conv_bn_act(depthwise, bn_eps, act)
    return Residual(nn.Sequential(*modules, *_squeeze_and_project(layer, bn_eps)), layer, drop_path_rate)


def fused_inverted_residual(layer: Layer, bn_eps: float, drop_path_rate: float) -> nn.Module:
    """Fused IRB (EfficientNet-EdgeTPU): expand with the spatial convolution, squeeze-excitation, project 1x1."""
    expand = convolution(layer.in_channels, layer.mid_channels, layer.kernel, layer.stride, padding=layer.padding)
    modules = conv_bn_act(expand, bn_eps, layer.activation)
    return Residual(nn.Sequential(*modules, *_squeeze_and_project(layer, bn_eps)), layer, drop_path_rate)


def _squeeze_and_project(layer: Layer, bn_eps: float) -> list[nn.Module]:
    mid, out = layer.mid_channels, layer.out_channels
    squeeze = [SqueezeExcite(mid, layer.se_channels, layer.activation)] if layer.se_channels else []
    return [*squeeze, convolution(mid, out, 1), nn.BatchNorm2d(out, eps=bn_eps)]


def head(layer: Layer, bn_eps: float, num_classes: int, dropout: float) -> nn.Module:
    """1x1 convolution, pooling, perhaps a second 1x1 convolution, dropout, classifier."""
    modules = conv_bn_act(convolution(layer.in_channels, layer.out_channels, 1), bn_eps, layer.activation)
    modules.append(nn.AdaptiveAvgPool2d(1))
    channels = layer.out_channels
    if layer.mid_channels:
        modules += [convolution(channels, layer.mid_channels, 1), activation(layer.activation, layer.mid_channels)]
        channels = layer.mid_channels
    return nn.Sequential(*modules, nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, num_classes))
