"""Convolutions that pad by the size of their input, as TensorFlow does, with the padding written down."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

Pads = tuple[int, int, int, int]
"""Left, right, top, bottom."""


def fix_padding(network: nn.Module, same_conv: type[nn.Module], images: Tensor) -> None:
    """Replaces such convolutions by others that give the same for images of this shape.

    Traced as they are, they leave the arithmetic of sizes in the ONNX graph; replaced, each is one node.

    Args:
        network: The network, changed in place.
        same_conv: The class of the convolutions, a subclass of `nn.Conv2d`.
        images: `n x channels x height x width`, run once.
    """
    fixed: dict[str, nn.Module] = {}

    def note(name: str, conv: Any, inputs: tuple[Tensor]) -> None:
        fixed[name] = PaddedConv(conv, _same_pads(conv, inputs[0].shape[-2:]))

    convs = [(name, module) for name, module in network.named_modules() if isinstance(module, same_conv)]
    hooks = [conv.register_forward_pre_hook(partial(note, name)) for name, conv in convs]
    if convs:
        with torch.no_grad():
            network(images)
    for hook in hooks:
        hook.remove()
    for name, conv in fixed.items():
        network.set_submodule(name, conv)


class PaddedConv(nn.Module):
    """A convolution whose padding differs from side to side; one node in ONNX.

    Args:
        conv: Gives weights, stride, dilation and groups.
        pads: The padding.
    """

    def __init__(self, conv: nn.Conv2d, pads: Pads) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self.pads = pads
        self.options = (*conv.stride, *conv.dilation, conv.groups)

    def forward(self, x: Tensor) -> Tensor:
        padded: Tensor = _PaddedConvFunction.apply(x, self.weight, self.bias, self.pads, self.options)
        return padded


class _PaddedConvFunction(torch.autograd.Function):
    """Not differentiable: networks are padded so to be exported."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, pads: Pads, options: Any) -> Tensor:
        *stride_dilation, groups = options
        return conv2d(pad(x, pads), weight, bias, stride_dilation[:2], 0, stride_dilation[2:], groups)

    @staticmethod
    def symbolic(graph: Any, x: Any, weight: Any, bias: Any, pads: Pads, options: Any) -> Any:
        """The node of the ONNX graph; torch calls it."""
        left, right, top, bottom = pads
        *stride_dilation, groups = options
        inputs = (x, weight) if bias is None else (x, weight, bias)
        return graph.op(
            "Conv",
            *inputs,
            kernel_shape_i=weight.type().sizes()[2:],
            strides_i=stride_dilation[:2],
            dilations_i=stride_dilation[2:],
            group_i=groups,
            pads_i=[top, left, bottom, right],
        )


def _same_pads(conv: nn.Conv2d, size: torch.Size) -> Pads:
    """TensorFlow's "SAME": outputs for every stride-th pixel, the odd pixel of padding at the end."""
    missing = [
        max((math.ceil(pixels / stride) - 1) * stride + (kernel - 1) * dilation + 1 - pixels, 0)
        for pixels, kernel, stride, dilation in zip(size, conv.kernel_size, conv.stride, conv.dilation, strict=True)
    ]
    top, left = missing[0] // 2, missing[1] // 2
    return left, missing[1] - left, top, missing[0] - top
