from __future__ import annotations

from itertools import pairwise

import onnx
import pytest
from onnx import TensorProto, helper

from tiernas.engines.onnxruntime.chain import max_chain


@pytest.mark.parametrize(("length", "inputs"), [(1, 2), (64, 2), (64, 10), (300, 3)])
def test_it_is_what_onnx_itself_writes(length: int, inputs: int) -> None:
    names = [f"t{i}" for i in range(length + 1)]
    nodes = [helper.make_node("Max", [a] * inputs, [b], b) for a, b in pairwise(names)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 1, 1, 1)) for name in (names[0], names[-1])]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:])
    expected = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found = onnx.load_model_from_string(max_chain(length, inputs))
    onnx.checker.check_model(found)
    assert found == expected
