"""Devices that are opened, and what is odd about them."""

from __future__ import annotations

import pytest

from tiernas.devices import open_device
from tiernas.devices.device import warnings_of
from tiernas.runner.boot import boot_id
from tiernas.testing.sshd import SshServer


def test_without_an_address_there_is_no_device() -> None:
    with open_device(None) as device:
        assert device is None


def test_this_machine_as_a_device_is_said(kitchen: SshServer, caplog: pytest.LogCaptureFixture) -> None:
    with open_device(kitchen.address):
        assert caplog.messages == [
            "ssh://kitchen: is this machine; without an address, it is measured without a connection"
        ]


@pytest.mark.parametrize(
    ("off_s", "said"),
    [
        (5.0, []),
        (-90.0, ["its clock is 2 minutes ahead; records have the time of this machine"]),
        (3 * 3600.0, ["its clock is 3 hours behind; records have the time of this machine"]),
        (1e9, ["its clock is 11574 days behind; records have the time of this machine"]),
    ],
)
def test_a_wrong_clock_is_said(off_s: float, said: list[str]) -> None:
    assert list(warnings_of({"boot": None, "time_s": 2e9 - off_s}, 2e9)) == said
    assert boot_id() is None or list(warnings_of({"boot": boot_id(), "time_s": 2e9}, 2e9))
