"""Which feature maps a network holds at the same time, by following its operations one by one."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

_CONVOLUTIONS_AND_NORMS = (nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d)

_VIEWS = (
    *("contiguous", "flatten", "permute", "reshape", "squeeze", "transpose", "unsqueeze", "view"),
    *(operator.getitem, torch.flatten, torch.split, nn.Dropout, nn.Flatten, nn.Identity),
)
"""Operations whose output is their input, seen in another way (dropout: in a network that is not trained)."""

_IN_PLACE = (
    *("sigmoid", "softmax", operator.add, operator.iadd, operator.mul, operator.imul),
    *(nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm),
    *(nn.GELU, nn.Hardsigmoid, nn.Hardswish, nn.PReLU, nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.SiLU),
)
"""Operations that may overwrite an input of as many elements as their output."""


class _Tracer(fx.Tracer):
    """Takes convolutions and normalizations as one operation each, whatever they consist of."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _CONVOLUTIONS_AND_NORMS) or super().is_leaf_module(m, module_qualified_name)


class _Sizes(fx.Interpreter):
    """Runs a network operation by operation and counts the elements of every output that is a tensor, or several."""

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.elements: dict[fx.Node, int] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        parts = result if isinstance(result, (tuple, list)) else [result]
        tensors = [part for part in parts if isinstance(part, Tensor)]
        if tensors:
            self.elements[n] = sum(tensor.numel() for tensor in tensors)
        return result


def held_elements(module: nn.Module, in_shape: tuple[int, ...]) -> int:
    """Elements of the feature maps that a module holds at the same time, at most, while it runs on one image.

    The rules are those of `tiernas.blocks.Block.sizes`; any operation that is not known to overwrite its input holds
    both. Nothing is computed.

    Args:
        module: A network, or a layer.
        in_shape: Shape of its input, without the batch dimension.

    Raises:
        ValueError: Which operations run depends on the values of the input.
    """
    module = copy.deepcopy(module).eval().to("meta")
    traced = fx.GraphModule(module, _Tracer().trace(module))
    sizes = _Sizes(traced)
    with torch.no_grad():
        sizes.run(torch.empty(1, *in_shape, device="meta"))
    elements = sizes.elements  # operations whose output is something else, such as a shape, are missing
    nodes = [node for node in traced.graph.nodes if node.op != "get_attr"]
    place = {node: number for number, node in enumerate(nodes)}
    ends = {node: max([place[node], *(place[user] for user in node.users if user in elements)]) for node in nodes}
    modules = dict(traced.named_modules())
    source: dict[fx.Node, fx.Node] = {}  # the node that made the map that a node's output is in
    for node in nodes:
        given = [each for each in node.all_input_nodes if each in place]
        kept = [each for each in given if _is(node, _VIEWS, modules) or node.op == "output"]
        if _is(node, _IN_PLACE, modules):
            kept = [each for each in given if ends[each] == place[node] and elements.get(each) == elements.get(node)]
        source[node] = source[kept[0]] if kept else node
    last = {made: max(ends[node] for node in nodes if source[node] is made) for made in set(source.values())}
    return max(
        sum(elements.get(made, 0) for made, end in last.items() if place[made] <= place[node] <= end) for node in nodes
    )


def _is(node: fx.Node, kinds: tuple[object, ...], modules: Mapping[str, nn.Module]) -> bool:
    if node.op == "call_module":
        return isinstance(modules[str(node.target)], tuple(kind for kind in kinds if isinstance(kind, type)))
    return node.target in kinds
