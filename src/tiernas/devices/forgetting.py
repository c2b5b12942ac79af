"""Removes what was copied to a device."""

from __future__ import annotations

from tiernas.devices.address import SshAddress
from tiernas.devices.ssh import SshHost


def forget_device(address: str) -> None:
    """Removes the runner, the networks and the Python environment that were put into its cache folder.

    Args:
        address: `ssh://[USER@]HOST[:PORT]`.

    Raises:
        UsageError: The address is none, or the folder cannot be removed.
        UnreachableError: The device does not respond at the moment.
    """
    SshHost(SshAddress.parse(address)).forget()
