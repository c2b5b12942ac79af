"""A finding of the doctor about a machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Severity of a finding: a warning disturbs measurements, a note is something that they depend on."""

    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that disturbs measurements or that they depend on.

    Attributes:
        level: Its severity.
        topic: The topic in a word or two.
        found: What was found, with figures.
        why: Why it matters for latencies.
        fix: The command or setting that fixes it.
    """

    level: Severity
    topic: str
    found: str
    why: str
    fix: str

    def to_dict(self) -> dict[str, str]:
        """The finding, serializable as JSON."""
        return {key: str(value) for key, value in asdict(self).items()}
