"""Mixed precision: the type the forward pass computes in, and the scaling that keeps gradients from vanishing."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from tiernas.training.recipe import Precision

_TYPES: dict[str, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """Lets convolutions and matrix products of the forward pass compute in a precision; weights stay fp32."""
    return torch.autocast(device.type, _TYPES.get(precision), enabled=precision != "fp32")


def make_scaler(precision: Precision, device: torch.device) -> torch.amp.GradScaler | None:
    """Scales losses so that small gradients do not vanish in fp16; None if the precision does not need it.

    Steps whose gradients overflow are skipped and the scale is halved, as in Micikevicius et al., arXiv 1710.03740.
    """
    return torch.amp.GradScaler(device.type) if precision == "fp16" else None
