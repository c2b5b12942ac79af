from __future__ import annotations

import subprocess
import sys

from tiernas.engines import device_lock

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
