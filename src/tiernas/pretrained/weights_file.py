"""Files of weights, of which nothing is taken but tensors."""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tiernas.errors import UsageError, first_line

_STATES = ("state_dict_ema", "state_dict")
"""Where checkpoints of timm and of NVIDIA keep weights; the running mean comes first: it is what they evaluate."""

_WRAPPERS = ("module.", "_orig_mod.")
"""What names begin with where a network was saved from within `DistributedDataParallel` or `torch.compile`."""

_CODE = re.compile(r"GLOBAL (\S+)")
"""What torch calls things that are no tensors, in its message."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name: a `.safetensors`, or what `torch.save` wrote of a state dict or a checkpoint.

    Raises:
        UsageError: There is no such file, it is damaged or cut off, it holds code, or no tensors by name.
    """
    if not path.is_file():
        raise UsageError(f"weights = {str(path)!r}: {'is a folder' if path.is_dir() else 'there is no such file'}")
    stored = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    tensors = _tensors(stored)
    if not tensors:
        raise UsageError(f"{path}: holds no tensors by name; save them with torch.save(network.state_dict(), PATH)")
    return tensors


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _read_torch(path: Path) -> object:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # timm keeps the arguments of a training so
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if found := _CODE.search(str(error)):
            raise UsageError(
                f"{path}: beside tensors it holds {found[1]}, and so code that runs while it is read: it is refused. "
                "Whoever has it can save the tensors alone: torch.save(network.state_dict(), PATH)"
            ) from error
        raise _unreadable(path, error) from error
    except Exception as error:  # what a damaged file makes of its reader is anybody's guess
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path}: is no file of weights, is damaged or was cut off ({first_line(error)}); fetch or copy it again"
    )


def _tensors(stored: object) -> dict[str, Tensor]:
    """The weights among what a file holds, under the names that they have in the network."""
    if not isinstance(stored, Mapping):
        return {}
    state: Mapping[Any, Any] = next((stored[key] for key in _STATES if isinstance(stored.get(key), Mapping)), stored)
    tensors = {str(name): tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    while wrapper := next((w for w in _WRAPPERS if tensors and all(name.startswith(w) for name in tensors)), None):
        tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    return tensors
