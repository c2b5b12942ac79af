"""`Wanted`: what a caller asks of a source beside its architecture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which weights, and how many classes.

    Attributes:
        file: A file of weights; None for those that the source comes with.
        fresh: Whether weights are random instead.
        num_classes: Another number than the weights have gives a fresh classifier; None keeps theirs.
    """

    file: Path | None = None
    fresh: bool = False
    num_classes: int | None = None
