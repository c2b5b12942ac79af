from __future__ import annotations

from typing import Any

import pytest

from tiernas.engines.onnxruntime.profile import ProfilerOverhead, node_times


def test_layout_change_is_named_for_its_consumer_and_cold_runs_are_dropped() -> None:
    names = ["/blocks/blocks.0/Conv", "ReorderOutput_token_3", "/blocks/blocks.1/Mul", "/head/Transpose"]
    kernels: list[dict[str, Any]] = [
        {"name": f"{name}_kernel_time", "dur": duration, "args": {"input_type_shape": [{}, {}, {}]}}
        for duration in (1000, 10, 10)
        for name in names
    ]
    found = node_times(kernels, runs=2, overhead=ProfilerOverhead(node_us=1.5, input_us=0.5))
    assert [node.name for node in found] == [names[0], f"ReorderOutput for {names[2]}", names[2], names[3]]
    assert [node.time_ms for node in found] == pytest.approx([0.007] * 4)
