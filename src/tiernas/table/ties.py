"""Which entries are as accurate as others, as far as their test images tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from enum import Enum

from tiernas.proportions import indistinguishable
from tiernas.table.entry import Entry
from tiernas.table.query import CONDITIONS


class Standing(Enum):
    """The place of an entry among those it can be compared with."""

    BEST = "best"
    TIED = "tied"


def tied(a: Entry, b: Entry) -> bool:
    """Whether the test images leave open which of two comparable entries is more accurate.

    If it is unknown how many there were, only equal accuracies tie.
    """
    if a.test_images is None or b.test_images is None:
        return a.accuracy == b.accuracy
    return indistinguishable(a.accuracy, a.test_images, b.accuracy, b.test_images)


def comparable(a: Entry, b: Entry) -> bool:
    """Whether two entries are for the same images, device, engine and amount of work."""
    return _kind(a) == _kind(b)


def ties_with(entry: Entry, entries: Sequence[Entry]) -> list[Entry]:
    """The other recommended entries that an entry can be compared with and ties with, fastest first."""
    others = [e for e in entries if e.name != entry.name and e.recommended and comparable(e, entry)]
    return sorted((e for e in others if tied(e, entry)), key=lambda e: e.latency_ms)


def standings(entries: Sequence[Entry]) -> Mapping[str, Standing]:
    """The most accurate recommended entry of each kind (the fastest of equals), and those that tie with it, by name."""
    kinds: dict[Hashable, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.recommended:
            kinds[_kind(entry)].append(entry)
    found: dict[str, Standing] = {}
    for kind in kinds.values():
        best = max(kind, key=lambda e: (e.accuracy, -e.latency_ms))
        found |= {e.name: Standing.TIED for e in kind if tied(e, best)}
        found[best.name] = Standing.BEST
    return found


def pareto_front(entries: Sequence[Entry]) -> list[Entry]:
    """The entries that no other one beats in both latency and accuracy, fastest first."""
    front: list[Entry] = []
    for entry in sorted(entries, key=lambda e: (e.latency_ms, -e.accuracy)):
        if not front or entry.accuracy > front[-1].accuracy:
            front.append(entry)
    return front


def _kind(entry: Entry) -> Hashable:
    """Equal for entries that can be compared."""
    return tuple(getattr(entry, key) for key in (*CONDITIONS, "data_digest"))
