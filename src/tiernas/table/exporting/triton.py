"""An export as a model of a Triton model repository: `config.pbtxt` and the network in a folder of its version.

Layout: NVIDIA Triton Inference Server, user guide, "Model Repository". Parameters: the READMEs of its backends for
OpenVINO and ONNX Runtime.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas.errors import UsageError
from tiernas.table.exporting.network_file import NetworkFile

LABELS = "labels.txt"
"""The names of the classes, from which Triton takes them too."""

_VERSION = "1"

_MOST_COLLECTED = 64
"""Largest batch that Triton may form of several requests; `config.pbtxt` can be edited."""


@dataclass(frozen=True, slots=True)
class _Backend:
    """How Triton runs what an engine saved.

    Attributes:
        name: Name of the backend.
        files: Names that it expects in the folder of a version, by suffix of the exported file.
        instance: Where an instance runs.
        batches: Whether Triton may form batches for a network of any batch; that of OpenVINO refuses smaller ones.
        parameters: Its parameters by the network's section of `deploy.json`.
    """

    name: str
    files: Mapping[str, str]
    instance: str
    batches: bool
    parameters: Callable[[Mapping[str, Any]], Mapping[str, str]]


def _openvino(network: Mapping[str, Any]) -> Mapping[str, str]:
    lower = {"HINT_BF16": "YES"} if network["precision"] == "bf16" else {}
    return {
        "INFERENCE_NUM_THREADS": str(network["threads"]),
        "NUM_STREAMS": "1",
        "PERFORMANCE_HINT": "LATENCY",
        **lower,
    }


def _onnxruntime(network: Mapping[str, Any]) -> Mapping[str, str]:
    return {"intra_op_thread_count": str(network["threads"]), "inter_op_thread_count": "1", "execution_mode": "0"}


_BACKENDS = {
    "openvino": _Backend("openvino", {".xml": "model.xml", ".bin": "model.bin"}, "KIND_CPU", False, _openvino),
    "onnxruntime": _Backend("onnxruntime", {".onnx": "model.onnx"}, "KIND_CPU", True, _onnxruntime),
    "tensorrt": _Backend("tensorrt", {".engine": "model.plan"}, "KIND_GPU", True, lambda _: {}),
}
"""By the engine's name."""


def require_served(runtime: str) -> None:
    """Refuses an engine whose networks Triton cannot run.

    Raises:
        UsageError: It is one of those.
    """
    if runtime not in _BACKENDS:
        raise UsageError(
            f"--triton: Triton has no backend for what {runtime} saves; it has some for {', '.join(_BACKENDS)}"
        )


def write_model(folder: Path, facts: Mapping[str, Any], network: NetworkFile) -> None:
    """Makes the folder of an export a model: its parent can be served as a repository.

    Args:
        folder: The export, with the network as it is deployed.
        facts: Its `deploy.json`.
        network: The file of the network, or of that from which its engine was built.
    """
    backend = _BACKENDS[facts["network"]["runtime"]]
    version = folder / _VERSION
    version.mkdir()
    for suffix, name in backend.files.items():
        shutil.copyfile((folder / facts["network"]["file"]).with_suffix(suffix), version / name)
    (folder / "config.pbtxt").write_text(_config(facts, network, backend), "utf-8")


def _config(facts: Mapping[str, Any], network: NetworkFile, backend: _Backend) -> str:
    about, pixels = facts["network"], facts["preprocessing"]["resolution"]
    collected = _MOST_COLLECTED if about["dynamic_batch"] and backend.batches else 0
    first = [] if collected else [-1 if about["dynamic_batch"] else about["batch"]]
    parameters = "".join(
        f"parameters {{\n  key: {_quoted(key)}\n  value {{ string_value: {_quoted(value)} }}\n}}\n"
        for key, value in backend.parameters(about).items()
    )
    batching = "dynamic_batching { }\n" if collected else ""
    return f"""name: {_quoted(facts["name"])}
backend: {_quoted(backend.name)}
max_batch_size: {collected}
input [
  {{
    name: {_quoted(network.input_name)}
    data_type: TYPE_FP32
    dims: {[*first, 3, pixels, pixels]}
  }}
]
output [
  {{
    name: {_quoted(network.output_name)}
    data_type: TYPE_FP32
    dims: {[*first, len(facts["classes"])]}
    label_filename: {_quoted(LABELS)}
  }}
]
instance_group [
  {{
    count: 1
    kind: {backend.instance}
  }}
]
{parameters}{batching}"""


def _quoted(text: str) -> str:
    """A string of protobuf's text format."""
    return json.dumps(text)
