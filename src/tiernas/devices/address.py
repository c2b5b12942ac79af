"""`ssh://[USER@]HOST[:PORT]`: where a device is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tiernas.errors import UsageError

KIT = "kit"
"""Stands for the address of a device without a connection, which is measured by kits."""

_ADDRESS = re.compile(
    r"ssh://(?:(?P<user>[^-@:/?#\s][^@:/?#\s]*)@)?(?P<host>\[[0-9A-Fa-f:.]+(?:%\w+)?\]|\w[\w.-]*)"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
"""A host or user that begins with a dash would be an option of ssh."""

_PASSWORD = re.compile(r"ssh://[^@/]*:[^/]*@")
_MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class SshAddress:
    """Where a device is.

    Attributes:
        host: A name of `~/.ssh/config` or of the network, or an IP address.
        user: The user there; None for what ssh chooses.
        port: The port there; None for what ssh chooses.
    """

    host: str
    user: str | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> SshAddress:
        """Reads an address.

        Raises:
            UsageError: The text is no address.
        """
        if _PASSWORD.match(text):
            raise UsageError(
                "device address: contains a password, which ssh does not take; let it use a key: ssh-copy-id USER@HOST"
            )
        found = _ADDRESS.fullmatch(text)
        port = int(found["port"]) if found and found["port"] else None
        if found is None or (port is not None and not 1 <= port <= _MOST_PORT):
            raise UsageError(
                f"device address {text!r}: must be ssh://[USER@]HOST[:PORT], such as ssh://pi@kitchen; HOST may be a "
                "name in ~/.ssh/config"
            )
        return cls(found["host"].strip("[]"), found["user"], port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"ssh://{user}{host}{f':{self.port}' if self.port else ''}"

    @property
    def options(self) -> tuple[str, ...]:
        """User, port and host as arguments of ssh."""
        user = ("-l", self.user) if self.user else ()
        port = ("-p", str(self.port)) if self.port else ()
        return (*user, *port, "--", self.host)

    @property
    def by_hand(self) -> str:
        """User, port and host as a person types them after `ssh`."""
        port = f"-p {self.port} " if self.port else ""
        return f"{port}{self.user}@{self.host}" if self.user else f"{port}{self.host}"

    @property
    def folder_name(self) -> str:
        """A name for a folder of files about it: letters, digits, dots and dashes."""
        parts = [self.host, *([str(self.port)] if self.port else [])]
        return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip(".-") or "device"
