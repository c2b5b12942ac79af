"""Storage that does not answer for a moment, or for long: a host that refuses, a filesystem that fails."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from tiernas.errors import UnreachableError, UsageError
from tiernas.executors import Blocked, Event, Lost, remote_files
from tiernas.executors.mirror import CheckpointMirror, local_copy, remove_checkpoints
from tiernas.executors.remote_files import RemoteFiles
from tiernas.executors.run import run
from tiernas.testing.executors import light_job
from tiernas.training.checkpoint import CURRENT


class Shaky(MemoryFileSystem):  # type: ignore[misc]
    """Storage in memory whose next operations fail."""

    protocol = "shaky"
    errors: list[Exception] = []  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("shaky://", "memory://")))

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def ls(self, *arguments: Any, **options: Any) -> Any:
        self._fail()
        return super().ls(*arguments, **options)

    def put_file(self, *arguments: Any, **options: Any) -> Any:
        self._fail()
        return super().put_file(*arguments, **options)

    def rm(self, *arguments: Any, **options: Any) -> Any:
        self._fail()
        return super().rm(*arguments, **options)


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    fsspec.register_implementation("shaky", Shaky, clobber=True)
    monkeypatch.setattr(remote_files, "WAITS_S", (0.0, 0.0, 0.0))
    Shaky.errors.clear()
    yield f"shaky://{uuid.uuid4().hex}/1"
    Shaky.errors.clear()


def trained(url: str, folder: Path) -> list[Event]:
    events: list[Event] = []
    run(replace(light_job(folder), checkpoint_dir=url), events.append)
    return events


def test_a_moment_without_storage_costs_nothing(url: str, tmp_path: Path) -> None:
    with CheckpointMirror(url, tmp_path) as mirror:
        (tmp_path / CURRENT).write_bytes(b"epoch 1")
        Shaky.errors += [TimeoutError("a"), ConnectionResetError("b"), RuntimeError("503: slow down")]
        mirror.save(1)
    Shaky.errors += [TimeoutError("a")] * 3
    with local_copy(url) as folder:
        assert (folder / CURRENT).read_bytes() == b"epoch 1"


def test_storage_that_stays_away_is_no_fault_of_the_network(url: str, tmp_path: Path) -> None:
    Shaky.errors += [TimeoutError("too slow")] * 4
    (lost,) = trained(url, tmp_path)
    assert lost == Lost(1, f"checkpoints {url}: storage does not answer (TimeoutError: too slow)")


def test_storage_that_must_not_be_used_is_the_users_to_mend(url: str, tmp_path: Path) -> None:
    Shaky.errors += [PermissionError(13, "Access Denied")]
    (blocked,) = trained(url, tmp_path)
    assert isinstance(blocked, Blocked)
    assert "Access Denied" in blocked.reason


def test_a_host_that_nobody_reaches_is_one_message() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UnreachableError, match=r"storage does not answer \(ConnectionRefusedError") as raised:
            RemoteFiles(f"ftp://me:sesame@127.0.0.1:{port}/folder", waits_s=(0.0,))
    assert "sesame" not in str(raised.value)


def test_what_is_not_there_needs_no_removing_and_is_told_at_once(url: str) -> None:
    remove_checkpoints(url)
    with pytest.raises(FileNotFoundError):
        RemoteFiles(url, waits_s=(1000.0,)).cat_file("nothing")
    with pytest.raises(UsageError, match="nonsense"):
        RemoteFiles("nonsense://a", waits_s=(1000.0,))
