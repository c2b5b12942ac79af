"""Networks of tokens on the engines for CPUs: their numbers, and whose layer the time is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from tiernas.engines import device_lock, get_engine
from tiernas.latency.measuring.profile import layer_times_ms
from tiernas.networks import Network, build, export_onnx
from tiernas.spaces import get_space

NETWORKS = {
    "attention": ("vit-small", [32, 2, 32, 64, 32, 2, 2, 96, 16, 2, 1, 1, 1, 0]),
    "token MLPs, then gates": ("mlp-small", [32, 64, 0, 2, 2, 2, 96, 1, 1, 2, 2, 1, 1]),
}
ENGINES = [("openvino", "fp32"), ("openvino", "int8"), ("onnxruntime", "fp32"), ("onnxruntime", "int8")]


@cache
def network(name: str) -> Network:
    space, vector = NETWORKS[name]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        made = build(get_space(space).decode(vector), 10).train()
        for _ in range(20):  # batch normalisation has seen something
            made(torch.randn(16, 3, 32, 32))
    return made.eval()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("engine", "precision"), ENGINES)
def test_they_have_the_numbers_of_torch_and_every_layer_a_time(
    engine: str, precision: str, name: str, tmp_path: Path
) -> None:
    pytest.importorskip(engine)
    made = network(name)
    export_onnx(made, tmp_path / "network.onnx")
    noise = np.random.default_rng(0).standard_normal((16, 3, 32, 32), np.float32)
    calibration = noise if precision == "int8" else None
    with get_engine(engine, precision=precision).compile(tmp_path / "network.onnx", calibration) as compiled:
        found = np.concatenate([compiled.run(image[None]) for image in noise])
        with device_lock(compiled.fingerprint.device_slug):
            times_ms = layer_times_ms(compiled.profile(), len(made.architecture.layers))
    with torch.no_grad():
        expected = made(torch.from_numpy(noise)).numpy()
    if precision == "fp32":
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98
    assert all(ms > 0 for ms in times_ms)
    assert times_ms[-1] < 0.25 * sum(times_ms)  # what runtimes fuse under names of their own is not the head's
