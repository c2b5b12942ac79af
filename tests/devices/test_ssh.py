"""A real ssh server leads to this machine as to another one, with Python, NumPy and ONNX Runtime alone."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.devices.conftest import SHORT

from tiernas.devices import connection, forget_device, open_device
from tiernas.engines import Engine, TurnRule, get_engine
from tiernas.errors import UnreachableError, UsageError
from tiernas.testing.sshd import SshServer

pytestmark = pytest.mark.slow

LONG = TurnRule(relative_width=0.0, min_s=2.0, limit_s=2.0)

STOPPED = """
import sys
from pathlib import Path
from tiernas.devices import open_device
from tiernas.engines import TurnRule, get_engine
with open_device("ssh://kitchen") as device:
    engine = get_engine("onnxruntime", device=device)
    with engine.compile(Path(sys.argv[1])) as network, engine.compile(Path(sys.argv[1])) as other:
        anchor = other.anchor("0" * 16)
        print("begun", flush=True)
        anchor.measure(network, TurnRule(relative_width=0.0, min_s=120.0, limit_s=120.0))
"""


@pytest.fixture
def engine(kitchen: SshServer) -> Iterator[Engine]:
    with open_device(kitchen.address) as device:
        yield get_engine("onnxruntime", device=device)


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)


def is_gone(process: psutil.Process) -> bool:
    """Whether it ended, even if nobody has asked for its exit code yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_network_is_measured_there(engine: Engine, kitchen: SshServer, tiny: Path) -> None:
    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        found = other.anchor("0" * 16).measure(network, SHORT)
        assert found.in_turn is not None
        assert 0.1 < found.in_turn.ratio < 10  # the same network, beside other tests
        assert len(kitchen.runners()) == 1
    assert {path.name.partition("-")[0] for path in kitchen.cache.iterdir()} == {"files", "open", "runner"}


def test_the_runner_is_copied_once_and_forgotten_with_all_it_kept(kitchen: SshServer) -> None:
    with open_device(kitchen.address):
        (runner,) = kitchen.cache.glob("runner-*.pyz")
        copied_at = runner.stat().st_mtime_ns
    with open_device(kitchen.address):
        assert runner.stat().st_mtime_ns == copied_at
    (kitchen.home / ".cache" / "other").mkdir(exist_ok=True)
    forget_device(kitchen.address)
    assert [path.name for path in (kitchen.home / ".cache").iterdir()] == ["other"]
    forget_device(kitchen.address)  # there is nothing any more
    assert not kitchen.runners()


