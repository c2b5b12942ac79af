"""Peak memory of a training."""

from __future__ import annotations

import resource
import sys

import torch

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
"""Unit of `ru_maxrss`: bytes on macOS, KiB elsewhere (getrusage(2))."""


def peak_memory_mb(device: torch.device) -> float:
    """Most memory held so far: by the process on CPU, by torch's allocator on a GPU; in MB (1e6 bytes)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS_BYTES / 1e6
