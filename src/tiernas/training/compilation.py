"""`torch.compile` for successive training runs in the same process."""

from __future__ import annotations

import shutil
from typing import cast

import torch
from torch import nn

from tiernas.errors import UsageError


def compiled(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with forward and backward passes that are compiled when they first run; weights are shared.

    Compiled code of other networks in this process is discarded: torch treats all networks of a class as versions of
    the same code, and after eight of them it would silently run the next one uncompiled.

    Raises:
        UsageError: The device is a CPU and there is no C++ compiler.
    """
    if device.type == "cpu":
        _require_compiler()
    torch.compiler.reset()
    return cast(nn.Module, torch.compile(network))


def _require_compiler() -> None:
    from torch._inductor import config  # takes half a second, so only for compiled training

    known = config.cpp.cxx if isinstance(config.cpp.cxx, tuple) else (config.cpp.cxx,)
    names = [name for name in known if name]
    if not any(shutil.which(name) for name in names):
        raise UsageError(
            f"recipe.compile = true needs a C++ compiler, and there is no {' or '.join(names)} here; install one, name "
            "it in the environment variable CXX, or set recipe.compile = false"
        )