def test_a_damaged_copy_is_not_kept(kitchen: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_device(kitchen.address)
    monkeypatch.setattr("tiernas.devices.ssh._INSTALL", connection_lost_while_copying())
    with pytest.raises(UsageError, match=r"the runner \(0\.\d MB\) cannot be copied .*; free some space there"):
        open_device(kitchen.address).__enter__()
    assert list(kitchen.cache.iterdir()) == []


def connection_lost_while_copying() -> str:
    """The script that copies the runner, whose input ends too early."""
    from tiernas.devices.ssh import _INSTALL

    return _INSTALL.replace("cat >", "head -c 1000 >")


@pytest.mark.parametrize(
    ("address", "error", "words"),
    [
        ("ssh://stranger", UsageError, "its host key is not known on this machine.*ssh stranger"),
        ("ssh://changed", UsageError, "has another host key than the last time.*ssh-keygen -R changed"),
        ("ssh://locked", UsageError, "does not let this user in with a key"),
        ("ssh://nobody-of-this-name@kitchen", UsageError, "does not let nobody-of-this-name in"),
        ("ssh://kitchen:1", UnreachableError, "cannot be reached: .*refused"),
        ("ssh://no-such-machine.invalid", UnreachableError, "no machine of this name is known"),
    ],
)
@pytest.mark.parametrize("call", [lambda address: open_device(address).__enter__(), forget_device])
def test_why_a_device_cannot_be_used(
    kitchen: SshServer, call: Callable[[str], object], address: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        call(address)
    assert "\n" not in str(raised.value)


@pytest.fixture
def restored(kitchen: SshServer) -> Iterator[SshServer]:
    """A device whose Python is put right afterwards."""
    yield kitchen
    kitchen.install("numpy", "onnxruntime")


def test_a_device_without_python(restored: SshServer) -> None:
    restored.set_python("exec no-such-python")
    with pytest.raises(UsageError, match=r"has no python3 that can be started .*install Python 3\.9 or newer there"):
        open_device(restored.address).__enter__()


def test_a_device_with_an_old_python(restored: SshServer) -> None:
    old = "import sys; sys.version_info = (3, 7, 3, 'final', 0); sys.version = '3.7.3 (default)'; "
    runs = "import runpy; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    restored.set_python(f'exec {sys.executable} -I -c "{old}{runs}" "$@"')
    with pytest.raises(UsageError, match=r"is version 3\.7\.3; measuring needs Python 3\.9 or newer"):
        open_device(restored.address).__enter__()


def test_a_device_without_numpy(restored: SshServer) -> None:
    restored.install("filelock")
    with pytest.raises(UsageError, match=r"NumPy is missing .*; install it with: .*pip install numpy$"):
        open_device(restored.address).__enter__()


def test_a_device_without_the_runtime(restored: SshServer) -> None:
    restored.install("numpy")
    words = r"^ssh://kitchen: onnxruntime.*pip install (numpy )?onnxruntime$"
    with open_device(restored.address) as device, pytest.raises(UsageError, match=words):
        get_engine("onnxruntime", device=device)


def test_an_environment_in_its_cache_folder_is_used(restored: SshServer) -> None:
    """Where the system's Python must not be changed."""
    with open_device(restored.address):
        pass
    python = restored.folder / "there" / "python3"
    there = restored.cache / "venv" / "bin" / "python3"
    there.parent.mkdir(parents=True)
    python.rename(there)
    with open_device(restored.address) as device:
        assert get_engine("onnxruntime", device=device).precisions() == ("fp32", "int8")
    forget_device(restored.address)


def test_a_machine_without_ssh(kitchen: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"this machine has no ssh; install .*openssh-client"):
        open_device(kitchen.address).__enter__()


def test_a_killed_runner(engine: Engine, kitchen: SshServer, tiny: Path) -> None:
    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        anchor = other.anchor("0" * 16)
        timer = threading.Timer(0.7, lambda: [runner.kill() for runner in kitchen.runners()])
        timer.start()
        found = anchor.measure(network, LONG)
        timer.join()
        assert found.in_turn is not None
        assert len(kitchen.runners()) == 1


def test_a_server_that_is_killed_and_started_again(
    engine: Engine, kitchen: SshServer, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_FIRST_PAUSE_S", 0.2)
    (before,) = kitchen.runners()

    def restart() -> None:
        kitchen.kill()
        time.sleep(1.0)
        kitchen.start()

    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        anchor = other.anchor("0" * 16)
        timer = threading.Timer(0.7, restart)
        timer.start()
        assert anchor.measure(network, LONG).in_turn is not None
        timer.join()
        eventually(lambda: is_gone(before))  # it ended with its connection
        assert len(kitchen.runners()) == 1


def test_a_connection_that_hangs_for_a_while_goes_on(engine: Engine, kitchen: SshServer, tiny: Path) -> None:
    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        anchor = other.anchor("0" * 16)
        for process in kitchen.connections():
            process.suspend()
        timer = threading.Timer(3.0, lambda: [process.resume() for process in kitchen.connections()])
        timer.start()
        (before,) = kitchen.runners()
        assert anchor.measure(network, SHORT).in_turn is not None
        timer.join()
        assert kitchen.runners() == [before]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_on_either_side_of_a_host_that_dies(
    kitchen: SshServer, tiny: Path, number: signal.Signals
) -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPED, tiny], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(0.5)
        children = psutil.Process(process.pid).children(recursive=True)
        assert any(child.name() == "ssh" for child in children)
        process.send_signal(number)
        process.communicate(timeout=30)
        eventually(lambda: not kitchen.runners())
        eventually(lambda: all(is_gone(child) for child in children))
    finally:
        process.kill()
        process.communicate()


def test_two_hosts_at_once_take_turns(engine: Engine, kitchen: SshServer, tiny: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", STOPPED.replace("120.0", "2.0"), tiny], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    with engine.compile(tiny) as network, engine.compile(tiny) as other:
        anchor = other.anchor("0" * 16)
        for _ in range(3):
            assert anchor.measure(network, SHORT).in_turn is not None
    assert process.communicate(timeout=60)[0] == b""
    assert process.returncode == 0


@pytest.fixture
def small_disk(kitchen: SshServer) -> Iterator[Path]:
    """A cache folder on a disk of its own with 1 MB."""
    forget_device(kitchen.address)
    kitchen.cache.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(kitchen.cache)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a small disk, where that is allowed")
    try:
        yield kitchen.cache
    finally:
        subprocess.run(["umount", "--lazy", str(kitchen.cache)], check=True)


def test_a_full_disk_there_is_one_message_and_the_same_command_continues(
    small_disk: Path, kitchen: SshServer, tiny: Path
) -> None:
    with open_device(kitchen.address) as device:
        engine = get_engine("onnxruntime", device=device)
        filling = small_disk / "something else"
        with pytest.raises(OSError, match="No space left"):
            filling.write_bytes(b"x" * 2_000_000)
        with pytest.raises(UsageError, match=r"^ssh://kitchen: cannot keep a file of .*; free some space there$"):
            engine.compile(tiny)
        filling.unlink()
        with engine.compile(tiny) as network:
            assert network.about_ms() > 0


def test_a_full_disk_has_no_room_for_the_runner(small_disk: Path, kitchen: SshServer) -> None:
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "something else").write_bytes(b"x" * 2_000_000)
    with pytest.raises(UsageError, match=r"the runner .* cannot be copied .*No space left.*; free some space there"):
        open_device(kitchen.address).__enter__()


def test_the_log_names_the_device(
    kitchen: SshServer, tiny: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, logger="tiernas.devices")
    with open_device(kitchen.address) as device:
        network = get_engine("onnxruntime", device=device).compile(tiny)
        for runner in kitchen.runners():
            runner.kill()
        with network:
            assert network.about_ms() > 0
    assert any(message.endswith("; connecting again") for message in caplog.messages)
    assert caplog.messages[-1] == "ssh://kitchen: connected again"
