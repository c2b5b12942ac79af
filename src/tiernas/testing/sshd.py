"""An ssh server of its own for tests and benchmarks, from the binary that Debian's package openssh-server installs.

It leads to this machine as to another one: with a home folder of its own, and a `python3` that has only what is given
to it.
"""

from __future__ import annotations

import contextlib
import getpass
import importlib.util
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

RUNTIME = ("numpy", "onnxruntime")
"""What a device with ONNX Runtime has."""

_BINARY = "/usr/sbin/sshd"
_RUN = Path("/run/sshd")
"""A folder that sshd needs if root starts it; Debian makes it when the service starts."""

_START_S = 20.0
_LOOPBACK = "127.0.0.1"


class NoSshdError(Exception):
    """The server is not installed."""


@dataclass(slots=True)
class SshServer:
    """A server, and a client that knows it as `kitchen`.

    Attributes:
        folder: Everything about it.
        port: Its port.
        host: The address that it listens to.
        prefix: What its command begins with, such as that of a network namespace.
    """

    folder: Path
    port: int
    host: str = _LOOPBACK
    prefix: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    address = "ssh://kitchen"
    """The device, for whoever has `bin` in the path."""

    @property
    def bin(self) -> Path:
        """Folder of an `ssh` that reads the configuration of this client."""
        return self.folder / "bin"

    @property
    def home(self) -> Path:
        """Home folder of the user there."""
        return self.folder / "home"

    @property
    def cache(self) -> Path:
        """The cache folder there."""
        return self.home / ".cache" / "tiernas" / "runner"

    def set_python(self, command: str | None) -> None:
        """Replaces `python3` there.

        Args:
            command: A shell script; None for no `python3`.
        """
        path = self.folder / "there" / "python3"
        path.unlink(missing_ok=True)
        if command is not None:
            path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
            path.chmod(0o755)

    def install(self, *packages: str) -> None:
        """Gives `python3` there the given packages of this environment, and no others."""
        site = self.folder / "site"
        shutil.rmtree(site, ignore_errors=True)
        site.mkdir()
        for package in packages:
            found = importlib.util.find_spec(package)
            assert found is not None
            assert found.origin is not None
            where = Path(found.origin).parent
            for path in (where, where.with_name(f"{package}.libs")):
                if path.exists():
                    (site / path.name).symlink_to(path)
        python = Path(sys.executable).resolve()
        self.set_python(f'export PYTHONPATH={shlex.quote(str(site))}\nexec {shlex.quote(str(python))} -S "$@"')

    def start(self) -> None:
        """Starts it, after it was killed."""
        command = [*self.prefix, _BINARY, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"sshd did not start: {(self.folder / 'log.txt').read_text()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kills it and its connections, but not what runs in them."""
        assert self._process is not None
        connections = self.connections()
        self._process.kill()
        self._process.wait()
        for process in connections:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def connections(self) -> list[psutil.Process]:
        """Its processes that each hold a connection."""
        assert self._process is not None
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):  # it was killed
            for child in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    found += [child] if child.name().startswith("sshd") else []
        return found

    def runners(self) -> list[psutil.Process]:
        """The runners of its user, whatever became of the connections that they were started by."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if any(word.startswith(str(self.cache)) for word in words) and "-c" not in words:
                found.append(process)
        return found

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0) as connection:
                return connection.recv(3) == b"SSH"
        except OSError:
            return False


@contextmanager
def run_sshd(*packages: str, host: str = _LOOPBACK, prefix: Sequence[str] = ()) -> Iterator[SshServer]:
    """Runs a server with its files in a temporary folder; stops it at the end, with everything that it started.

    Args:
        packages: What `python3` there can import besides the standard library; NumPy and ONNX Runtime by default.
        host: The address to listen to.
        prefix: What its command begins with.

    Raises:
        NoSshdError: It is not installed; the message says how to install it.
    """
    if not Path(_BINARY).exists() or shutil.which("ssh") is None:
        raise NoSshdError("no OpenSSH server; install it: apt-get install openssh-server")
    if os.geteuid() == 0:
        _RUN.mkdir(mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tiernas-sshd-", ignore_cleanup_errors=True) as name:
        server = SshServer(Path(name), _free_port(), host, prefix)
        for folder in ("bin", "home", "there"):
            (server.folder / folder).mkdir()
        for key in ("host_key", "key", "other_key"):
            _make_key(server.folder / key)
        _write_server(server)
        _write_client(server)
        server.install(*(packages or RUNTIME))
        server.start()
        try:
            yield server
        finally:
            for runner in server.runners():
                with contextlib.suppress(psutil.NoSuchProcess):
                    runner.kill()
            server.kill()


def _write_server(server: SshServer) -> None:
    folder = server.folder
    shutil.copyfile(folder / "key.pub", folder / "authorized_keys")
    lines = [
        f"ListenAddress {server.host}:{server.port}",
        f"HostKey {folder}/host_key",
        f"AuthorizedKeysFile {folder}/authorized_keys",
        f"PidFile {folder}/pid",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        "PrintMotd no",
        f"SetEnv HOME={server.home} PATH={folder}/there:/usr/bin:/bin",
    ]
    newer = ["PerSourcePenalties no"]  # from 9.8 on, sshd refuses a client for a while after a failure
    config = folder / "sshd_config"
    config.write_text("\n".join([*lines, *newer, ""]), encoding="utf-8")
    if subprocess.run([_BINARY, "-t", "-f", config], capture_output=True, check=False).returncode:
        config.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _write_client(server: SshServer) -> None:
    folder = server.folder
    key = (folder / "host_key.pub").read_text("ascii").split()[:2]
    (folder / "known_hosts").write_text(f"[{server.host}]:{server.port} {' '.join(key)}\n", encoding="ascii")
    other = (folder / "other_key.pub").read_text("ascii").split()[:2]
    (folder / "changed_hosts").write_text(f"[{server.host}]:{server.port} {' '.join(other)}\n", encoding="ascii")
    text = ""
    for name, identity, known in (
        ("kitchen", "key", "known_hosts"),
        ("locked", "other_key", "known_hosts"),
        ("stranger", "key", "no_hosts"),
        ("changed", "key", "changed_hosts"),
    ):
        text += (
            f"Host {name}\n  HostName {server.host}\n  Port {server.port}\n  User {getpass.getuser()}\n"
            f"  IdentityFile {folder}/{identity}\n  IdentitiesOnly yes\n  UserKnownHostsFile {folder}/{known}\n"
            "  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking ask\n"
        )
    (folder / "config").write_text(text, encoding="utf-8")
    program = server.bin / "ssh"
    real = shutil.which("ssh")
    program.write_text(f'#!/bin/sh\nexec {real} -F {folder}/config "$@"\n', encoding="utf-8")
    program.chmod(0o755)


def _make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind((_LOOPBACK, 0))
        return int(found.getsockname()[1])
