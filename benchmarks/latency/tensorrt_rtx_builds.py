"""Builds the seven released networks with TensorRT-RTX in fp32, fp16 and int8 and inspects the results.

Needs no GPU; takes about two minutes on one core: python benchmarks/latency/tensorrt_rtx_builds.py
Writes results/tensorrt-rtx-builds.json. The weights are random: this checks parsing, typing and building. The counts
are those of the typed network that is passed to the builder, which changes no types; which kernels run is visible only
on a GPU.
"""

from __future__ import annotations

import collections
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from tiernas.engines.fingerprint import cpu_device
from tiernas.engines.onnx_file import read_network
from tiernas.engines.tensorrt.build import TrtNetwork
from tiernas.engines.tensorrt.library import TensorRtRtx, load_library
from tiernas.engines.tensorrt.precision import in_precision
from tiernas.networks import build, export_onnx
from tiernas.spaces import released, released_names

RESULT = Path(__file__).parent / "results" / "tensorrt-rtx-builds.json"


def built(path: Path, precision: str) -> dict[str, Any]:
    begin = time.process_time()
    model = in_precision(read_network(path, batch=1), precision, None)
    prepared = time.process_time()
    network = TrtNetwork(load_library(TensorRtRtx), model, path.name)
    serialized, _ = network.build(gpu=None)
    end = time.process_time()
    definition = network.definition
    return {
        "network": path.stem,
        "precision": precision,
        "prepare_cpu_s": round(prepared - begin, 2),
        "build_cpu_s": round(end - prepared, 2),
        "engine_mib": round(len(serialized) / 2**20, 1),
        "convolutions": dict(collections.Counter(network.convolution_types().values())),
        "input": definition.get_input(0).dtype.name,
        "output": definition.get_output(0).dtype.name,
    }


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in released_names():
            torch.manual_seed(0)
            path = Path(folder) / f"{name}.onnx"
            export_onnx(build(released(name), 1000).eval(), path)
            for precision in load_library(TensorRtRtx).precisions(None):
                rows.append(built(path, precision))
                print(rows[-1], flush=True)
            path.unlink()
    document = {
        "command": "python benchmarks/latency/tensorrt_rtx_builds.py",
        "tensorrt_rtx": load_library(TensorRtRtx).version,
        "device": cpu_device(),
        "builds": rows,
    }
    RESULT.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
