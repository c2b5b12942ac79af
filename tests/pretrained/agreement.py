"""How far networks of timm and the same as ours differ, for all that its EfficientNet builder makes.

From the root of the repository; takes minutes and 6 GB:

    python -m tests.pretrained.agreement
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import timm
import torch
from torch import nn

from tiernas.errors import UsageError
from tiernas.networks import repeatable_weights
from tiernas.pretrained.network import inherit
from tiernas.pretrained.timm_networks import HOMES, read_timm

LIST = Path(__file__).with_name("timm_agreement.json")

ALLOWED = 1e-4
"""Largest difference of a logit, relative to the standard deviation of all."""

SIZES = (64, 75)
"""Heights of the images, in pixels: with strides of 2 the one is always even, the other often odd."""


def difference(name: str) -> float:
    """Largest difference of a logit, relative to the standard deviation of all; statistics of normalisation are random.

    Raises:
        UsageError: The network cannot be written as ours.
    """
    generator = torch.Generator().manual_seed(0)
    with repeatable_weights():
        network = timm.create_model(name).eval()
    disturb(network, generator)
    original, modules = read_timm(network, name)
    ours = inherit(original, network.state_dict(), name, None, modules)
    differences = []
    for size in SIZES:
        images = torch.randn(2, 3, size, size, generator=generator)
        with torch.no_grad():
            expected, found = network(images), ours(images)
        differences.append(float((found - expected).abs().max() / expected.std()))
    return max(differences)


def disturb(network: nn.Module, generator: torch.Generator) -> None:
    """Gives normalisations statistics that differ from channel to channel, about those that keep maps in range."""
    norms: list[Any] = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.randn(4, 3, SIZES[0], SIZES[0], generator=generator))
        network.eval()
        for norm in norms:
            shape = norm.running_var.shape
            norm.running_mean += norm.running_var.sqrt() * torch.randn(shape, generator=generator) / 4
            norm.running_var *= 0.5 + 1.5 * torch.rand(shape, generator=generator)
            norm.weight *= 0.5 + torch.rand(shape, generator=generator)
            norm.bias += torch.randn(shape, generator=generator) / 4


def main() -> None:
    differences: dict[str, float] = {}
    refused: dict[str, str] = {}
    for name in [name for home in HOMES for name in timm.list_models(module=home)]:
        try:
            differences[name] = float(f"{difference(name):.1e}")
            print(name, differences[name], flush=True)
        except UsageError as error:
            refused[name] = str(error)
            print(error, flush=True)
    found = {"timm": timm.__version__, "differences": differences, "refused": refused}
    LIST.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
