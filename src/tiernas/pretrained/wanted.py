"""`Wanted`: what a caller requests of a source besides its architecture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """The requested weights and number of classes.

    Attributes:
        file: A file of weights; None for the source's own.
        fresh: Whether to use random weights instead.
        num_classes: If it differs from that of the weights, the classifier is a fresh one; None keeps theirs.
    """

    file: Path | None = None
    fresh: bool = False
    num_classes: int | None = None
