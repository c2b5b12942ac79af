"""Engines of a device without a connection: what is prepared for it, and what must wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tiernas.devices.carried import CarriedNetwork, WaitsForKitError, carried_engine
from tiernas.engines import CompiledNetwork, Fingerprint, get_engine
from tiernas.errors import UsageError

IMAGES = np.random.default_rng(0).standard_normal((1, 3, 32, 32), dtype=np.float32)


def elsewhere(precision: str = "fp32") -> Fingerprint:
    """What another device of this kind was measured on."""
    return dataclasses.replace(get_engine("onnxruntime", precision=precision).fingerprint(), device="a device far away")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_what_would_run_there_is_saved_and_runs_here(tmp_path: Path, tiny: Path, precision: str) -> None:
    engine = carried_engine(elsewhere(precision))
    assert (engine.name, engine.precision, engine.precisions()) == ("onnxruntime", precision, (precision,))
    assert engine.more_exact() is None
    with engine.compile(tiny) as network, get_engine("onnxruntime", precision=precision).compile(tiny) as here:
        assert network.fingerprint == engine.fingerprint() == elsewhere(precision)
        assert network.input_shape == here.input_shape
        assert not network.is_here
        assert not network.can_run
        logits = network.save(tmp_path).load(tmp_path)(IMAGES)
        np.testing.assert_allclose(logits, here.run(IMAGES), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "use",
    [
        lambda network: network.run(IMAGES),
        lambda network: network.infer(),
        lambda network: network.reload(),
        lambda network: network.profile(),
        lambda network: network.about_ms(),
        lambda network: network.anchor("0" * 16),
    ],
)
def test_what_needs_the_device_waits(tiny: Path, use: Callable[[CompiledNetwork], object]) -> None:
    with carried_engine(elsewhere()).compile(tiny) as network:
        assert isinstance(network, CarriedNetwork)
        with pytest.raises(WaitsForKitError, match="must be measured by a kit on a device far away"):
            use(network)


def test_a_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.onnx"):
        carried_engine(elsewhere()).compile(tmp_path / "none.onnx")
