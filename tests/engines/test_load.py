"""Networks that were prepared elsewhere: an engine loads what it saved, and ONNX files in its precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.engines import get_engine
from tiernas.errors import UsageError

IMAGES = np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_an_onnx_file_is_loaded_as_it_is_compiled(tmp_path: Path, name: str) -> None:
    path = tmp_path / "tiny.onnx"
    write_tiny_network(path)
    engine = get_engine(name)
    with engine.compile(path) as compiled, engine.load(path) as loaded:
        assert loaded.input_shape == compiled.input_shape == (1, 3, 32, 32)
        assert loaded.fingerprint == compiled.fingerprint
        np.testing.assert_allclose(loaded.run(IMAGES), compiled.run(IMAGES), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_an_int8_network_is_loaded_as_it_was_saved(tmp_path: Path, name: str) -> None:
    write_tiny_network(tmp_path / "tiny.onnx")
    (tmp_path / "saved").mkdir()
    engine = get_engine(name, precision="int8")
    with engine.compile(tmp_path / "tiny.onnx") as compiled:
        saved = compiled.save(tmp_path / "saved")
        with engine.load(tmp_path / "saved" / saved.files[0]) as loaded:
            np.testing.assert_allclose(loaded.run(IMAGES), compiled.run(IMAGES), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("flags", "greatest"), [(("avx2",), 63), (("avx2", "avx512_vnni"), 127), (("i8mm",), 127)])
def test_weights_are_quantized_for_the_cpu_that_runs_them(
    tmp_path: Path, flags: tuple[str, ...], greatest: int
) -> None:
    write_tiny_network(tmp_path / "tiny.onnx")
    (file,) = get_engine("onnxruntime", precision="int8").quantize(tmp_path / "tiny.onnx", tmp_path, flags)
    weights = [numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / file).graph.initializer]
    assert max(int(np.abs(each).max()) for each in weights if each.dtype == np.int8) == greatest


@pytest.mark.slow
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_what_is_quantized_for_another_device_is_loaded_there(tmp_path: Path, name: str) -> None:
    write_tiny_network(tmp_path / "tiny.onnx")
    (tmp_path / "new").mkdir()
    engine = get_engine(name, precision="int8")
    with engine.compile(tmp_path / "tiny.onnx") as compiled:
        files = engine.quantize(tmp_path / "tiny.onnx", tmp_path / "new", compiled.fingerprint.flags)
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(files)
        with engine.load(tmp_path / "new" / files[0]) as loaded:
            np.testing.assert_allclose(loaded.run(IMAGES), compiled.run(IMAGES), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_network_that_was_measured_elsewhere_is_run_as_one_from_here(tmp_path: Path, name: str) -> None:
    write_tiny_network(tmp_path / "tiny.onnx")
    engine = get_engine(name)
    with engine.compile(tmp_path / "tiny.onnx") as compiled:
        here = compiled.save(tmp_path)
        assert engine.saved(here.files, compiled.fingerprint) == here
        there = engine.saved(("tiny.onnx",), compiled.fingerprint)
        np.testing.assert_allclose(there.load(tmp_path)(IMAGES), compiled.run(IMAGES), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "ncnn"])
def test_a_file_that_is_no_network_is_one_message(tmp_path: Path, name: str) -> None:
    path = tmp_path / "network.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(UsageError) as raised:
        get_engine(name).load(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "shown"), [("onnxruntime", "batch, 3, 32, 32"), ("openvino", "?, 3, 32, 32")])
def test_a_network_of_any_batch_is_one_message(tmp_path: Path, name: str, shown: str) -> None:
    path = tmp_path / "network.onnx"
    write_tiny_network(path)
    model = onnx.load(path)
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(model, path)
    with pytest.raises(UsageError) as raised:
        get_engine(name).load(path)
    told = f"{path}: input shape [{shown}]; must be four fixed numbers: export with fixed shapes"
    assert str(raised.value) == told


def test_an_engine_that_loads_nothing_says_so(tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch")
    engine = get_engine("torch")
    with pytest.raises(UsageError, match="engine 'torch' loads no prepared networks"):
        engine.load(tmp_path / "network.onnx")
    with pytest.raises(UsageError, match="engine 'torch' loads no prepared networks"):
        engine.saved(("network.onnx",), engine.fingerprint())
    with pytest.raises(UsageError, match="engine 'torch' quantizes no networks for other devices"):
        engine.quantize(tmp_path / "network.onnx", tmp_path, ())
