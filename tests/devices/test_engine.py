"""Engines of another device, here this machine with a runner: they do what engines do."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.devices.conftest import SHORT

from tiernas.devices import RemoteDevice
from tiernas.devices.network import RemoteNetwork
from tiernas.engines import Engine, Fingerprint, StopRule, get_engine, measure
from tiernas.engines.openvino import OpenVinoEngine
from tiernas.errors import TiernasError, UsageError
from tiernas.testing.engines import EngineConformance

IMAGES = np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)


class OnDevice(EngineConformance):
    """What single inferences are needed for is refused, all else is as here."""

    device: RemoteDevice

    @pytest.fixture(autouse=True)
    def _near(self, near: RemoteDevice) -> None:
        self.device = near

    def test_logits_do_not_change_after_timing(self, onnx_path: Path) -> None:
        with self.make().compile(onnx_path) as compiled, pytest.raises(TiernasError, match="measure with `anchor`"):
            compiled.infer()

    def test_logits_do_not_change_when_it_is_loaded_anew(self, onnx_path: Path) -> None:
        images = np.ones((1, 3, 16, 16), dtype=np.float32)
        with self.make().compile(onnx_path) as compiled:
            before = compiled.run(images)
            compiled.anchor("0" * 16)
            compiled.reload()
            np.testing.assert_allclose(compiled.run(images), before, rtol=1e-5)

    def test_measurement_is_consistent(self, onnx_path: Path) -> None:
        with self.make().compile(onnx_path) as compiled, pytest.raises(TiernasError, match="measure with `anchor`"):
            measure(compiled, StopRule())


class TestOnnxRuntimeOnDevice(OnDevice):
    def make(self) -> Engine:
        return get_engine("onnxruntime", device=self.device)


@pytest.mark.slow
class TestOnnxRuntimeInt8OnDevice(OnDevice):
    tolerance = 0.05

    def make(self) -> Engine:
        return get_engine("onnxruntime", precision="int8", device=self.device)


@pytest.mark.slow
class TestOpenVinoOnDevice(OnDevice):
    def make(self) -> Engine:
        return get_engine("openvino", device=self.device)


@pytest.mark.slow
class TestOpenVinoInt8OnDevice(OnDevice):
    tolerance = 0.05

    def make(self) -> Engine:
        return get_engine("openvino", precision="int8", device=self.device)


@pytest.mark.slow
class TestNcnnOnDevice(OnDevice):
    has_profile = False

    def make(self) -> Engine:
        return get_engine("ncnn", device=self.device)


def test_a_network_is_converted_here_for_a_runtime_that_does_not_read_onnx(near: RemoteDevice, tiny: Path) -> None:
    there, here = get_engine("ncnn", device=near), get_engine("ncnn")
    assert there.fingerprint() == here.fingerprint()
    assert str(there.fingerprint().quantizer).startswith("pnnx ")
    with there.compile(tiny) as network, here.compile(tiny) as same:
        np.testing.assert_array_equal(network.run(IMAGES), same.run(IMAGES))
        assert not network.profile()


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_the_fingerprint_is_that_of_the_same_engine_here(near: RemoteDevice, name: str, precision: str) -> None:
    there = get_engine(name, precision=precision, batch=2, device=near)
    here = get_engine(name, precision=precision, batch=2)
    assert there.fingerprint() == here.fingerprint()
    assert there.precisions() == here.precisions()
    assert there.name == name
    more_exact = there.more_exact()
    assert (more_exact and more_exact.fingerprint().batch) == (None if precision == "fp32" else 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "tensorrt"}, "engine 'tensorrt': on near there can be onnxruntime, openvino"),
        ({"precision": "int3"}, "near: precision 'int3': onnxruntime runs fp32, int8 on this device"),
        ({"threads": 10_000}, "near: threads = 10000: must be from 1 to"),
        ({"batch": 0}, "near: batch = 0: must be at least 1"),
    ],
)
def test_what_a_device_cannot_do_is_one_message(near: RemoteDevice, settings: dict[str, object], message: str) -> None:
    wanted: dict[str, object] = {"name": "onnxruntime", "device": near, **settings}
    with pytest.raises(UsageError, match=message):
        get_engine(**wanted)  # type: ignore[arg-type]


def test_an_engine_class_is_known_by_its_name(near: RemoteDevice) -> None:
    assert get_engine(OpenVinoEngine, device=near).fingerprint().engine == "openvino"


def test_a_measurement_tells_the_state_of_the_device(
    near: RemoteDevice, tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="tiernas.devices")
    engine = get_engine("onnxruntime", device=near)
    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        anchor = other.anchor("0" * 16, known_ms=7.0)
        assert anchor.about_ms > 0
        found = anchor.measure(network, SHORT)
        trace = anchor.trace(network, 0.2)
    assert found.in_turn is not None
    assert (found.in_turn.anchor, found.in_turn.anchor_ms) == ("0" * 16, 7.0)
    assert found.device_state["before"].keys() == found.device_state["after"].keys() >= {"slowdowns", "load"}
    disturbed = found.device_state.get("disturbed", [])
    assert len([message for message in caplog.messages if "was disturbed" in message]) == bool(disturbed)
    assert len(trace.pairs.at_s) == len(trace.pairs.network_ms) >= 8
    assert trace.level.low_ms <= trace.level.undisturbed_ms


def test_weights_beside_a_file_are_sent_with_it(near: RemoteDevice, tiny: Path, tmp_path: Path) -> None:
    onnx.save(onnx.load(tiny), tmp_path / "big.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    assert (tmp_path / "weights").exists()
    engine = get_engine("onnxruntime", device=near)
    with engine.compile(tmp_path / "big.onnx") as network, engine.compile(tiny) as same:
        np.testing.assert_array_equal(network.run(IMAGES), same.run(IMAGES))


def test_networks_are_closed_there(near: RemoteDevice, tiny: Path) -> None:
    engine = get_engine("onnxruntime", device=near)
    with engine.compile(tiny) as network:
        assert isinstance(network, RemoteNetwork)
        anchor = network.anchor("0" * 16)
        handles = near._connection._session.handles
        assert len(handles) == 2
    assert not handles
    with engine.compile(tiny) as other, pytest.raises(AssertionError, match="the network was closed"):
        anchor.measure(other, SHORT)
    assert not handles
    with engine.compile(tiny) as network:
        assert network.run(IMAGES).shape == (1, 4)
        assert network.fingerprint == engine.fingerprint()
        assert isinstance(Fingerprint.from_dict(network.fingerprint.to_dict()), Fingerprint)


def test_a_network_that_is_refused_leaves_nothing(near: RemoteDevice, tiny: Path) -> None:
    model = onnx.load(tiny)
    model.graph.node[0].domain = "acme"
    model.opset_import.append(onnx.helper.make_opsetid("acme", 1))
    path = tiny.with_name("odd.onnx")
    onnx.save(model, path)
    with pytest.raises(UsageError, match=r"near: .*ONNX Runtime cannot run it"):
        get_engine("onnxruntime", device=near).compile(path)
    assert not near._connection._session.handles
