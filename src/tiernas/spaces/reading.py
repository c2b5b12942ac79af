"""Reads architectures of any class from JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.staged import StagedArchitecture

_SOURCE = "an architecture is written by Architecture.to_json()"


def architecture_from_json(text: str) -> Architecture:
    """The architecture that `Architecture.to_json` wrote: layered if it has the key `blocks`, otherwise staged.

    Raises:
        UsageError: The text is not JSON, or a key is missing, unknown, of the wrong type or out of range.
    """
    try:
        data = json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"architecture: not JSON ({error}); {_SOURCE}") from error
    if not isinstance(data, Mapping):
        raise UsageError(f"architecture: must be an object, not {type(data).__name__}")
    return LayeredArchitecture.from_dict(data) if "blocks" in data else StagedArchitecture.from_dict(data)


def read_architecture(path: Path) -> Architecture:
    """The architecture of a file written by `Architecture.to_json`.

    Raises:
        UsageError: There is no such file, it cannot be read, or it does not contain an architecture; the message names
            the file.
    """
    try:
        return architecture_from_json(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file; {_SOURCE}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not a text file; {_SOURCE}") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
