"""The default location of the model table."""

from pathlib import Path

DEFAULT_TABLE = Path("model-table")
