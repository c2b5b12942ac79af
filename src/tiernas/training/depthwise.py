"""Depthwise convolutions that train fast on small feature maps on a CPU.

oneDNN has no fast kernel for the weight gradient of a depthwise convolution whose input is smaller than its kernel
(`jit_uni_dw_conv_bwd_weights` requires input height >= kernel height). It falls back to a plain loop that takes 20 to
150 times as long as the forward pass: on 32-pixel images, where late stages see 1 to 4 pixels, that was more than
half of the time of a training step. Here the gradient is a sum over kernel positions, few of which touch the image.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad
from torch.nn.grad import conv2d_input


class SmallMapDepthwise(nn.Conv2d):
    """A depthwise convolution with the weights, name and result of the `nn.Conv2d` it replaces."""

    def __init__(self, replaced: nn.Conv2d) -> None:
        super().__init__(
            replaced.in_channels,
            replaced.out_channels,
            replaced.kernel_size,  # type: ignore[arg-type]
            replaced.stride,  # type: ignore[arg-type]
            replaced.padding,  # type: ignore[arg-type]
            groups=replaced.groups,
            bias=False,
            device="meta",
        )
        self.weight = replaced.weight

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w)` to `(n, channels, h', w')`."""
        kernel, padding = self.kernel_size[0], int(self.padding[0])
        if x.shape[-1] >= kernel or not self.training:
            return super().forward(x)
        if x.shape[-1] == 1 and kernel == 2 * padding + 1:  # only the kernel's center touches the pixel
            return x * self.weight[:, 0, padding, padding].view(1, -1, 1, 1)
        result: Tensor = _SmallMapConvolution.apply(x, self.weight, self.stride[0], padding)
        return result


def speed_up_depthwise(network: nn.Module) -> None:
    """Replaces the square depthwise convolutions without bias of a network; its parameters stay the same objects."""
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d and _is_plain_depthwise(child):
                setattr(parent, name, SmallMapDepthwise(child))


def _is_plain_depthwise(conv: nn.Conv2d) -> bool:
    return (
        conv.groups == conv.in_channels == conv.out_channels > 1
        and conv.bias is None
        and conv.dilation == (1, 1)
        and len(set(conv.kernel_size)) == len(set(conv.stride)) == len(set(conv.padding)) == 1
    )


class _SmallMapConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return conv2d(x, weight, stride=stride, padding=padding, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        stride, padding = ctx.stride, ctx.padding
        weight_cast = weight.to(grad.dtype)  # mixed precision cast it in the forward pass too
        grad_x = conv2d_input(x.shape, weight_cast, grad, stride, padding, groups=len(weight))  # type: ignore[no-untyped-call]
        return grad_x.to(x.dtype), _weight_gradient(x, grad, weight, stride, padding), None, None


def _weight_gradient(x: Tensor, grad: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Gradient of the weight of a depthwise convolution.

    `dL/dw[c, a, b] = sum over n, i, j of x[n, c, i * stride + a - padding, j * stride + b - padding] * g[n, c, i, j]`

    Args:
        x: Input, `(n, c, h, h)`.
        grad: Gradient `g` of the output, `(n, c, h', h')`.
        weight: `(c, 1, k, k)`.
        stride: Stride of the convolution.
        padding: Padding of the convolution.

    Returns:
        `(c, 1, k, k)`.
    """
    kernel, size, span = weight.shape[-1], x.shape[-1], (grad.shape[-1] - 1) * stride + 1
    padded = pad(x, (padding,) * 4).permute(0, 2, 3, 1)
    grad = grad.permute(0, 2, 3, 1)
    # Positions of the kernel at which any of the `span` rows it visits lies in the image.
    touching = range(max(0, padding - span + 1), min(kernel, padding + size))
    gradient = torch.zeros_like(weight)
    for a in touching:
        for b in touching:
            visited = padded[:, a : a + span : stride, b : b + span : stride]
            gradient[:, 0, a, b] = (visited * grad).sum((0, 1, 2))
    return gradient
