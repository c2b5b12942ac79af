"""What ssh, a shell or the runner said at the end, in words that help."""

from __future__ import annotations

import re

from tiernas.devices.address import SshAddress
from tiernas.devices.link import EndedError
from tiernas.errors import TiernasError, UnreachableError, UsageError

_BY_SSH = 255
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
"""Exit codes of ssh for its own failures, and of shells."""

_CHANGED_KEY = "REMOTE HOST IDENTIFICATION HAS CHANGED"
_UNKNOWN_KEY = "Host key verification failed"
_REFUSED = re.compile("Permission denied|Too many authentication failures|No more authentication methods")
_NO_SUCH_NAME = "Could not resolve hostname"
_WRONG_SETTING = re.compile("Bad configuration option|Bad owner or permissions|terminating, [0-9]+ bad configuration")


def ssh_failure(where: SshAddress, ended: EndedError) -> TiernasError:
    """What the end of ssh means: an `UnreachableError` if it may work later, a `UsageError` if something must be done.

    Args:
        where: The device.
        ended: How the process ended.
    """
    if ended.why:
        return UnreachableError(f"{where}: {ended.why}")
    if ended.refusal:
        return UsageError(f"{where}: {ended.refusal}")
    if ended.exit_code in (_NOT_FOUND, _NOT_EXECUTABLE):
        return UsageError(
            f"{where}: has no python3 that can be started ({ended.last_words}); install Python 3.9 or newer there, and "
            "NumPy for it"
        )
    if ended.exit_code == _BY_SSH:
        return _of_ssh(where, "\n".join(ended.said), ended.last_words)
    return UnreachableError(f"{where}: the runner ended with exit code {ended.exit_code}: {_said(ended.last_words)}")


def _of_ssh(where: SshAddress, said: str, last: str) -> TiernasError:
    if _CHANGED_KEY in said:
        return UsageError(
            f"{where}: has another host key than the last time: it was installed anew, or it is another machine. If "
            f"you know why, forget the old key with: ssh-keygen -R {_known_as(where)}; then connect once by hand: "
            f"ssh {where.by_hand}"
        )
    if _UNKNOWN_KEY in said:
        return UsageError(
            f"{where}: its host key is not known on this machine. Connect once by hand, compare the fingerprint, and "
            f"accept it: ssh {where.by_hand}"
        )
    if _REFUSED.search(said):
        return UsageError(
            f"{where}: does not let {where.user or 'this user'} in with a key ({last}). Is it the right user (ssh://"
            f"USER@{where.host})? ssh must not have to ask for a password or a passphrase: ssh-copy-id "
            f"{where.by_hand}, and ssh-add for a key with a passphrase"
        )
    if _WRONG_SETTING.search(said):
        return UsageError(f"{where}: ssh refuses its own configuration: {last}")
    if _NO_SUCH_NAME in said:
        return UnreachableError(f"{where}: no machine of this name is known ({last})")
    return UnreachableError(f"{where}: cannot be reached: {_said(last)}")


def _known_as(where: SshAddress) -> str:
    """How `known_hosts` names it."""
    return f"'[{where.host}]:{where.port}'" if where.port else where.host


def _said(last: str) -> str:
    return last or "it ended without a word, as if it had been killed"
