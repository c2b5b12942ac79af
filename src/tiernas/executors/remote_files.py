"""Files at an fsspec URL, where the network may be down for a moment."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import fsspec

from tiernas.credentials import hide_credentials, hide_url_credentials
from tiernas.errors import UnreachableError, UsageError
from tiernas.executors.fault import Fault, fault_of

_log = logging.getLogger(__name__)

WAITS_S = (1.0, 5.0, 20.0)
"""Pauses before an operation is retried, besides the time that its filesystem takes for each try."""


class RemoteFiles:
    """An fsspec filesystem whose operations are retried if the storage does not answer.

    It has every method of the filesystem, which raises what the filesystem raises if something does not exist
    (FileNotFoundError).

    Args:
        url: URL of a folder; credentials come from the environment, as each fsspec filesystem documents.
        waits_s: Pauses before each further try; by default `WAITS_S`.

    Attributes:
        root: The folder, as the filesystem names it.

    Raises:
        UsageError: The URL cannot be opened: its protocol is unknown, its package is not installed, or (also from
            every method) access is denied.
        UnreachableError: Also from every method: it does not answer.
    """

    def __init__(self, url: str, waits_s: Sequence[float] | None = None) -> None:
        self._shown = hide_url_credentials(url)
        self._waits_s = WAITS_S if waits_s is None else waits_s
        self._filesystem, root = self._tried(_open, url)
        self.root = str(root).rstrip("/")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._filesystem, name)
        return lambda *arguments, **options: self._tried(method, *arguments, **options)

    def _tried(self, method: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        waits_s = iter(self._waits_s)
        while True:
            try:
                return method(*arguments, **options)
            except (FileNotFoundError, UsageError):
                raise
            except Exception as error:  # each filesystem has its own, and those not caused by the user may pass
                what = hide_credentials(" ".join(f"{type(error).__name__}: {error}".split()))
                if fault_of(error) is Fault.USER:
                    raise UsageError(f"checkpoints {self._shown}: {what}") from error
                if (wait_s := next(waits_s, None)) is None:
                    raise UnreachableError(f"checkpoints {self._shown}: storage does not answer ({what})") from error
                _log.warning("checkpoints %s: storage does not answer (%s); retrying", self._shown, what)
                time.sleep(wait_s)


def _open(url: str) -> tuple[Any, str]:
    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        shown = hide_url_credentials(url)
        raise UsageError(f"checkpoints {shown}: {str(error).replace(url, shown)}") from error
    return filesystem, root
