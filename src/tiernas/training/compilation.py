"""`torch.compile` for one training after the other in the same process."""

from __future__ import annotations

import shutil
from typing import cast

import torch
from torch import nn

from tiernas.errors import UsageError


def compiled(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with forward and backward passes that are compiled when they first run; weights are shared.

    What was compiled for other networks of this process is forgotten: torch counts all networks of one class as
    versions of the same code, and after eight of them it would run the next one uncompiled without a word.

    Raises:
        UsageError: The device is a CPU, and there is no C++ compiler.
    """
    if device.type == "cpu":
        _require_compiler()
    torch.compiler.reset()
    return cast(nn.Module, torch.compile(network))


def _require_compiler() -> None:
    from torch._inductor import config  # half a second, which only compiled trainings should pay

    known = config.cpp.cxx if isinstance(config.cpp.cxx, tuple) else (config.cpp.cxx,)
    names = [name for name in known if name]
    if not any(shutil.which(name) for name in names):
        raise UsageError(
            f"recipe.compile = true needs a C++ compiler, and there is no {' or '.join(names)} here; install one, name "
            "it in the environment variable CXX, or set recipe.compile = false"
        )
