"""Size of a network: parameters and multiply-accumulates."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from tiernas.networks.building import build
from tiernas.spaces.architecture import Architecture


@dataclass(frozen=True, slots=True)
class Cost:
    """Size of a network.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-accumulates of all convolutions and the classifier at batch 1; batch normalization, activations
            and pooling are not counted.
    """

    params: int
    macs: int


def cost(architecture: Architecture, num_classes: int = 1000) -> Cost:
    """Counts parameters and multiply-accumulates without computing or allocating anything."""
    with torch.device("meta"), torch.no_grad():
        network = build(architecture, num_classes).eval()
        images = torch.empty(1, 3, architecture.resolution, architecture.resolution)
        with FlopCounterMode(display=False) as counter:
            network(images)
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2)
