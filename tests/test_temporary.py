"""Temporary folders: whoever made one keeps it, whatever others remove meanwhile."""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from tiernas.temporary import owned_folder


@pytest.mark.parametrize("removed_already", [False, True])
def test_a_folder_that_another_process_is_about_to_remove_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed_already: bool
) -> None:
    make = tempfile.mkdtemp
    taken: list[int] = []

    def made(**where: object) -> str:
        path = make(**where)  # type: ignore[call-overload]
        if not taken:
            taken.append(os.open(path, os.O_RDONLY))
            fcntl.flock(taken[0], fcntl.LOCK_EX)
            if removed_already:
                os.rmdir(path)
        return str(path)

    monkeypatch.setattr(tempfile, "mkdtemp", made)
    with owned_folder(".new-", tmp_path) as folder:
        descriptor = os.open(folder, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
        assert os.fstat(taken[0]).st_ino != folder.stat().st_ino
    os.close(taken[0])


def test_what_nobody_holds_is_removed_and_what_is_held_stays(tmp_path: Path) -> None:
    (tmp_path / ".new-left").mkdir()
    (tmp_path / ".other-left").mkdir()
    with owned_folder(".new-", tmp_path) as first, owned_folder(".new-", tmp_path) as second:
        assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name, ".other-left"}
    assert [path.name for path in tmp_path.iterdir()] == [".other-left"]
