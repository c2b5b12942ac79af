from __future__ import annotations

import sys
from pathlib import Path

import ncnn
import numpy as np
import onnx
import pytest

from tiernas.engines import Engine, get_engine
from tiernas.engines.ncnn import NcnnEngine
from tiernas.engines.ncnn.param_file import layer_types, read_input_shape
from tiernas.errors import NotInstalledError, UsageError
from tiernas.testing.engines import EngineConformance, Saved


class TestNcnn(EngineConformance):
    has_profile = False

    def make(self) -> Engine:
        return get_engine("ncnn")

    def test_it_loads_what_it_saved(self, saved: Saved) -> None:
        assert saved.network.files == ("network.param", "network.bin")
        engine = self.make()
        with engine.load(saved.folder / "network.param") as loaded:
            assert loaded.input_shape == saved.images.shape
            assert loaded.fingerprint == engine.fingerprint()
            np.testing.assert_array_equal(loaded.run(saved.images), saved.logits)
            assert engine.saved(saved.network.files, loaded.fingerprint) == saved.network

    def test_activations_are_fused_or_one_layer(self, saved: Saved) -> None:
        kinds = layer_types(saved.folder / "network.param")
        assert "Swish" in kinds
        assert not {"Sigmoid", "ReLU"} & set(kinds)

    def test_weights_that_are_missing_or_damaged_are_one_message(self, saved: Saved) -> None:
        weights = saved.folder / "network.bin"
        weights.write_bytes(weights.read_bytes()[:1000])
        with pytest.raises(UsageError, match=r"network\.param: ncnn cannot load it.*network\.bin"):
            self.make().load(saved.folder / "network.param")
        weights.unlink()
        with pytest.raises(UsageError, match=r"network\.param: ncnn cannot load it.*network\.bin"):
            self.make().load(saved.folder / "network.param")

    def test_a_layer_that_this_version_lacks_is_named(self, saved: Saved) -> None:
        path = saved.folder / "network.param"
        path.write_text(path.read_text().replace("Swish ", "Frobnicate "))
        with pytest.raises(UsageError, match="has no layer Frobnicate"):
            self.make().load(path)

    def test_an_onnx_file_is_not_loaded(self, onnx_path: Path) -> None:
        with pytest.raises(UsageError, match=r"ncnn loads \.param files"):
            self.make().load(onnx_path)


@pytest.mark.skipif("bf16" not in NcnnEngine.precisions(), reason="this CPU has no bf16")
class TestNcnnBf16(EngineConformance):
    tolerance = 0.03
    has_profile = False

    def make(self) -> Engine:
        return get_engine("ncnn", precision="bf16")

    def test_it_does_compute_in_bf16(self, onnx_path: Path) -> None:
        images = np.random.default_rng(0).standard_normal((1, 3, 16, 16), dtype=np.float32)
        with self.make().compile(onnx_path) as low, get_engine("ncnn").compile(onnx_path) as exact:
            assert np.abs(low.run(images) - exact.run(images)).max() > 1e-4 * np.abs(exact.run(images)).max()


def test_sizes_that_are_no_multiple_of_anything(tmp_path: Path) -> None:
    """Channels of 15 x 13 pixels are not aligned in an array."""
    images, logits = (
        onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s)
        for n, s in (("x", [1, 3, 15, 13]), ("y", [1, 3, 1, 1]))
    )
    graph = onnx.helper.make_graph([onnx.helper.make_node("GlobalAveragePool", ["x"], ["y"])], "g", [images], [logits])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8),
        tmp_path / "odd.onnx",
    )
    x = np.random.default_rng(0).standard_normal((1, 3, 15, 13), dtype=np.float32)
    with get_engine("ncnn").compile(tmp_path / "odd.onnx") as network:
        np.testing.assert_allclose(network.run(x), x.mean((2, 3)), atol=1e-6)


def test_more_images_at_once_are_refused() -> None:
    with pytest.raises(UsageError, match="batch = 2: ncnn runs one image per inference"):
        get_engine("ncnn", batch=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with 7767517"),
        ("7767517\n1 1\nReLU a 1 1 x y\n", "has 0 inputs"),
        ("7767517\n1 1\nInput a 0 1 x 0=8 2=3\n", "input shape [1, 3, ?, 8]"),
    ],
)
def test_param_files_of_others_are_one_message(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "network.param"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_input_shape(path)
    assert words in str(raised.value)


def test_what_is_missing_tells_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tiernas.doctor.tiny_network import write_tiny_network

    write_tiny_network(tmp_path / "tiny.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotInstalledError, match=r"pnnx.*pip install .*\[ncnn\]"):
        get_engine("ncnn").compile(tmp_path / "tiny.onnx")
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "tiernas.engines.ncnn.engine", raising=False)
    monkeypatch.setitem(sys.modules, "ncnn", None)
    with pytest.raises(NotInstalledError, match=r"ncnn is not installed.*pip install .*\[ncnn\]"):
        get_engine("ncnn")


def test_its_version_is_that_of_the_wheel() -> None:
    from importlib.metadata import version

    assert ncnn.__version__ == version("ncnn") == get_engine("ncnn").fingerprint().engine_version
