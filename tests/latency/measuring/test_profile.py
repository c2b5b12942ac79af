from __future__ import annotations

from tiernas.engines import NodeTime
from tiernas.latency.measuring.profile import layer_times_ms


def test_layout_changes_belong_to_the_layer_that_needs_them() -> None:
    nodes = [
        NodeTime("/blocks/blocks.0/blocks.0.0/Conv", 1.0),
        NodeTime("/blocks/blocks.0/blocks.0.1/Relu_abcd_acdb_/blocks/blocks.1/body/body.0/Conv", 2.0),
        NodeTime("/blocks/blocks.1/body/body.0/Conv", 4.0),
        NodeTime("logits_reorder", 8.0),
    ]
    assert layer_times_ms(nodes, 3) == (1.0, 6.0, 8.0)


def test_fused_nodes_without_a_layer_belong_to_that_of_the_node_that_runs_next() -> None:
    nodes = [
        NodeTime("/blocks/blocks.0/blocks.0.6/Conv", 1.0),
        NodeTime("MVN_64", 2.0),
        NodeTime("gemm_input_reshape", 4.0),
        NodeTime("/blocks/blocks.1/body/body.1/qkv/Add", 8.0),
        NodeTime("logits", 16.0),
    ]
    assert layer_times_ms(nodes, 3) == (1.0, 14.0, 16.0)
