from __future__ import annotations

import os
import sys
from pathlib import Path

import onnx
import pytest

from tiernas.engines import Engine, StopRule, get_engine, measure
from tiernas.engines.onnxruntime import OnnxRuntimeNetwork
from tiernas.errors import NotInstalledError
from tiernas.testing.engines import EngineConformance, Saved


class TestOnnxRuntime(EngineConformance):
    def make(self) -> Engine:
        return get_engine("onnxruntime")

    def test_profile_adds_up_to_about_the_latency(self, onnx_path: Path) -> None:
        """The network takes microseconds: other work spoils what the profiler's overhead is taken for, so try often."""
        rule = StopRule(warmup_s=0.05, min_s=0.05, limit_s=0.2)
        with self.make().compile(onnx_path) as compiled:
            ratios = (
                sum(node.time_ms for node in compiled.profile()) / measure(compiled, rule).latency_ms for _ in range(20)
            )
            assert any(1 / 3 < ratio < 3 for ratio in ratios)

    def test_threads_are_those_that_were_asked_for(self, onnx_path: Path) -> None:
        threads = min(2, os.cpu_count() or 1)
        with get_engine("onnxruntime", threads=threads).compile(onnx_path) as compiled:
            assert isinstance(compiled, OnnxRuntimeNetwork)
            for _ in range(2):
                options = compiled._session.get_session_options()
                assert (options.intra_op_num_threads, options.inter_op_num_threads) == (threads, 1)
                compiled.reload()


class TestOnnxRuntimeInt8(EngineConformance):
    tolerance = 0.05

    def make(self) -> Engine:
        return get_engine("onnxruntime", precision="int8")

    def test_what_is_saved_is_quantised(self, saved: Saved) -> None:
        kinds = {node.op_type for node in onnx.load(saved.folder / "network.onnx").graph.node}
        assert {"QuantizeLinear", "DequantizeLinear"} <= kinds


def test_missing_runtime_tells_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("engine", "profile", "session"):
        monkeypatch.delitem(sys.modules, f"tiernas.engines.onnxruntime.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[onnxruntime\]"):
        get_engine("onnxruntime")
