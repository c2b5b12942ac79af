"""Statistics of batch normalisation, computed anew where a network lost channels or layers."""

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
"""Images at a time at most; the mean over some batches is what evaluation uses."""


@torch.no_grad()
def refresh_statistics(network: Network, splits: Splits, normalization: Normalization) -> None:
    """Sets running means and variances to what they are on training images, in place; weights stay as they are.

    Without that a network that was cut out of another one guesses, until its training has replaced the old ones.

    Args:
        network: The network, on CPU.
        splits: The images are drawn as those for int8 are.
        normalization: What is done to them.
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
