"""Runs a network that was saved for ONNX Runtime; needs only onnxruntime and numpy."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # or ONNX Runtime reports its use to Microsoft
import onnxruntime

FloatArray = npt.NDArray[np.float32]


def session_options(options: Mapping[str, Any]) -> onnxruntime.SessionOptions:
    """The options of a session, each under ONNX Runtime's name for it."""
    found = onnxruntime.SessionOptions()
    found.intra_op_num_threads = options["intra_op_num_threads"]
    found.inter_op_num_threads = options["inter_op_num_threads"]
    found.execution_mode = getattr(onnxruntime.ExecutionMode, options["execution_mode"])
    found.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, options["graph_optimization_level"])
    found.log_severity_level = 4  # what matters is raised as well
    return found


def load(path: Path, options: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """A network as a function from normalized images, `(batch, 3, height, width)`, to logits, `(batch, classes)`.

    Args:
        path: The ONNX file.
        options: `providers`, and the arguments of `session_options`.
    """
    session = onnxruntime.InferenceSession(path, session_options(options), providers=list(options["providers"]))
    name = session.get_inputs()[0].name
    return lambda images: np.array(session.run(None, {name: images})[0], dtype=np.float32)
