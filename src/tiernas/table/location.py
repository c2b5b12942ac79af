"""Where the model table is unless told otherwise."""

from pathlib import Path

DEFAULT_TABLE = Path("model-table")
