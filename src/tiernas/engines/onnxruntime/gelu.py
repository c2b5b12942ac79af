"""GELU as one node: pairs of QuantizeLinear and DequantizeLinear inside its formula would prevent its fusion."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import onnx
from onnx import helper, numpy_helper

_DOMAIN, _VERSION = "com.microsoft", 1
"""Operator set of ONNX Runtime that contains Gelu; ONNX itself has it since operator set 20."""


def fuse_gelu(model: onnx.ModelProto) -> None:
    """Replaces every `x * (1 + erf(x / sqrt 2)) * 0.5`, torch's export of GELU, by ONNX Runtime's node, in place."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    producers = {name: node for node in graph.node for name in node.output}
    consumers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            consumers[name].append(node)

    def is_constant(name: str, value: float) -> bool:
        return name in constants and constants[name].size == 1 and bool(np.isclose(constants[name].item(), value))

    def only_consumer(node: onnx.NodeProto, kind: str) -> onnx.NodeProto | None:
        found = consumers[node.output[0]]
        return found[0] if len(found) == 1 and found[0].op_type == kind else None

    removed: set[str] = set()
    fused: dict[str, onnx.NodeProto] = {}
    for erf in graph.node:
        divided = producers.get(erf.input[0]) if erf.op_type == "Erf" else None
        if divided is None or divided.op_type != "Div" or not is_constant(divided.input[1], math.sqrt(2)):
            continue
        added = only_consumer(erf, "Add")
        product = added and only_consumer(added, "Mul")
        halved = product and only_consumer(product, "Mul")
        if added is None or product is None or halved is None:
            continue
        x = divided.input[0]
        one = any(is_constant(name, 1.0) for name in added.input)
        half = any(is_constant(name, 0.5) for name in halved.input)
        if one and half and x in product.input and len(consumers[divided.output[0]]) == 1:
            fused[halved.output[0]] = helper.make_node("Gelu", [x], halved.output, product.name, domain=_DOMAIN)
            removed |= {node.output[0] for node in (divided, erf, added, product)}
    if not fused:
        return
    nodes = [fused.get(node.output[0], node) for node in graph.node if node.output[0] not in removed]
    del graph.node[:]
    graph.node.extend(nodes)
    if not any(entry.domain == _DOMAIN for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid(_DOMAIN, _VERSION))
