"""The location of a ledger, written without its password: `postgresql://me:${PASSWORD}@host/database`."""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from tiernas.errors import UsageError
from tiernas.ledger import Location, is_meant_as_url

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def expand_ledger(text: str) -> str:
    """Inserts the values of environment variables.

    A variable that is part of the URL is percent-encoded, so a password may contain any characters; one that is the
    whole text is used as it is.

    Raises:
        ValueError: A variable is not set, or the result is not the URL of a supported database.
    """
    whole = _VARIABLE.fullmatch(text) is not None

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ValueError(f"names the environment variable {name!r}, which is not set")
        return os.environ[name] if whole else quote(os.environ[name], safe="")

    expanded = _VARIABLE.sub(value, text)
    if not is_meant_as_url(expanded):
        raise ValueError("is a path; give a URL, or remove it: then the ledger is a file in study.output")
    try:
        Location.of(expanded)
    except UsageError as error:  # it shows only the scheme of the URL
        raise ValueError(f"{error}; without it the ledger is a file in study.output") from error
    return expanded
