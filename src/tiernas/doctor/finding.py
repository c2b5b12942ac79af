"""What the doctor says of a machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is: a warning spoils measurements, a note says what they depend on."""

    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that spoils measurements or that they depend on.

    Attributes:
        level: How bad it is.
        topic: What it is about, in a word or two.
        found: What was found, with its figures.
        why: Why it matters for latencies.
        fix: The command or the setting that mends it.
    """

    level: Severity
    topic: str
    found: str
    why: str
    fix: str

    def to_dict(self) -> dict[str, str]:
        """The finding as what JSON can hold."""
        return {key: str(value) for key, value in asdict(self).items()}
