"""Reads tensors, and nothing else, from files of weights."""

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

_STATES = ("state_dict_ema", "model_ema", "state_dict", "model")
"""Keys of the weights in checkpoints of timm and NVIDIA; a running mean comes first, because they evaluate it."""

_WRAPPERS = ("module.", "_orig_mod.")
"""Prefixes of names in files saved from within `DistributedDataParallel` or `torch.compile`."""

_CODE = re.compile(r"GLOBAL (\S+)")
"""How torch's message names objects that are not tensors."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name: a `.safetensors` file, or a state dict or checkpoint written by `torch.save`.

    Raises:
        UsageError: There is no such file, it is damaged or truncated, contains code, or contains no named tensors.
    """
    if not path.is_file():
        raise UsageError(f"{path}: {'is a folder' if path.is_dir() else 'there is no such file'}")
    stored = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    tensors = _tensors(stored)
    if not tensors:
        raise UsageError(f"{path}: contains no named tensors; save them with torch.save(network.state_dict(), PATH)")
    return tensors


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _read_torch(path: Path) -> object:
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):  # timm stores training arguments in it
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if found := _CODE.search(str(error)):
            raise UsageError(
                f"{path}: is refused: besides tensors it contains {found[1]}, and thus code that runs when it is read. "
                "Its author can save only the tensors: torch.save(network.state_dict(), PATH)"
            ) from error
        raise _unreadable(path, error) from error
    except Exception as error:  # a damaged file may raise anything
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path}: is not a file of weights, or damaged or truncated ({first_line(error)}); fetch or copy it again"
    )


def _tensors(stored: object) -> dict[str, Tensor]:
    """The weights in the contents of a file, under their names in the network."""
    if not isinstance(stored, Mapping):
        return {}
    state: Mapping[Any, Any] = next((stored[key] for key in _STATES if isinstance(stored.get(key), Mapping)), stored)
    tensors = {str(name): tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    while wrapper := next((w for w in _WRAPPERS if tensors and all(name.startswith(w) for name in tensors)), None):
        tensors = {name.removeprefix(wrapper): tensor for name, tensor in tensors.items()}
    return tensors
