"""Runs a network that was saved for OpenVINO; needs only openvino and numpy."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # else OpenVINO reports its use to Intel
import openvino  # noqa: E402

FloatArray = npt.NDArray[np.float32]


def load(path: Path, options: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """A network as a function from normalized images, `(batch, 3, height, width)`, to logits, `(batch, classes)`.

    Args:
        path: The `.xml` file, next to its `.bin`.
        options: `device` and the `properties` to compile with, among them the precision, without which a CPU with bf16
            computes in bf16.
    """
    compiled = openvino.Core().compile_model(path, options["device"], dict(options["properties"]))
    request = compiled.create_infer_request()
    return lambda images: np.array(request.infer([images])[0], dtype=np.float32)
