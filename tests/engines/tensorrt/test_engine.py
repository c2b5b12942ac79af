from __future__ import annotations

import collections
import importlib.util
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from tiernas.blocks.bottleneck import Bottleneck
from tiernas.engines import Engine, get_engine
from tiernas.engines.gpu_state import Gpu, find_gpu
from tiernas.engines.onnx_file import read_network
from tiernas.engines.tensorrt import TensorRtRtxEngine
from tiernas.engines.tensorrt.build import TrtNetwork
from tiernas.engines.tensorrt.files import save_trt
from tiernas.engines.tensorrt.library import TensorRtRtx, load_library
from tiernas.engines.tensorrt.precision import in_precision
from tiernas.errors import NotInstalledError, UsageError
from tiernas.networks import build, export_onnx
from tiernas.spaces import released
from tiernas.standalone.loaders import tensorrt as tensorrt_loader
from tiernas.testing.engines import ARCHITECTURE, NUM_CLASSES, EngineConformance

PRECISIONS = ("fp32", "fp16", "int8")
needs_rtx = pytest.mark.skipif(importlib.util.find_spec("tensorrt_rtx") is None, reason="tensorrt-rtx is not installed")
needs_gpu = pytest.mark.skipif(find_gpu() is None, reason="no NVIDIA GPU here")
without_gpu = pytest.mark.skipif(find_gpu() is not None, reason="there is a GPU here")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(ARCHITECTURE, NUM_CLASSES).eval()
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export_onnx(network, path)
    return path


class OnGpu(EngineConformance):
    """The conformance suite, once per engine and precision, where there is a GPU to run on."""

    engine: str
    precision: str

    def make(self) -> Engine:
        try:
            engine = get_engine(self.engine)
        except NotInstalledError as error:
            pytest.skip(str(error))
        if self.precision not in engine.precisions():
            pytest.skip(f"this GPU runs {', '.join(engine.precisions())}")
        return get_engine(self.engine, precision=self.precision)


@needs_gpu
class TestTensorRtFp32(OnGpu):
    engine, precision = "tensorrt", "fp32"


@needs_gpu
class TestTensorRtFp16(OnGpu):
    engine, precision, tolerance = "tensorrt", "fp16", 0.02


@needs_gpu
class TestTensorRtInt8(OnGpu):
    engine, precision, tolerance = "tensorrt", "int8", 0.1


@needs_gpu
class TestTensorRtRtxFp32(OnGpu):
    engine, precision = "tensorrt-rtx", "fp32"


@needs_gpu
class TestTensorRtRtxFp16(OnGpu):
    engine, precision, tolerance = "tensorrt-rtx", "fp16", 0.02


@needs_gpu
class TestTensorRtRtxInt8(OnGpu):
    engine, precision, tolerance = "tensorrt-rtx", "int8", 0.1


@needs_rtx
@pytest.mark.parametrize("precision", PRECISIONS)
def test_layers_compute_in_the_precision(tiny: Path, precision: str) -> None:
    model = in_precision(read_network(tiny, batch=1), precision, None)
    network = TrtNetwork(load_library(TensorRtRtx), model, "tiny")
    assert network.definition.get_input(0).dtype.name == "FLOAT"
    assert network.definition.get_output(0).dtype.name == "FLOAT"
    types = collections.Counter(network.convolution_types().values())
    gates = 2 * sum(isinstance(layer, Bottleneck) and layer.se_channels > 0 for layer in ARCHITECTURE.layers)
    match precision:
        case "fp32":
            assert types.keys() == {"FLOAT"}
        case "fp16":
            assert types.keys() == {"HALF"}
        case _:
            assert types.keys() == {"INT8", "HALF"}
            assert types["HALF"] == gates


@needs_rtx
@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_saved_is_the_typed_network_and_can_be_built_from_its_file_alone(
    tiny: Path, precision: str, tmp_path: Path
) -> None:
    library = load_library(TensorRtRtx)
    typed = in_precision(read_network(tiny, batch=1), precision, None)
    serialized = TensorRtRtxEngine(precision).build(tiny)
    saved = save_trt(library, typed, serialized, tmp_path)
    assert (tmp_path / "network.engine").read_bytes() == serialized
    types = TrtNetwork(library, (tmp_path / saved.files[0]).read_bytes(), "saved").convolution_types().values()
    assert {"fp32": "FLOAT", "fp16": "HALF", "int8": "INT8"}[precision] in types
    assert tensorrt_loader.build(library.trt, library.logger, tmp_path / saved.files[0])
    assert saved.options == {"package": "tensorrt_rtx", "version": library.version}


@pytest.mark.parametrize(("precision", "tolerance"), [("fp16", 0.01), ("int8", 0.1)])
def test_the_typed_network_gives_the_logits_of_torch(tiny: Path, precision: str, tolerance: float) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    images = np.random.default_rng(1).standard_normal((1, 3, 16, 16), dtype=np.float32)
    calibration = np.random.default_rng(2).standard_normal((32, 3, 16, 16), dtype=np.float32)
    typed = in_precision(read_network(tiny, batch=1), precision, calibration)
    onnx.checker.check_model(onnx.load_from_string(typed), full_check=True)
    logits = [
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"images": images})[0]
        for model in (tiny.read_bytes(), typed)
    ]
    assert np.abs(logits[1] - logits[0]).max() <= tolerance * np.abs(logits[0]).max()


