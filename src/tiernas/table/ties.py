"""Which entries are as accurate as others, as far as their test images tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Protocol, TypeVar

from tiernas.proportions import indistinguishable
from tiernas.table.entry import Entry
from tiernas.table.query import CONDITIONS


class Standing(Enum):
    """The place of an entry among those it can be compared with."""

    BEST = "best"
    TIED = "tied"


class Placed(Protocol):
    """What has a latency in ms and an accuracy from 0 to 1."""

    @property
    def latency_ms(self) -> float: ...

    @property
    def accuracy(self) -> float: ...


P = TypeVar("P", bound=Placed)


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


def pareto_front(placed: Iterable[P]) -> list[P]:
    """Those that no other one beats in both latency and accuracy, fastest first."""
    front: list[P] = []
    for each in sorted(placed, key=lambda p: (p.latency_ms, -p.accuracy)):
        if not front or each.accuracy > front[-1].accuracy:
            front.append(each)
    return front


def _kind(entry: Entry) -> Hashable:
    """Equal for entries that can be compared."""
    return tuple(getattr(entry, key) for key in (*CONDITIONS, "data_digest", "task"))
