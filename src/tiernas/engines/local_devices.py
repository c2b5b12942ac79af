"""The devices of this machine, by the names that measurements give them."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from tiernas.engines.fingerprint import cpu_device


def local_devices(root: Path = Path("/")) -> tuple[str, ...]:
    """The CPU, and the NVIDIA GPUs that the driver reports; without importing torch.

    Args:
        root: Folder that contains `proc` (NVIDIA driver README, chapter "The /proc File System Interface").
    """
    found = [cpu_device()]
    for path in _gpu_files(root):
        with contextlib.suppress(OSError):
            found += re.findall(r"^Model:\s*(.*\S)", path.read_text("utf-8", errors="replace"), re.MULTILINE)
    return tuple(dict.fromkeys(found))


def has_gpu(root: Path = Path("/")) -> bool:
    """Whether the driver reports an NVIDIA GPU; see `local_devices`."""
    return bool(_gpu_files(root))


def _gpu_files(root: Path) -> list[Path]:
    return sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
