"""A machine on which the runner can be started."""

from __future__ import annotations

import abc
import subprocess

from tiernas.devices.link import EndedError
from tiernas.errors import TiernasError


class Host(abc.ABC):
    """A machine on which the runner can be started.

    Attributes:
        address: How it is reached, such as "ssh://pi@kitchen".
    """

    address: str

    @abc.abstractmethod
    def start(self) -> subprocess.Popen[bytes]:
        """A process that leads to a new runner.

        Raises:
            UsageError: The process cannot be started here.
        """

    @abc.abstractmethod
    def lacks_runner(self, ended: EndedError) -> bool:
        """Whether a process ended because the runner is not there."""

    @abc.abstractmethod
    def install(self) -> None:
        """Copies the runner there.

        Raises:
            UsageError: It cannot be copied.
            UnreachableError: The machine does not respond at the moment.
        """

    @abc.abstractmethod
    def failure(self, ended: EndedError) -> TiernasError:
        """What the end of a process means: an `UnreachableError` if it may work later."""
