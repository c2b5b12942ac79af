"""Recomputes the statistics of batch normalization after a network lost channels or layers."""

from __future__ import annotations

import math

import torch
from torch import nn

from tiernas.networks import Network
from tiernas.networks.normalization import Normalization
from tiernas.training.calibration import calibration_draw
from tiernas.training.images import Splits
from tiernas.training.preprocessing import normalize, resize

_BATCH = 64
"""Largest number of images per batch; evaluation uses the mean over batches."""


@torch.no_grad()
def refresh_statistics(network: Network, splits: Splits, normalization: Normalization) -> None:
    """Sets running means and variances to those of training images, in place; weights are left unchanged.

    With the old statistics a network cut out of another one is no better than chance until training replaces them.

    Args:
        network: The network, on CPU.
        splits: The data; the images are those of int8 calibration.
        normalization: Normalization of the network's input.
    """
    images = resize(calibration_draw(splits), network.architecture.resolution)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
        norm.train()
    for batch in images.tensor_split(math.ceil(len(images) / _BATCH)):
        network(normalize(batch, normalization))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.train(was_training)
