"""Sessions of ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tiernas.errors import NotInstalledError, UsageError, last_line

try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as _native
except ImportError as error:
    raise NotInstalledError("ONNX Runtime", "onnxruntime") from error

from tiernas.standalone.loaders.onnxruntime import session_options

VERSION: str = onnxruntime.__version__

OPTIONS: dict[str, Any] = {
    "execution_mode": "ORT_SEQUENTIAL",
    "graph_optimization_level": "ORT_ENABLE_ALL",
    "inter_op_num_threads": 1,
}
"""Options of every measured session except its threads, by their names in ONNX Runtime."""

_ERRORS = tuple(kind for kind in vars(_native).values() if isinstance(kind, type) and issubclass(kind, Exception))
"""Exceptions of ONNX Runtime, which have no common base class."""


def options_with(threads: int) -> dict[str, Any]:
    """Options of a session with this number of threads, for `tiernas.standalone.loaders.onnxruntime`."""
    return {"providers": ["CPUExecutionProvider"], "intra_op_num_threads": threads, **OPTIONS}


def open_session(
    model: bytes, path: Path, *, threads: int = 1, fold_to: Path | None = None, profile_to: Path | None = None
) -> onnxruntime.InferenceSession:
    """A session on the CPU.

    Args:
        model: The network, serialized.
        path: The file that it was read from, for messages.
        threads: Threads of one inference.
        fold_to: If given, only fold constants, and write the network to this file.
        profile_to: If given, profile every run; the name of the file that `end_profiling` writes starts with it.

    Raises:
        UsageError: ONNX Runtime cannot run the network.
    """
    wanted = options_with(threads)
    options = session_options(wanted)
    if fold_to is not None:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(fold_to)
    if profile_to is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_to)
    try:
        return onnxruntime.InferenceSession(model, options, providers=wanted["providers"])
    except _ERRORS as error:
        raise UsageError(f"{path}: ONNX Runtime cannot run it: {last_line(error)}") from error


def bound(session: onnxruntime.InferenceSession) -> onnxruntime.IOBinding:
    """Bound buffers of a session with random images."""
    images, logits = session.get_inputs()[0], session.get_outputs()[0]
    binding = session.io_binding()
    values = np.random.default_rng(0).standard_normal(images.shape, dtype=np.float32)
    binding.bind_ortvalue_input(images.name, onnxruntime.OrtValue.ortvalue_from_numpy(values))
    binding.bind_output(logits.name)
    session.run_with_iobinding(binding)
    binding.bind_ortvalue_output(logits.name, binding.get_outputs()[0])
    return binding
