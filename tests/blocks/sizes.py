"""What a layer counts, compared with its module."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import Block, BlockRows, ModuleOptions
from tiernas.networks.feature_maps import held_elements


def require_sizes_of_module(layer: Block, num_classes: int, images: Tensor) -> None:
    """Asserts that a layer counts the sizes of its module.

    Args:
        layer: The layer.
        num_classes: Number of classes of its network.
        images: One input of the layer.
    """
    module = layer.module(ModuleOptions(num_classes=num_classes)).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(images)
    sizes = BlockRows.of([layer]).sizes(num_classes)
    assert sizes is not None
    multiplied = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert sizes.params.tolist() == [sum(p.numel() for p in module.parameters())]
    assert sizes.weights.tolist() == [sum(m.weight.numel() for m in multiplied)]
    assert sizes.macs.tolist() == [counter.get_total_flops() // 2]
    assert sizes.held.tolist() == [held_elements(module, layer.in_shape)]
