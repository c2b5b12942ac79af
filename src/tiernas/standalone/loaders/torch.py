"""Runs a network that was saved for PyTorch on the CPU, eager or compiled by Inductor; needs only torch and numpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

FloatArray = npt.NDArray[np.float32]


def load(path: Path, options: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """A network as a function from normalized images, `(batch, 3, height, width)`, to logits, `(batch, classes)`.

    Args:
        path: The program, as written by `torch.export.save`.
        options: `threads`, of the whole process; `dtype` of weights and images; `compile`, further arguments of
            `torch.compile`, None to run eagerly.
    """
    torch.set_num_threads(options["threads"])
    call = torch.export.load(path).module()
    if options["compile"] is not None:
        call = torch.compile(call, **options["compile"])  # type: ignore[assignment]
    dtype = getattr(torch, options["dtype"])

    def run(images: FloatArray) -> FloatArray:
        tensor = torch.from_numpy(images).to(dtype=dtype, memory_format=torch.channels_last)
        with torch.inference_mode():
            return np.array(call(tensor).float().numpy())

    return run
