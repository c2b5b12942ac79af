"""The configuration file to be written. It imports nothing heavy: a file that exists is refused at once."""

from __future__ import annotations

from pathlib import Path

from tiernas.errors import UsageError


def require_new(output: Path) -> None:
    """Refuses to overwrite a configuration file.

    Raises:
        UsageError: The file exists; the message says how to resume its search.
    """
    if output.exists() or output.is_symlink():
        raise UsageError(
            f"--output {output}: exists and is not overwritten. Resume its search with: tiernas search {output}; or "
            "choose another --output"
        )
