"""The configuration of a model in a Triton repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.errors import UsageError
from tiernas.table.exporting.network_file import OnnxFile
from tiernas.table.exporting.triton import require_served, write_model

FIXED = """name: "net"
backend: "onnxruntime"
max_batch_size: 0
input [
  {
    name: "images"
    data_type: TYPE_FP32
    dims: [1, 3, 32, 32]
  }
]
output [
  {
    name: "logits"
    data_type: TYPE_FP32
    dims: [1, 4]
    label_filename: "labels.txt"
  }
]
instance_group [
  {
    count: 1
    kind: KIND_CPU
  }
]
parameters {
  key: "intra_op_thread_count"
  value { string_value: "2" }
}
parameters {
  key: "inter_op_thread_count"
  value { string_value: "1" }
}
parameters {
  key: "execution_mode"
  value { string_value: "0" }
}
"""


def config(folder: Path, **network: Any) -> str:
    """The configuration of the tiny network, with these settings of it."""
    write_tiny_network(folder / "net.onnx")
    settings = {"file": "net.onnx", "runtime": "onnxruntime", "precision": "fp32", "batch": 1, "threads": 2}
    facts: Mapping[str, Any] = {
        "name": "net",
        "classes": ["a", "b", "c", "d"],
        "preprocessing": {"resolution": 32},
        "network": {**settings, "dynamic_batch": False, **network},
    }
    for suffix in (".xml", ".bin", ".engine"):
        (folder / f"net{suffix}").write_text(suffix)
    write_model(folder, facts, OnnxFile(folder / "net.onnx"))
    return (folder / "config.pbtxt").read_text()


def test_a_network_of_a_fixed_batch(tmp_path: Path) -> None:
    assert config(tmp_path) == FIXED
    assert (tmp_path / "1" / "model.onnx").read_bytes() == (tmp_path / "net.onnx").read_bytes()


def test_triton_collects_requests_for_a_network_of_any_batch(tmp_path: Path) -> None:
    written = config(tmp_path, dynamic_batch=True)
    assert "max_batch_size: 64\n" in written
    assert "dims: [3, 32, 32]\n" in written
    assert "dims: [4]\n" in written
    assert written.endswith("dynamic_batching { }\n")


def test_openvino_takes_any_batch_as_it_comes(tmp_path: Path) -> None:
    written = config(tmp_path, runtime="openvino", dynamic_batch=True, precision="bf16")
    assert "max_batch_size: 0\n" in written
    assert "dims: [-1, 3, 32, 32]\n" in written
    assert "dynamic_batching" not in written
    assert 'key: "INFERENCE_NUM_THREADS"\n  value { string_value: "2" }' in written
    assert 'key: "HINT_BF16"\n  value { string_value: "YES" }' in written
    assert sorted(file.name for file in (tmp_path / "1").iterdir()) == ["model.bin", "model.xml"]


def test_tensorrt_runs_its_plan_on_the_gpu(tmp_path: Path) -> None:
    written = config(tmp_path, runtime="tensorrt")
    assert "kind: KIND_GPU" in written
    assert (tmp_path / "1" / "model.plan").read_text() == ".engine"


@pytest.mark.parametrize("runtime", ["torch", "tensorrt-rtx", "acme-camera"])
def test_other_runtimes_are_refused(runtime: str) -> None:
    with pytest.raises(UsageError, match=f"no backend for what {runtime} saves"):
        require_served(runtime)
