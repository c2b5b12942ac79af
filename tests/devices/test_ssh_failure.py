from __future__ import annotations

import pytest

from tiernas.devices import SshAddress
from tiernas.devices.link import EndedError
from tiernas.devices.ssh_failure import ssh_failure
from tiernas.errors import UnreachableError, UsageError

WHERE = SshAddress("kitchen", "pi", 2222)

CHANGED = """
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Host key verification failed.
"""
OLD = "tiernas: /usr/bin/python3 is version 3.7.3; measuring needs Python 3.9 or newer on the device"


@pytest.mark.parametrize(
    ("exit_code", "said", "words"),
    [
        (255, "Host key verification failed.", "not known on this machine.*accept it: ssh -p 2222 pi@kitchen"),
        (255, CHANGED, r"has another host key.*ssh-keygen -R '\[kitchen\]:2222'"),
        (255, "pi@kitchen: Permission denied (publickey).", "does not let pi in.*ssh-copy-id -p 2222 pi@kitchen"),
        (255, "Received disconnect: Too many authentication failures", "does not let pi in"),
        (
            255,
            "/home/me/.ssh/config: line 3: Bad configuration option: prot",
            "refuses its own configuration: .*line 3",
        ),
        (127, "sh: 1: exec: python3: not found", "has no python3 that can be started .*install Python 3.9 or newer"),
        (126, "sh: 1: exec: python3: Permission denied", "has no python3 that can be started"),
        (1, OLD, "is version 3.7.3; measuring needs Python 3.9"),
    ],
)
def test_what_must_be_done(exit_code: int, said: str, words: str) -> None:
    lines = tuple(line for line in said.splitlines() if line)
    error = ssh_failure(WHERE, EndedError("", exit_code, lines))
    assert isinstance(error, UsageError)
    with pytest.raises(UsageError, match=f"^ssh://pi@kitchen:2222: .*{words}"):
        raise error
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("why", "exit_code", "said", "words"),
    [
        ("", 255, "ssh: connect to host kitchen port 2222: Connection refused", "cannot be reached: .*refused"),
        ("", 255, "ssh: Could not resolve hostname kitchen: Name or service not known", "no machine of this name"),
        ("", 255, "", "cannot be reached: it ended without a word"),
        ("", 137, "Killed", "ended with exit code 137: Killed"),
        ("", 1, "MemoryError", "ended with exit code 1: MemoryError"),
        ("it did not answer for 9 s", None, "tiernas: waiting", ": it did not answer for 9 s"),
    ],
)
def test_what_may_work_later(why: str, exit_code: int | None, said: str, words: str) -> None:
    with pytest.raises(UnreachableError, match=words):
        raise ssh_failure(WHERE, EndedError(why, exit_code, (said,) if said else ()))


def test_a_user_that_is_not_named_is_asked_for() -> None:
    error = ssh_failure(SshAddress("kitchen"), EndedError("", 255, ("Permission denied (publickey).",)))
    assert "does not let this user in" in str(error)
    assert "ssh://USER@kitchen" in str(error)
