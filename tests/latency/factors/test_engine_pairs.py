from __future__ import annotations

from tiernas.latency.factors import engine_pairs


def test_engines_with_and_without_their_own_precision() -> None:
    pairs = engine_pairs(["openvino", "onnxruntime:fp32", "openvino:fp32"], ["fp32", "int8"])
    assert pairs == (("openvino", "fp32"), ("openvino", "int8"), ("onnxruntime", "fp32"))
