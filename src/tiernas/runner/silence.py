"""Notices that nobody is there any more: a cut cable, unlike an end, does not show on the stream of requests."""

from __future__ import annotations

import io
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

_LOOKS = 10
"""How often to look within the time of silence."""


class HeardStream(io.FileIO):
    """A stream of requests that knows when it last brought something.

    Args:
        descriptor: The descriptor that it reads; closed with it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "rb")
        self._heard_at = time.monotonic()

    def readinto(self, buffer: Buffer) -> int:
        count = super().readinto(buffer)
        self._heard_at = time.monotonic()
        return count

    def end_when_silent(self, silence_s: float, end: Callable[[], object]) -> None:
        """Calls a function once nothing has been heard for some time, from a thread.

        Args:
            silence_s: The time.
            end: The function.
        """

        def watch() -> None:
            while time.monotonic() - self._heard_at < silence_s:
                time.sleep(silence_s / _LOOKS)
            end()

        threading.Thread(target=watch, daemon=True).start()
