"""Mixed precision: which type the forward pass computes in, and how gradients survive it."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from tiernas.training.recipe import Precision

_TYPES: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Lets convolutions and matrix products of a forward pass compute in a precision; weights stay fp32."""
    return torch.autocast(device.type, _TYPES.get(precision), enabled=precision != "fp32")


def make_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler | None:
    """Scales losses so that small gradients do not vanish in fp16; None where no precision needs it.

    Steps whose gradients overflowed are left out and the scale is halved, as in Micikevicius et al., arXiv 1710.03740.
    """
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None
