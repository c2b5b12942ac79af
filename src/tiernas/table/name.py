"""Names of entries, which become names of folders and files."""

from __future__ import annotations

import re

from tiernas.errors import UsageError

LONGEST = 200
"""File systems allow names of 255 bytes; an export adds endings."""

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(?<!\.)")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names of devices on Windows, with any ending."""


def require_safe_name(name: str) -> None:
    """Checks that a name is a plain file name everywhere: nothing written under it ends up outside its folder.

    Raises:
        UsageError: It is not.
    """
    if not _SAFE.fullmatch(name) or _RESERVED.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"name {name[:LONGEST]!r}: must be letters, digits and . _ + -, begin with a letter or digit, not end with "
            f"a dot, have at most {LONGEST} characters, and not be a Windows device name such as CON"
        )


def name_part(text: str) -> str:
    """Text as a part of a name: anything but letters and digits becomes one dash."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")
