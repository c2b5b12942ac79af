from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tiernas.engines import device_lock, lock
from tiernas.engines.lock import lock_path
from tiernas.errors import UsageError

_OTHER = """
import sys
from tiernas.engines import device_lock
with device_lock("test-device"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_other_process_waits() -> None:
    with device_lock("test-device"), device_lock("test-device"):  # again within one process
        other = subprocess.Popen([sys.executable, "-c", _OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert other.stdin is not None
        assert other.stdout is not None
        try:
            other.wait(timeout=4)
        except subprocess.TimeoutExpired:
            pass
        else:
            raise AssertionError("the other process did not wait")
    assert other.stdout.readline() == b"held\n"
    other.communicate(b"\n", timeout=20)
    assert other.returncode == 0


def test_lock_of_a_dead_process_is_free() -> None:
    other = subprocess.Popen([sys.executable, "-c", _OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    other.kill()
    other.communicate(timeout=20)
    with device_lock("test-device"):
        pass


def test_a_thread_waits_for_another_one() -> None:
    begun = threading.Event()
    order: list[str] = []

    def measure() -> None:
        begun.set()
        with device_lock("test-device"):
            order.append("thread")

    other = threading.Thread(target=measure)
    with device_lock("test-device"):
        other.start()
        begun.wait()
        time.sleep(0.2)
        order.append("main")
    other.join()
    assert order == ["main", "thread"]


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such permissions")
def test_the_file_of_another_user_is_locked_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It can only be read, whatever the umask of the user was who created it."""
    monkeypatch.setattr(lock, "_SHARED_FOLDER", tmp_path)
    before = os.umask(0o077)
    try:
        with device_lock("device-of-all"):
            pass
    finally:
        os.umask(before)
    path = lock_path("device-of-all")
    assert path.parent == tmp_path
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o444)
    with device_lock("device-of-all"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such links")
def test_a_link_is_refused_in_one_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lock, "_SHARED_FOLDER", tmp_path)
    lock_path("linked-device").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="cannot be locked"), device_lock("linked-device"):
        pass
    assert not (tmp_path / "elsewhere").exists()