@needs_rtx
def test_a_released_network_builds_in_int8(tmp_path: Path) -> None:
    path = tmp_path / "gpunet_0.onnx"
    export_onnx(build(released("gpunet_0"), 1000).eval(), path)
    engine = TensorRtRtxEngine("int8")
    built = engine.build(path)
    assert len(built) > 10_000_000
    assert engine.build(path) == built


@needs_rtx
def test_an_engine_depends_on_precision_weights_and_calibration(tiny: Path, tmp_path: Path) -> None:
    model = onnx.load(tiny)
    model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))
    other_weights = tmp_path / "other.onnx"
    onnx.save(model, other_weights)
    images = np.random.default_rng(0).standard_normal((2, 3, 16, 16), dtype=np.float32)
    TensorRtRtxEngine("fp32").build(tiny)
    TensorRtRtxEngine("fp32").build(tiny, images)  # which fp32 ignores
    TensorRtRtxEngine("fp32").build(other_weights)
    TensorRtRtxEngine("int8").build(tiny, images)
    TensorRtRtxEngine("int8").build(tiny, images[:1])
    assert len(list(tmp_path.glob("cache/tiernas/tensorrt/*.engine"))) == 4


@needs_rtx
def test_a_truncated_engine_is_built_again(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engine = TensorRtRtxEngine("fp32")
    engine.build(tiny)
    (file,) = tmp_path.glob("cache/tiernas/tensorrt/*.engine")
    whole = file.read_bytes()
    file.write_bytes(whole[:1000])
    caplog.set_level(logging.INFO, "tiernas")
    engine.build(tiny)
    assert ["is truncated" in message for message in caplog.messages] == [True]
    assert file.stat().st_size == pytest.approx(len(whole), rel=0.01)


BUILD = """
import sys
from pathlib import Path
from tiernas.engines.tensorrt import TensorRtRtxEngine
from tiernas.engines.tensorrt.build import TrtNetwork

original = TrtNetwork.build
def build(*args, **kwargs):
    with open(sys.argv[2], "a") as builds:
        builds.write("built\\n")
    return original(*args, **kwargs)
TrtNetwork.build = build

print("ready", flush=True)
sys.stdin.readline()
print(len(TensorRtRtxEngine("int8").build(Path(sys.argv[1]))))
"""


@needs_rtx
def test_two_processes_build_once(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = tmp_path / "builds"
    original = TrtNetwork.build

    def build(network: TrtNetwork, gpu: Gpu | None, timings: bytes | None = None) -> tuple[bytes, bytes | None]:
        with builds.open("a") as file:
            file.write("built\n")
        return original(network, gpu, timings)

    monkeypatch.setattr(TrtNetwork, "build", build)
    command = [sys.executable, "-c", BUILD, str(tiny), str(builds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        other.stdin.write("go\n")
        other.stdin.flush()
        built = TensorRtRtxEngine("int8").build(tiny)
        assert other.communicate()[0] == f"{len(built)}\n"
    assert other.returncode == 0
    assert builds.read_text() == "built\n"


@needs_rtx
@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_operator_that_tensorrt_lacks_is_named(tmp_path: Path, precision: str) -> None:
    images = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    logits = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 3])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Det", ["x"], ["y"], "odd")], "g", [images], [logits])
    path = tmp_path / "odd.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(
        UsageError, match=r"odd\.onnx: TensorRT-RTX cannot parse it: it has no operator Det \(node 'odd'\)"
    ):
        TensorRtRtxEngine(precision).build(path)
    assert list(tmp_path.glob("cache/tiernas/tensorrt/*.engine")) == []


@needs_rtx
@pytest.mark.parametrize("capability", [(7, 5), (8, 9)])
def test_precisions_are_those_that_build_for_the_gpu(tiny: Path, capability: tuple[int, int]) -> None:
    library = load_library(TensorRtRtx)
    trt = library.trt
    found = []
    for precision in PRECISIONS:
        builder = trt.Builder(library.logger)
        definition = builder.create_network(0)
        parser = trt.OnnxParser(definition, library.logger)
        assert parser.parse(in_precision(read_network(tiny, batch=1), precision, None))
        config = builder.create_builder_config()
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, "SM{}{}".format(*capability)), 0)
        if builder.build_serialized_network(definition, config) is not None:
            found.append(precision)
    assert library.precisions(Gpu(0, "some GPU", capability, "")) == tuple(found)


@needs_rtx
@without_gpu
def test_without_a_gpu_engines_are_built_but_not_run(tiny: Path) -> None:
    engine = get_engine("tensorrt-rtx", precision="fp16")
    assert engine.precisions() == PRECISIONS
    with pytest.raises(UsageError, match=r"no NVIDIA GPU here.*TensorRT-RTX"):
        engine.compile(tiny)
    with pytest.raises(UsageError, match="no NVIDIA GPU here"):
        engine.fingerprint()


@needs_rtx
def test_threads_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    with pytest.raises(UsageError, match="threads = 4: tensorrt-rtx runs on the GPU; must be 1"):
        TensorRtRtxEngine(threads=4)


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_a_missing_package_tells_the_command(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load_library.cache_clear()
    monkeypatch.setitem(sys.modules, name.replace("-", "_"), None)
    with pytest.raises(NotInstalledError, match=rf"pip install .*\[{name}\]"):
        get_engine(name)
