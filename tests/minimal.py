"""The least that the file of a search must say."""

from pathlib import Path

MINIMAL = """
[study]
name = "mine"
output = "runs/mine"

[data]
kind = "digits"

[recipe]
epochs = 3

[tiers]
edges = [0.2, 0.4, 0.8]

[finalists]
epochs = 9
"""


def write_minimal(folder: Path, more: str = "") -> Path:
    """Writes it, with its output in `run` of the same folder, and more sections."""
    path = folder / "mine.toml"
    path.write_text(MINIMAL.replace("runs/mine", f"{folder}/run") + more)
    return path
