"""Convolutions whose padding depends on the size of their input, like TensorFlow's "SAME"."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

Pads = tuple[int, int, int, int]
"""Left, right, top, bottom."""


class TensorflowConv(nn.Conv2d):
    """A convolution with the least padding that yields one output pixel for every `stride` input pixels, rounded up.

    The odd pixel of padding is at the end. In ONNX it is one node, padded for the size at which it was traced.
    """

    @classmethod
    def like(cls, conv: nn.Conv2d) -> TensorflowConv:
        """A convolution with the parameters of another one, whose padding is ignored."""
        copy = cls(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]
            conv.stride,  # type: ignore[arg-type]
            dilation=conv.dilation,  # type: ignore[arg-type]
            groups=conv.groups,
            bias=conv.bias is not None,
            device="meta",
        )
        copy.weight, copy.bias = conv.weight, conv.bias
        return copy.train(conv.training)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, in_channels, h, w)` to `(n, out_channels, h / stride, w / stride)`, rounded up."""
        left, right, top, bottom = self._pads(x)
        if torch.jit.is_tracing() and torch.onnx.is_in_onnx_export():  # type: ignore[attr-defined, no-untyped-call]
            options = (*self.stride, *self.dilation, self.groups)
            padded: Tensor = _PaddedConvolution.apply(x, self.weight, self.bias, (left, right, top, bottom), options)
            return padded
        if (left, top) == (right, bottom):
            return conv2d(x, self.weight, self.bias, self.stride, (top, left), self.dilation, self.groups)
        wider = pad(x, (left, right, top, bottom))
        return conv2d(wider, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _pads(self, x: Tensor) -> Pads:
        missing = []
        for pixels, kernel, stride, dilation in zip(
            x.shape[-2:], self.kernel_size, self.stride, self.dilation, strict=True
        ):
            size = int(pixels)  # a tensor during tracing
            missing.append(max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0))
        top, left = missing[0] // 2, missing[1] // 2
        return left, missing[1] - left, top, missing[0] - top


class _PaddedConvolution(torch.autograd.Function):
    """Represents the node of the ONNX graph; not differentiable."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, pads: Pads, options: Any) -> Tensor:
        *stride_dilation, groups = options
        return conv2d(pad(x, pads), weight, bias, stride_dilation[:2], 0, stride_dilation[2:], groups)

    @staticmethod
    def symbolic(graph: Any, x: Any, weight: Any, bias: Any, pads: Pads, options: Any) -> Any:
        """The ONNX node; called by torch."""
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
