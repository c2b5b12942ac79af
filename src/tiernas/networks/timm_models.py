"""Networks of timm as torch modules, by name, with random weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import Sizes
from tiernas.blocks.tensorflow_padding import TensorflowConv
from tiernas.errors import UsageError, first_line
from tiernas.networks.as_trained import vary_constants
from tiernas.networks.building import repeatable_weights
from tiernas.networks.costs import Cost
from tiernas.networks.feature_maps import held_elements
from tiernas.networks.normalization import rgb
from tiernas.networks.onnx import write_onnx
from tiernas.networks.timm_names import timm_with
from tiernas.shapes import shape_in_words

_MODULE_ERRORS = (RuntimeError, AssertionError, ValueError, TypeError, IndexError)
"""Errors that the code of a thousand networks raises for sizes and options that they do not support."""


@dataclass(frozen=True, slots=True, eq=False)
class TimmNetwork:
    """A classifier of timm.

    Attributes:
        name: Its name in timm, such as "resnet18".
        module: The network with random weights, in evaluation mode: `(n, 3, height, width)` images to logits.
        image_size: Height and width of its input, in pixels.
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted from the input.
        input_std: Standard deviation, by which the difference is divided.
        cost: Its parameters, and the multiply-accumulates of all its convolutions and matrix products.
    """

    name: str
    module: nn.Module
    image_size: tuple[int, int]
    input_mean: tuple[float, float, float]
    input_std: tuple[float, float, float]
    cost: Cost


def build_timm(name: str, num_classes: int = 1000, resolution: int | None = None) -> TimmNetwork:
    """Builds a classifier of timm with random weights; nothing is downloaded.

    It has all operations of a trained one (`vary_constants`).

    Args:
        name: Its name in timm, with or without the tag of pretrained weights, such as "resnet18.a1_in1k"; a tag
            determines the resolution.
        num_classes: Number of classes.
        resolution: Height and width of the input, in pixels; by default those of its training.

    Raises:
        UsageError: timm has no such network (the message lists similar names), or it cannot run at the resolution.
        NotInstalledError: timm is not installed.
    """
    timm = timm_with(name, "rivals")
    with repeatable_weights():
        module, size = _create(timm, name, num_classes, resolution)
    vary_constants(module)
    config: Any = module.pretrained_cfg
    try:
        cost = _cost(module, size)
    except _MODULE_ERRORS as error:
        raise UsageError(
            f"timm's {name} cannot run on images of {shape_in_words(size)} pixels: {first_line(error)}"
        ) from error
    _export_as_one_node(module, timm.layers.Conv2dSame)
    return TimmNetwork(name, module, size, rgb(config["mean"]), rgb(config["std"]), cost)


def timm_sizes(network: TimmNetwork) -> Sizes | None:
    """The sizes of a network (`n` is 1), counted on its modules; None if its operations cannot be followed."""
    weights = sum(m.weight.numel() for m in network.module.modules() if isinstance(m, nn.Conv2d | nn.Linear))
    try:
        held = held_elements(network.module, (3, *network.image_size))
    except (*_MODULE_ERRORS, AttributeError):
        return None
    counts = weights, network.cost.params - weights, network.cost.macs, held
    return Sizes(*(np.array([float(count)]) for count in counts))


def export_timm(network: TimmNetwork, path: Path, *, batch: int = 1) -> None:
    """Writes a network as ONNX, with input `images`, output `logits` and fixed shapes.

    Args:
        network: The network.
        path: The file to write.
        batch: Images per inference.

    Raises:
        UsageError: The network has an operation that ONNX lacks, or cannot be traced.
    """
    try:
        write_onnx(network.module, path, (batch, 3, *network.image_size))
    except _MODULE_ERRORS as error:
        raise UsageError(f"timm's {network.name} cannot be exported as ONNX: {first_line(error)}") from error


def _create(timm: Any, name: str, num_classes: int, resolution: int | None) -> tuple[nn.Module, tuple[int, int]]:
    """The network and the height and width of its input."""
    options = {"pretrained": False, "num_classes": num_classes, "exportable": True}
    try:
        module: nn.Module = timm.create_model(name, **options).eval()
        config: Any = module.pretrained_cfg
        _, height, width = config["input_size"]
        if resolution is None or (resolution, resolution) == (height, width):
            return module, (height, width)
        if config.get("fixed_input_size"):  # its weights depend on the image size
            module = timm.create_model(name, **options, img_size=resolution).eval()
    except _MODULE_ERRORS as error:
        at = f" at {resolution} pixels" if resolution else ""
        raise UsageError(f"timm cannot build {name}{at}: {first_line(error)}") from error
    return module, (resolution, resolution)


def _cost(module: nn.Module, size: tuple[int, int]) -> Cost:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        logits = module(torch.zeros(1, 3, *size))
    if not isinstance(logits, torch.Tensor) or logits.dim() != 2:
        raise ValueError("it is not a classifier: its output is not a matrix of logits")
    return Cost(sum(p.numel() for p in module.parameters()), counter.get_total_flops() // 2)


def _export_as_one_node(network: nn.Module, padded_conv: type[nn.Conv2d]) -> None:
    """Replaces timm's convolutions whose padding depends on the input, which would export arithmetic on sizes."""
    for name, module in list(network.named_modules()):
        if isinstance(module, padded_conv):
            network.set_submodule(name, TensorflowConv.like(module))
