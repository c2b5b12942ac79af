from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import openvino
import pytest

from tiernas.engines import Engine, engine_names, get_engine
from tiernas.engines.openvino import OpenVinoEngine
from tiernas.errors import NotInstalledError, UsageError
from tiernas.testing.engines import EngineConformance, Saved


class TestOpenVinoInt8(EngineConformance):
    tolerance = 0.1

    def make(self) -> Engine:
        return get_engine("openvino", precision="int8")

    def test_what_is_saved_is_quantised(self, saved: Saved) -> None:
        nodes = openvino.Core().read_model(saved.folder / "network.xml").get_ops()
        assert [node for node in nodes if node.get_type_name() == "FakeQuantize"]

    def test_convolutions_run_in_int8(self, saved: Saved) -> None:
        core = openvino.Core()
        properties = {**saved.network.options["properties"], "PERF_COUNT": True}
        compiled = core.compile_model(core.read_model(saved.folder / "network.xml"), "CPU", properties)
        request = compiled.create_infer_request()
        request.infer()
        kernels = {node.node_name: node.exec_type for node in request.get_profiling_info()}
        # squeeze-and-excitation and depthwise convolutions may stay in fp32
        dense = {name: kind for name, kind in kernels.items() if name.endswith("/body.4/Conv/WithoutBiases")}
        assert len(dense) >= 2
        assert all(kind.lower().endswith("i8") for kind in dense.values()), dense


@pytest.mark.skipif("bf16" not in OpenVinoEngine.precisions(), reason="this CPU has no bf16")
class TestOpenVinoBf16(EngineConformance):
    tolerance = 0.03

    def make(self) -> Engine:
        return get_engine("openvino", precision="bf16")


class TestOpenVino(EngineConformance):
    def make(self) -> Engine:
        return get_engine("openvino")

    def test_two_outputs_are_refused(self, tmp_path: Path) -> None:
        images = onnx.helper.make_tensor_value_info("images", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
        outputs = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8]) for name in "ab"]
        nodes = [onnx.helper.make_node(op, ["images"], [name]) for op, name in [("Relu", "a"), ("Sigmoid", "b")]]
        path = tmp_path / "two.onnx"
        graph = onnx.helper.make_graph(nodes, "two", [images], outputs)
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)]), path)
        with pytest.raises(UsageError, match="2 outputs"):
            self.make().compile(path)


def test_unknown_engine_names_the_known() -> None:
    with pytest.raises(UsageError, match=", ".join(engine_names())):
        get_engine("tensorflow")


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch", "torch-compile"])
def test_every_engine_of_this_device_can_be_made(name: str) -> None:
    assert name in engine_names()
    assert get_engine(name).name == name


def test_missing_runtime_tells_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tiernas.engines.openvino.engine", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(NotInstalledError, match=r"pip install .*\[openvino\]"):
        get_engine("openvino")


TELEMETRY = """
import sys
import tiernas.engines.openvino.engine
import openvino.tools.ovc.telemetry_utils as used
assert "telemetry_stub" in used.tm.__name__, used.tm
try:
    from openvino_telemetry import Telemetry  # as NNCF does
except ImportError:
    sys.exit(0)
sys.exit("reports")
"""


def test_nothing_is_reported_to_anybody() -> None:
    subprocess.run([sys.executable, "-c", TELEMETRY], check=True)
