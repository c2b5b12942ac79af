"""Another machine on which networks are measured."""

from __future__ import annotations

import abc

from tiernas.engines.engine import Engine


class Device(abc.ABC):
    """A machine other than this one; its engines compile and measure there (`tiernas.devices`).

    Attributes:
        address: How it is reached, such as "ssh://pi@kitchen".
    """

    address: str

    @abc.abstractmethod
    def engine_names(self) -> tuple[str, ...]:
        """Names of the engines that it could have, even if their runtimes are not installed there."""

    @abc.abstractmethod
    def engine(self, name: str) -> type[Engine]:
        """The class of an engine, whose networks run there.

        Raises:
            UsageError: No device can have this engine, or its runtime is not installed there.
        """
