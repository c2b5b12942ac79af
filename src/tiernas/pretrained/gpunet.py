"""The released GPUNets with the checkpoints of their publisher.

Tensors are named as in NVIDIA/DeepLearningExamples, PyTorch/Classification/GPUNet, commit 729963dd: the name of every
layer ends with its number, such as `stage: 2 layer5`, and its modules have the names that timm uses, or numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import chain, repeat

from tiernas.errors import UsageError
from tiernas.pretrained.network import Original, PretrainedNet, fresh, inherit
from tiernas.pretrained.timm_blocks import MODULES
from tiernas.pretrained.wanted import Wanted
from tiernas.pretrained.weights_file import read_weights
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.released import released

_PREFIX = "network."


def load_gpunet(name: str, wanted: Wanted) -> PretrainedNet:
    """Loads a released GPUNet, which has no weights of its own.

    Args:
        name: A name for `tiernas.released`.
        wanted: The weights, and the number of classes.

    Raises:
        UsageError: No weights are given, they cannot be read, or they belong to another network.
    """
    original = Original(name, released(name))
    if wanted.fresh:
        return fresh(original, wanted.num_classes)
    if wanted.file is None:
        raise UsageError(
            f"source = {name!r}: tiernas does not include its weights; pass the checkpoint of NVIDIA's "
            "DeepLearningExamples (PyTorch/Classification/GPUNet) as weights, or 'fresh' for random ones"
        )
    tensors = read_weights(wanted.file)
    if other := next((tensor for tensor in tensors if not tensor.startswith(_PREFIX)), None):
        raise UsageError(
            f"{wanted.file}: is not a checkpoint of a GPUNet: it has a tensor {other!r}, but theirs are named "
            f"{_PREFIX}..."
        )
    modules = modules_in_order(original.architecture, tensors)
    return inherit(original, tensors, str(wanted.file), wanted.num_classes, modules)


def modules_in_order(architecture: Architecture, tensors: Iterable[str]) -> list[str]:
    """Names of the modules that have tensors in a checkpoint, in execution order.

    Args:
        architecture: The network, which determines the execution order of the named modules of a layer.
        tensors: Names of the tensors, in any order.
    """
    layers: dict[str, set[str]] = {}
    for tensor in tensors:
        layer, _, module = tensor.removeprefix(_PREFIX).rpartition(".")[0].partition(".")
        layers.setdefault(layer, set()).add(module)
    blocks = chain((layer.block for layer in architecture.layers), repeat(""))  # a checkpoint may have more layers
    found: list[str] = []
    for layer, block in zip(sorted(layers, key=_place), blocks, strict=False):
        order = MODULES.get(block, ())
        ranked = sorted((_rank(module, order), _numbers(module), module) for module in layers[layer])
        found += [f"{_PREFIX}{layer}.{module}" for *_, module in ranked]
    return found


def _place(layer: str) -> float:
    """Position of a layer among the others; the first may have no number, and the last one of D1 and D2 has none."""
    if layer.startswith("head"):
        return -1
    number = re.search(r"\d+$", layer)
    return int(number[0]) if number else math.inf


def _rank(module: str, order: Sequence[str]) -> int:
    return order.index(module) if module in order else len(order)


def _numbers(module: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", module)]
