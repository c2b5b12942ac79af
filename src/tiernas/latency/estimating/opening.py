"""A table's file, opened for more networks by one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tiernas.errors import UsageError
from tiernas.latency.estimating import table_file
from tiernas.spaces import SearchSpace

_log = logging.getLogger(__name__)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Prevents other processes from writing the file; the system releases it when this process dies.

    Raises:
        UsageError: Another process is writing it, or its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=0):
            yield
    except Timeout as error:
        raise UsageError(f"{path}: another process is building it; wait for it, or choose another file") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another file") from error


def opened(
    path: Path, fresh: table_file.Header, space: SearchSpace
) -> tuple[table_file.Header, list[table_file.Record]]:
    """The header and the records of a file, which is created if it is missing; call in the context `writing`.

    Args:
        path: The file.
        fresh: The header of a new file: what will be measured, and on what.
        space: Its space.

    Raises:
        UsageError: The file cannot be read, or was measured under other conditions.
    """
    if not path.exists():
        table_file.create(path, fresh)
        return fresh, []
    table_file.drop_torn_line(path)
    header, records, _ = table_file.read(path, space)
    differences = header.fingerprint.differences(fresh.fingerprint)
    if header.num_classes != fresh.num_classes:
        differences["num_classes"] = header.num_classes, fresh.num_classes
    if differences:
        shown = "; ".join(f"{name} is {there}, requested {here}" for name, (there, here) in differences.items())
        raise UsageError(f"{path}: cannot be continued: {shown}; remove the file to rebuild it, or choose another one")
    if records:
        _log.info("%s: continues with %d measurements", path, len(records))
    if any(record.observation.measurement.in_turn is None for record in records):
        _log.warning(
            "%s: its networks were measured alone, by an earlier version; remove the file to measure all of them "
            "interleaved with anchors",
            path,
        )
    return header, records
