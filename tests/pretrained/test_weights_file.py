"""Files of weights: what is understood, what is refused, and that nothing in them runs."""

from __future__ import annotations

import argparse
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tiernas.errors import UsageError
from tiernas.pretrained.weights_file import read_weights

OLD, NEW = {"conv.weight": torch.zeros(2, 3)}, {"conv.weight": torch.ones(2, 3)}


def wrapped(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    "stored",
    [
        NEW,
        {"state_dict": NEW, "epoch": 3, "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": []}},
        {"state_dict": OLD, "state_dict_ema": NEW, "arch": "gpunet_0", "args": argparse.Namespace(lr=0.1)},
        {"state_dict": wrapped(OLD, "module."), "state_dict_ema": wrapped(NEW, "module.")},
        {"state_dict": NEW, "state_dict_ema": None},
        {"model": OLD, "model_ema": NEW},
        {"model": NEW, "epoch": 3},
        wrapped(NEW, "module._orig_mod."),
        {**NEW, "version": 1},
    ],
)
def test_checkpoints_as_people_write_them(stored: dict[str, Any], tmp_path: Path) -> None:
    torch.save(stored, tmp_path / "net.pth.tar")
    read = read_weights(tmp_path / "net.pth.tar")
    assert list(read) == ["conv.weight"]
    assert torch.equal(read["conv.weight"], torch.ones(2, 3))


def test_safetensors(tmp_path: Path) -> None:
    save_file(wrapped(NEW, "module."), tmp_path / "net.safetensors")
    assert list(read_weights(tmp_path / "net.safetensors")) == ["conv.weight"]


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.made),)


@pytest.mark.parametrize("old_format", [False, True])
def test_code_in_a_file_is_refused_and_does_not_run(old_format: bool, tmp_path: Path) -> None:
    path, made = tmp_path / "bad.pth", tmp_path / "made"
    torch.save({"state_dict": NEW, "more": Harmful(made)}, path, _use_new_zipfile_serialization=not old_format)
    with pytest.raises(
        UsageError, match=r"bad\.pth: is refused: besides tensors it contains posix\.mkdir, and thus code that runs"
    ) as caught:
        read_weights(path)
    assert "torch.save(network.state_dict(), PATH)" in str(caught.value)
    assert not made.exists()


def test_a_plain_pickle_with_code_is_refused(tmp_path: Path) -> None:
    path, made = tmp_path / "bad.pt", tmp_path / "made"
    path.write_bytes(pickle.dumps({"conv.weight": Harmful(made)}, protocol=2))
    with pytest.raises(UsageError, match=r"bad\.pt: "):
        read_weights(path)
    assert not made.exists()


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
@pytest.mark.parametrize("kept", [0, 5, 700])
def test_a_file_that_was_cut_off_is_told(ending: str, kept: int, tmp_path: Path) -> None:
    path = tmp_path / f"net.{ending}"
    big = {"weight": torch.zeros(999)}
    save_file(big, path) if ending == "safetensors" else torch.save(big, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(UsageError, match=rf"net\.{ending}: is not a file of weights, or damaged or truncated \("):
        read_weights(path)


def test_what_holds_no_tensors_is_told(tmp_path: Path) -> None:
    for number, stored in enumerate([[torch.zeros(1)], {"epoch": 3}, torch.zeros(2), {"state_dict": {}}]):
        torch.save(stored, tmp_path / f"{number}.pth")
        with pytest.raises(UsageError, match=rf"{number}\.pth: contains no named tensors"):
            read_weights(tmp_path / f"{number}.pth")
    (tmp_path / "text.pth").write_text("these are weights")
    with pytest.raises(UsageError, match=r"text\.pth: is not a file of weights"):
        read_weights(tmp_path / "text.pth")


def test_a_path_that_is_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.pth: there is no such file"):
        read_weights(tmp_path / "none.pth")
    with pytest.raises(UsageError, match="is a folder"):
        read_weights(tmp_path)
