"""Runs networks of the engine `acme-camera`. It is copied into exports, so it imports only the runtime and NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

FloatArray = npt.NDArray[np.float32]


def open_session(
    model: Path | bytes, options: Mapping[str, Any], profile_to: Path | None = None
) -> onnxruntime.InferenceSession:
    """A session on the CPU whose nodes run one after the other.

    Args:
        model: The ONNX file, or its content.
        options: `threads` of one inference, `optimizations` as named by ONNX Runtime, and whether there is an `arena`.
        profile_to: Profile every run; `end_profiling` writes a file whose name begins with this.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options["threads"]
    settings.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, options["optimizations"])
    settings.enable_cpu_mem_arena = options["arena"]
    settings.log_severity_level = 4  # what matters is raised as well
    if profile_to is not None:
        settings.enable_profiling, settings.profile_file_prefix = True, str(profile_to)
    return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])


def load(path: Path, options: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """A network as a function from normalized images, `(batch, 3, height, width)`, to logits, `(batch, classes)`."""
    session = open_session(path, options)
    name = session.get_inputs()[0].name
    return lambda images: np.array(session.run(None, {name: images})[0], dtype=np.float32)
