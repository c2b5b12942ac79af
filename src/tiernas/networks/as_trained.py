"""Untrained networks with the operations of trained ones, so that both take the same time."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SPREAD = 0.1
"""Standard deviation that constant tensors get: small, so that what deep networks compute stays finite in fp16."""
_SEED = 22


def vary_constants(network: nn.Module) -> None:
    """Makes values of a new network differ that training would make differ; the same ones every time.

    New normalizations subtract 0, divide by 1, multiply by 1 and add 0; biases and embeddings of positions are 0, and
    so is the last scale of a residual branch in many networks (Goyal et al., arXiv 1706.02677, section 5.1). Exporters
    and converters delete such operations, whole branches with their weights, and store equal tensors once: timm's new
    ResNet-18 has 46.7 MB of weights, its ONNX file would have 34.2 MB.

    Args:
        network: The network with fresh weights, modified in place.
    """
    generator = torch.Generator().manual_seed(_SEED)
    with torch.no_grad():
        for parameter in network.parameters():
            if _is_constant(parameter):
                parameter.add_(_SPREAD * torch.randn(parameter.shape, generator=generator))
        for module in network.modules():
            mean, variance = getattr(module, "running_mean", None), getattr(module, "running_var", None)
            if isinstance(mean, Tensor) and _is_constant(mean):
                mean += _SPREAD * torch.randn(mean.shape, generator=generator)
            if isinstance(variance, Tensor) and _is_constant(variance):
                variance *= torch.exp(_SPREAD * torch.randn(variance.shape, generator=generator))


def _is_constant(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and tensor.numel() > 0 and bool(tensor.min() == tensor.max())
