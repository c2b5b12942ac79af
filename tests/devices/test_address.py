from __future__ import annotations

import pytest

from tiernas.devices import SshAddress
from tiernas.errors import UsageError


@pytest.mark.parametrize(
    ("text", "options", "by_hand", "folder"),
    [
        ("ssh://kitchen", ["--", "kitchen"], "kitchen", "kitchen"),
        ("ssh://pi@kitchen", ["-l", "pi", "--", "kitchen"], "pi@kitchen", "kitchen"),
        ("ssh://pi@kitchen:22", ["-l", "pi", "-p", "22", "--", "kitchen"], "-p 22 pi@kitchen", "kitchen-22"),
        ("ssh://10.0.0.7:8022", ["-p", "8022", "--", "10.0.0.7"], "-p 8022 10.0.0.7", "10.0.0.7-8022"),
        ("ssh://pi@[fe80::1%eth0]", ["-l", "pi", "--", "fe80::1%eth0"], "pi@fe80::1%eth0", "fe80-1-eth0"),
        ("ssh://My_Board", ["--", "My_Board"], "My_Board", "My-Board"),
    ],
)
def test_what_ssh_is_given(text: str, options: list[str], by_hand: str, folder: str) -> None:
    found = SshAddress.parse(text)
    assert list(found.options) == options
    assert found.by_hand == by_hand
    assert found.folder_name == folder
    assert str(found) == text
    assert SshAddress.parse(f"{text}/") == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kitchen",
        "pi@kitchen",
        "ssh:kitchen",
        "ssh://",
        "ssh://pi@",
        "ssh://@kitchen",
        "ssh://kitchen:0",
        "ssh://kitchen:65536",
        "ssh://kitchen:port",
        "ssh://kitchen/home/pi",
        "ssh://kit chen",
        "ssh://kitchen?x=1",
        "ssh://kitchen#x",
        "ssh://-oProxyCommand=touch",
        "ssh://-l@kitchen",
        "ssh://fe80::1",
        "http://kitchen",
        "ssh://kitchen\nssh://other",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"must be ssh://\[USER@\]HOST\[:PORT\]"):
        SshAddress.parse(text)


def test_a_password_is_refused_and_not_shown() -> None:
    with pytest.raises(UsageError, match="let it use a key: ssh-copy-id") as raised:
        SshAddress.parse("ssh://pi:s3cret@kitchen")
    assert "s3cret" not in str(raised.value)
