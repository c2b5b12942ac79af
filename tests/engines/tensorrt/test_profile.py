from __future__ import annotations

import json

import pytest

from tiernas.engines import NodeTime
from tiernas.engines.tensorrt.library import TensorRtRtx, load_library
from tiernas.engines.tensorrt.profile import LayerTimes, first_onnx_nodes, profiler

CONV = "/blocks/blocks.0/blocks.0.0/Conv"
RELU = "/blocks/blocks.0/blocks.0.2/Relu"


def test_times_are_means_over_runs_in_the_order_they_ran() -> None:
    times = LayerTimes()
    for first, second in [(1.0, 0.25), (3.0, 0.75)]:
        times.add(CONV, first)
        times.add("__myl_Mul_myl0_1", second)
        times.add("__myl_Mul_myl0_1", second)  # a layer that runs twice costs twice
        times.runs += 1
    assert times.means({}) == [NodeTime(CONV, 2.0), NodeTime("__myl_Mul_myl0_1", 1.0)]


def test_names_begin_with_the_first_onnx_node() -> None:
    times = LayerTimes()
    times.add("__myl_ConvRelu_myl0_0", 1.0)
    times.add(f"{CONV} + {RELU}", 1.0)
    times.runs = 1
    names = [node.name for node in times.means({"__myl_ConvRelu_myl0_0": CONV, f"{CONV} + {RELU}": CONV})]
    assert names == [f"{CONV} (__myl_ConvRelu_myl0_0)", f"{CONV} + {RELU}"]


def test_onnx_nodes_are_read_from_the_inspector() -> None:
    inspected = {
        "Layers": [
            {"Name": "fused", "Metadata": f"[ONNX Layer: {CONV}]\x1f[ONNX Layer: {RELU}]"},
            {"Name": "reformat", "Metadata": ""},
            {"Name": "no metadata"},
            "without detailed verbosity a layer is its name",
        ],
        "Bindings": ["images", "logits"],
    }
    assert first_onnx_nodes(json.dumps(inspected)) == {"fused": CONV}


def test_tensorrts_profiler_reports_to_the_sums() -> None:
    pytest.importorskip("tensorrt_rtx")
    times = LayerTimes()
    reporter = profiler(load_library(TensorRtRtx).trt, times)
    reporter.report_layer_time(CONV, 0.5)
    times.runs = 1
    assert times.means({}) == [NodeTime(CONV, 0.5)]
