from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, fx, nn

from tiernas.engines import Engine, get_engine
from tiernas.engines.calibration import FloatArray
from tiernas.engines.onnx_file import read_network
from tiernas.engines.torch import TorchCompiledNetwork, TorchCompileEngine, TorchEngine, to_module
from tiernas.errors import NotInstalledError, UsageError
from tiernas.spaces import Architecture
from tiernas.testing.engines import ARCHITECTURE, EngineConformance


class TestTorch(EngineConformance):
    def make(self) -> Engine:
        return get_engine("torch")

    def test_swish_is_one_operator(self, onnx_path: Path) -> None:
        module, _ = to_module(read_network(onnx_path, 1))
        calls = [module.get_submodule(str(node.target)) for node in module.graph.nodes if node.op == "call_module"]
        nodes = onnx.load(onnx_path).graph.node
        swishes = sum(isinstance(call, nn.SiLU) for call in calls)
        gates = sum(isinstance(call, nn.Sigmoid) for call in calls)
        assert swishes > 0
        assert gates > 0
        assert swishes + gates == sum(node.op_type == "Sigmoid" for node in nodes)

    def test_threads_of_the_process_are_restored(self, onnx_path: Path) -> None:
        before = torch.get_num_threads()
        try:
            torch.set_num_threads(2)
            with self.make().compile(onnx_path) as compiled:
                compiled.infer()
                compiled.run(np.zeros((1, 3, 16, 16), dtype=np.float32))
                compiled.profile()
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(before)


@pytest.mark.skipif("bf16" not in TorchEngine.precisions(), reason="this CPU has no bf16")
class TestTorchBf16(EngineConformance):
    tolerance = 0.05

    def make(self) -> Engine:
        return get_engine("torch", precision="bf16")


class _CompiledOnce(TorchCompiledNetwork):
    """Compiles the suite's tiny network once for all tests: it takes long."""

    _compiled: ClassVar[list[Callable[[Tensor], Tensor]]] = []

    def _prepare(self, module: fx.GraphModule) -> Callable[[Tensor], Tensor]:
        if not self._compiled:
            self._compiled.append(super()._prepare(module))
        return self._compiled[0]


class _CompileOnceEngine(TorchCompileEngine):
    def compile(self, onnx_path: Path, calibration: FloatArray | None = None) -> _CompiledOnce:
        return _CompiledOnce(read_network(onnx_path, self.batch), self.fingerprint())


@pytest.mark.slow
class TestTorchCompile(EngineConformance):
    has_profile = False

    def make(self) -> Engine:
        return _CompileOnceEngine()

    @pytest.mark.parametrize("architecture", [ARCHITECTURE])  # another one takes as long again to compile
    def test_logits_are_those_of_torch(self, architecture: Architecture, tmp_path: Path) -> None:
        super().test_logits_are_those_of_torch(architecture, tmp_path)

    @pytest.mark.parametrize("architecture", [ARCHITECTURE])
    def test_profile_names_every_layer(self, architecture: Architecture, tmp_path: Path) -> None:
        super().test_profile_names_every_layer(architecture, tmp_path)


def test_missing_compiler_is_named(tmp_path: Path) -> None:
    import torch._inductor.config

    shape = [1, 3, 8, 8]
    images, logits = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n in ("x", "y"))
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "relu", [images], [logits])
    path = tmp_path / "relu.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    # not monkeypatch: it would leave the setting deleted
    without = torch._inductor.config.patch({"cpp.cxx": (None, str(tmp_path / "no-compiler"))})
    with without, pytest.raises(UsageError, match=r"relu\.onnx.*torch-compile.*compiler"):
        get_engine("torch-compile").compile(path)


def test_missing_reader_tells_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiernas.engines.torch", raising=False)
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[torch\]"):
        get_engine("torch")
