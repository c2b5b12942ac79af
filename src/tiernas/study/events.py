"""The events of a search, as one line of JSON each."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from tiernas.plain import plain_json, plain_text

_events = logging.getLogger("tiernas.events")
_events.propagate = False  # they are for a file, not for the terminal
_events.setLevel(logging.DEBUG)
_events.addHandler(logging.NullHandler())

FILE = "events.jsonl"

_FILE_BYTES = 32 * 2**20
_OLD_FILES = 4
"""At about 250 bytes per event, at least the newest 500,000 events are kept."""


def record(event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Records an event; does nothing if no file is open for events.

    Args:
        event: What happened, one word.
        level: How important it is.
        fields: Plain values; None is omitted.
    """
    _events.log(level, event, extra={"fields": {key: value for key, value in fields.items() if value is not None}})


@contextmanager
def recording(folder: Path) -> Iterator[None]:
    """Appends the events of this process, and what tiernas logs, to `events.jsonl` in a folder.

    When the file is full it is renamed to `events.jsonl.1`, `.2` and so on, and the oldest one is removed. A disk
    that is full or gone ends the recording of events, not the search.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handler = _Handler(folder / FILE, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(_Formatter())
    loggers = _events, logging.getLogger("tiernas")
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


class _Formatter(logging.Formatter):
    """UTC time, level, event and fields; a log message is the event `log`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        what = {"event": "log", "message": record.getMessage()} if fields is None else {"event": record.msg, **fields}
        time = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        return json.dumps(plain_json({"time": time, "level": record.levelname.lower(), **what}), allow_nan=False)


class _Handler(RotatingFileHandler):
    _told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's own name)
        if not self._told:
            self._told = True
            said = plain_text(f"tiernas: cannot write {self.baseFilename}: {sys.exc_info()[1]}; the search continues\n")
            sys.stderr.write(said)
