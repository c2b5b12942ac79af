"""A runner on another machine, which is started again whenever it is lost."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from tiernas.devices.host import Host
from tiernas.devices.link import SILENCE_S, EndedError, Link
from tiernas.devices.session import Session
from tiernas.errors import TiernasError, UnreachableError, UsageError

T = TypeVar("T")

_START_S = 120.0
"""Time limit for the start of the runner: a slow device imports NumPy for some seconds."""

_PATIENCE_S = 600.0
"""Time for which a lost device is looked for: it may be started anew."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
"""Time between two attempts, which doubles."""

_MOST_LOSSES = 5
"""How often one piece of work is begun; what ends a runner so often ends it every time."""

_log = logging.getLogger(__name__)


class Connection:
    """A runner on another machine, which is started again whenever it is lost; a context manager that ends it.

    Args:
        host: The machine.

    Attributes:
        address: Its address.

    Raises:
        UsageError: Something must be changed here or there first; the message says what.
        UnreachableError: The machine does not respond.
    """

    def __init__(self, host: Host) -> None:
        self.address = host.address
        self._host = host
        self._session = self._begun()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the device told of itself (`tiernas.runner.facts`)."""
        return self._session.facts

    def ask(self, do: str, **fields: Any) -> Mapping[str, Any]:
        """The answer to a single request; see `repeat`."""
        return self.repeat(lambda session: session.ask(do, **fields))

    def repeat(self, work: Callable[[Session], T]) -> T:
        """Does some work with the runner; from its beginning with a new one if the runner is lost meanwhile.

        Args:
            work: What is to be done. It opens what it needs in the session that it is given.

        Raises:
            TiernasError: The runner was lost too often, or the work failed for another reason.
            UnreachableError: The device was lost and not found again.
        """
        losses = 0
        while True:
            try:
                return work(self._session)
            except EndedError as error:
                reason = self._host.failure(error)
            self._session.close()
            losses += 1
            if losses == _MOST_LOSSES:
                raise TiernasError(f"{reason}; it is lost every time at this place. The same command continues")
            _log.warning("%s; connecting again", reason)
            self._session = self._begun_again()

    def release(self, things: Iterable[object]) -> None:
        """Closes what is open on the device; if the runner was lost, nothing is."""
        handles = [self._session.handles.pop(thing, None) for thing in things]
        with contextlib.suppress(EndedError):
            for handle in handles:
                if handle is not None:
                    self._session.ask("close", handle=handle)

    def close(self) -> None:
        """Ends the runner."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _begun(self) -> Session:
        """A new runner, which is copied to the machine if it is missing there."""
        try:
            return self._greeted()
        except EndedError as error:
            if not self._host.lacks_runner(error):
                raise self._host.failure(error) from None
        self._host.install()
        try:
            return self._greeted()
        except EndedError as error:
            raise self._host.failure(error) from None

    def _greeted(self) -> Session:
        link = Link(self._host.start(), self.address)
        try:
            return Session(link, link.ask("hello", silence_s=SILENCE_S, limit_s=_START_S))
        except BaseException:
            link.close()
            raise

    def _begun_again(self) -> Session:
        """A new runner on the same machine, as soon as it responds."""
        deadline, pause_s = time.monotonic() + _PATIENCE_S, _FIRST_PAUSE_S
        while True:
            try:
                session = self._begun()
                break
            except UnreachableError as error:
                if time.monotonic() > deadline:
                    minutes = _PATIENCE_S / 60
                    raise UnreachableError(
                        f"{error}; it did not come back within {minutes:g} minutes. The same command continues"
                    ) from error
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        now, before = ((facts["device"], facts["cores"]) for facts in (session.facts, self.facts))
        if now != before:
            session.close()
            raise UsageError(
                f"{self.address}: is another machine now: {now[0]} with {now[1]} cores instead of {before[0]} with "
                f"{before[1]}"
            )
        _log.info("%s: connected again", self.address)
        return session
