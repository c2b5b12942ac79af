"""Checks that the modules of plug-in layers have the output shapes that the layers declare."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor, nn

from tiernas.blocks import Block, ModuleOptions
from tiernas.errors import UsageError
from tiernas.plugins import failure
from tiernas.shapes import shape_in_words
from tiernas.spaces.architecture import Architecture

_REMEMBERED = 4096
"""Number of layers whose check is cached per process; a search has some hundred distinct ones."""


def plugin_blocks(architecture: Architecture) -> str | None:
    """The plug-in blocks of a network, in words; None if all blocks are built in."""
    names = dict.fromkeys(layer.block for layer in architecture.layers if _is_plugin(layer))
    return f"block{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}" if names else None


def require_declared_shapes(architecture: Architecture, num_classes: int) -> None:
    """Refuses a network with a plug-in layer that cannot be built or whose output shape differs from its declaration.

    Nothing is computed, and no random number is drawn. Built-in layers are not checked.

    Args:
        architecture: The network.
        num_classes: Its number of classes.

    Raises:
        UsageError: The message names the layer and both shapes, or the error of its module.
    """
    layers = architecture.layers
    for number, layer in enumerate(layers):
        if not _is_plugin(layer):
            continue
        is_last = number == len(layers) - 1
        given, declared = _given(layer, num_classes), (num_classes,) if is_last else layer.out_shape
        if given == declared:
            continue
        if isinstance(given, tuple):
            what = f"there are {num_classes} classes" if is_last else f"its out_shape is {shape_in_words(declared)}"
            given = f"its module outputs {shape_in_words(given)}, but {what}"
        raise UsageError(f"block {layer.block!r}: {given} (layer {number}, {layer.label})")


def _is_plugin(layer: Block) -> bool:
    return not type(layer).__module__.startswith("tiernas.")


@lru_cache(_REMEMBERED)
def _given(layer: Block, num_classes: int) -> tuple[int, ...] | str:
    """The output shape of a layer's module, or why it has none.

    It is run on torch's device "meta", where tensors are only shapes; the size of networks is counted there, too.
    """
    with torch.device("meta"), torch.no_grad():
        try:
            module = layer.module(ModuleOptions(num_classes))
        except Exception as error:  # foreign code may raise anything
            return f"its module cannot be built: {failure(error)}"
        if not isinstance(module, nn.Module):
            return f"module() returns a {type(module).__name__}; must return a torch.nn.Module"
        try:
            output = module.eval()(torch.empty(1, *layer.in_shape))
        except Exception as error:  # as above
            taken = shape_in_words(layer.in_shape)
            return f"its module fails for its in_shape, {taken}, on torch's device 'meta': {failure(error)}"
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else f"its module outputs a {type(output).__name__}"
