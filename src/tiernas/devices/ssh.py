"""A machine that is reached by the system's OpenSSH client, with the keys, jump hosts and known hosts of its user."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tiernas.devices.address import SshAddress
from tiernas.devices.host import Host
from tiernas.devices.link import EndedError
from tiernas.devices.ssh_failure import ssh_failure
from tiernas.errors import TiernasError, UsageError
from tiernas.runner.pip_command import ENVIRONMENT
from tiernas.runner.pyz import write_runner

_OPTIONS = {
    "BatchMode": "yes",  # nobody can answer a question
    "ConnectTimeout": "15",
    "ServerAliveInterval": "15",
    "ServerAliveCountMax": "4",
    "ClearAllForwardings": "yes",
    "ControlMaster": "no",  # a connection that is there is used, none is left behind
    "RemoteCommand": "none",
    "LogLevel": "INFO",  # or it may fail without a word
}
_COPY_S = 600.0
"""Time limit for copying the runner, which is some 100 kB, or for removing it."""

_LACKS_RUNNER = 66
_CANNOT_COPY = 73
"""Exit codes of the scripts below (sysexits.h: EX_NOINPUT, EX_CANTCREAT)."""

_FOLDER = 'case $XDG_CACHE_HOME in /*) c=$XDG_CACHE_HOME;; *) c=$HOME/.cache;; esac; d="$c/tiernas/runner"'
"""Finds `tiernas.runner.kept.cache_folder` there, for any shell of POSIX."""

_START = (
    f'{_FOLDER}; [ -f "$d/{{name}}" ] || exit {_LACKS_RUNNER}; '
    f'p="$d/{ENVIRONMENT}/bin/python3"; [ -x "$p" ] || p=python3; exec "$p" "$d/{{name}}"'
)
_INSTALL = (
    f'{_FOLDER}; umask 077; mkdir -p "$d" && t="$d/.{{name}}.$$" && cat > "$t" && [ $(wc -c < "$t") -eq {{size}} ] '
    f'&& mv "$t" "$d/{{name}}" && exit 0; rm -f "$t"; exit {_CANNOT_COPY}'
)
"""Keeps nothing of a runner that did not arrive whole."""

_FORGET = f'{_FOLDER}; rm -rf "$d" && {{{{ rmdir "$c/tiernas" 2>/dev/null || true; }}}}'


@dataclass(frozen=True, slots=True)
class RunnerFile:
    """The runner of this version.

    Attributes:
        name: Its name on devices, which depends on its content: several versions can be on one device.
        content: Its content.
    """

    name: str
    content: bytes

    @classmethod
    def of_this_version(cls) -> RunnerFile:
        """Makes it."""
        with tempfile.TemporaryDirectory(prefix="tiernas-") as folder:
            path = Path(folder) / "runner.pyz"
            write_runner(path)
            content = path.read_bytes()
        return cls(f"runner-{hashlib.sha256(content).hexdigest()[:16]}.pyz", content)


class SshHost(Host):
    """A machine that ssh leads to.

    Args:
        address: Where it is.

    Raises:
        UsageError: There is no ssh on this machine.
    """

    def __init__(self, address: SshAddress) -> None:
        self.address = str(address)
        self._where = address
        self._runner = RunnerFile.of_this_version()
        program = shutil.which("ssh")
        if program is None:
            raise UsageError(
                f"{address}: this machine has no ssh; install OpenSSH's client (Debian: apt-get install openssh-client)"
            )
        options = [word for name, value in _OPTIONS.items() for word in ("-o", f"{name}={value}")]
        self._command = [program, "-T", *options, *address.options]

    def start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        try:
            return subprocess.Popen(
                self._words(_START.format(name=self._runner.name)),
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,  # Ctrl-C is meant for this process
            )
        except OSError as error:
            raise UsageError(f"{self.address}: ssh cannot be started: {error}") from error

    def lacks_runner(self, ended: EndedError) -> bool:
        return ended.exit_code == _LACKS_RUNNER

    def install(self) -> None:
        size_mb = len(self._runner.content) / 1e6
        script = _INSTALL.format(name=self._runner.name, size=len(self._runner.content))
        ended = self._run(script, self._runner.content)
        if ended.exit_code == _CANNOT_COPY:
            raise UsageError(
                f"{self.address}: the runner ({size_mb:.1f} MB) cannot be copied to ~/.cache/tiernas there: "
                f"{ended.last_words or 'the connection broke'}; free some space there, or make the folder writable"
            )
        if ended.exit_code != 0:
            raise self.failure(ended)

    def forget(self) -> None:
        """Removes everything that was copied there.

        Raises:
            UsageError: That is not possible.
            UnreachableError: The machine does not respond at the moment.
        """
        ended = self._run(_FORGET.format(), b"")
        if ended.exit_code != 0:
            raise self.failure(ended)

    def failure(self, ended: EndedError) -> TiernasError:
        return ssh_failure(self._where, ended)

    def _words(self, script: str) -> list[str]:
        """The command that runs a script, whatever the login shell there is."""
        return [*self._command, f"sh -c '{script}'"]

    def _run(self, script: str, content: bytes) -> EndedError:
        """How a script ended that got some content on its stdin."""
        try:
            done = subprocess.run(
                self._words(script), input=content, capture_output=True, timeout=_COPY_S, start_new_session=True
            )
        except OSError as error:
            raise UsageError(f"{self.address}: ssh cannot be started: {error}") from error
        except subprocess.TimeoutExpired:
            return EndedError(f"it did not answer for {_COPY_S:g} s", None, ())
        said = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines()]
        return EndedError("", done.returncode, tuple(line for line in said if line))
