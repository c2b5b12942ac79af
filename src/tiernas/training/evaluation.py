"""Accuracy of a network on images."""

from __future__ import annotations

import torch
from torch import nn

from tiernas.training.images import ImageSet
from tiernas.training.preprocessing import normalize, resize


@torch.inference_mode()
def evaluate(network: nn.Module, images: ImageSet, resolution: int, batch_size: int = 256) -> float:
    """Top-1 accuracy in 0 ... 1.

    Args:
        network: `(n, 3, resolution, resolution)` to logits; set to evaluation mode for the time being.
        images: What to evaluate on.
        resolution: Size that the network takes, in pixels.
        batch_size: Images at a time; changes nothing but time and memory.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    correct = 0
    for start in range(0, len(images), batch_size):
        batch = slice(start, start + batch_size)
        logits = network(normalize(resize(images.images[batch], resolution).to(device)))
        correct += int((logits.argmax(1) == images.labels[batch].to(device)).sum())
    network.train(was_training)
    return correct / len(images)
