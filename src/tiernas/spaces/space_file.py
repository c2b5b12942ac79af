"""The space around a parent as a file, so that a resumed search and every command find it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tiernas.errors import UsageError
from tiernas.spaces.parent import PARENT, ParentSpace
from tiernas.spaces.reading import architecture_from_json
from tiernas.text_file import replace_text

SPACE_FILE = "space.json"
"""Its name in the output folder of a search, next to the ledger and the latency table."""

_ENDING = ".json"
_KIND = "tiernas_space"
_RANGES = ("resolution", "channel_percent")


def is_space_file(name: str) -> bool:
    """Whether the name of a space is the path of a file."""
    return name.endswith(_ENDING)


def write_space(space: ParentSpace, path: Path) -> None:
    """Writes a space atomically.

    Raises:
        UsageError: The folder cannot be written to.
    """
    data = {
        _KIND: PARENT,
        "architecture": json.loads(space.parent.to_json()),
        "resolution": list(space.dimensions[0].values),
        "channel_percent": list(space.channel_percent),
        "num_classes": space.num_classes,
    }
    try:
        replace_text(path, json.dumps(data) + "\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}); choose another folder") from error


def read_space(path: Path) -> ParentSpace:
    """Reads the space that `write_space` wrote.

    Raises:
        UsageError: There is no such file, it cannot be read, or it does not contain a space.
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(
            f"space {str(path)!r}: there is no such file; a search with study.space = {PARENT!r} writes {SPACE_FILE} "
            "to its output folder when it starts"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"space {str(path)!r}: cannot be read ({error})") from error
    if not isinstance(data, dict) or data.get(_KIND) != PARENT:
        raise UsageError(f"space {str(path)!r}: is not a space: it has no key {_KIND!r} with the value {PARENT!r}")
    try:
        architecture = architecture_from_json(json.dumps(data["architecture"]))
        return ParentSpace(architecture, *(data[key] for key in _RANGES), num_classes=data["num_classes"])
    except KeyError as error:
        raise UsageError(f"space {str(path)!r}: key {error.args[0]!r} is missing") from error
    except (TypeError, UsageError) as error:
        raise UsageError(f"space {str(path)!r}: is damaged or was changed ({error})") from error
