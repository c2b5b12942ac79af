from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tiernas.errors import UsageError
from tiernas.storage import read_tensors, write_tensors

TENSORS = {
    "channels last": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    "scalar": torch.tensor(5),
    "none": torch.zeros(0, 3),
    "bf16": torch.ones(3, dtype=torch.bfloat16),
    "yes": torch.tensor([True, False]),
}
FACTS = {"name": "größe", "n": 3}

WRITES_FOR_EVER = """
import sys, time
from pathlib import Path
import safetensors.torch, torch
from tiernas.storage import write_tensors
save = safetensors.torch.save_file

def stuck(*args):
    save(*args)
    print("writes", flush=True)
    time.sleep(600)

safetensors.torch.save_file = stuck
write_tensors(Path(sys.argv[1]), {"a": torch.zeros(3)}, {})
"""


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.safetensors"
    write_tensors(path, TENSORS, FACTS)
    stored = read_tensors(path)
    assert stored is not None
    tensors, facts = stored
    assert facts == FACTS
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor)
    assert [p.name for p in path.parent.iterdir()] == ["x.safetensors"]


def test_any_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, TENSORS, FACTS)
    whole = path.read_bytes()
    rng = random.Random(0)
    for position in (*range(8, len(whole)), *(rng.randrange(8) for _ in range(8))):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        found = read_tensors(path)
        assert found is None, f"byte {position}"
    for size in (0, 7, 100, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert read_tensors(path) is None
    path.write_bytes(whole)
    assert read_tensors(path) is not None


def test_files_without_a_checksum_are_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3)}, path, {"tiernas": json.dumps(FACTS)})
    stored = read_tensors(path)
    assert stored is not None
    assert stored[1] == FACTS


@pytest.mark.parametrize(
    "metadata", [{}, {"tiernas": "no JSON"}, {"tiernas": "[1]"}, {"tiernas": "{}", "other": "1"}, {"sha256": "00"}]
)
def test_files_of_something_else_are_not_read(tmp_path: Path, metadata: dict[str, str]) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(3)}, path, metadata)
    assert read_tensors(path) is None
    assert read_tensors(tmp_path / "nowhere") is None
    assert read_tensors(tmp_path) is None


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"cannot write .*x\.safetensors: .*choose another folder"):
        write_tensors(tmp_path / "file" / "x.safetensors", {"a": torch.ones(3)}, {})


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITES_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"
        return process

    (tmp_path / ".x.safetensors.0123456789abcdef.tmp").touch()  # as earlier versions left behind
    (tmp_path / ".y.safetensors.0123456789abcdef.tmp").touch()  # of another file
    dead, living = start(), start()
    try:
        dead.kill()
        dead.wait()
        assert len(list(tmp_path.glob(".x.safetensors.*"))) == 2
        write_tensors(path, TENSORS, FACTS)
        assert len(list(tmp_path.glob(".x.safetensors.*"))) == 1
    finally:
        living.kill()
        living.wait()
        for process in (dead, living):
            assert process.stdout is not None
            process.stdout.close()
    write_tensors(path, TENSORS, FACTS)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".y.safetensors.0123456789abcdef.tmp", "x.safetensors"]
