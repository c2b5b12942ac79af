"""Runs a network that was saved for ncnn; needs only ncnn and numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ncnn
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def load(path: Path, options: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """A network as a function from normalized images, `(1, 3, height, width)`, to logits, `(1, classes)`.

    Args:
        path: The `.param` file, next to its `.bin`.
        options: `input` and `output`, the names of images and logits; all others are attributes of `ncnn.Option`,
            among them the precision.
    """
    net = ncnn.Net()
    for name, value in options.items():
        if name not in ("input", "output"):
            setattr(net.opt, name, value)
    if net.load_param(str(path)) or net.load_model(str(path.with_suffix(".bin"))):
        raise ValueError(f"{path}: ncnn cannot load it")

    def run(images: FloatArray) -> FloatArray:
        extractor = net.create_extractor()
        extractor.input(options["input"], ncnn.Mat(np.ascontiguousarray(images[0], dtype=np.float32)).clone())
        _, logits = extractor.extract(options["output"])
        return np.array(logits, dtype=np.float32).reshape(1, -1)

    return run
