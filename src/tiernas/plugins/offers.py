"""The offers of a kind: built-in names, and entry points of installed packages."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, distribution, distributions, entry_points
from pathlib import Path

from tiernas.plugins.reference import is_reference, top_module


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that can be used, and what it stands for.

    Attributes:
        name: The name; the reference itself if there is no name for it.
        reference: `package.module:object`.
        package: Name and version of the package that provides it, such as "acme 1.0"; None if unknown.
        built_in: Whether it is part of tiernas.
    """

    name: str
    reference: str
    package: str | None
    built_in: bool = False

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return "built-in" if self.built_in else self.package or "a module"

    @property
    def version(self) -> str:
        """A text that changes with its package or its module's file; to be used after it is imported."""
        module = sys.modules.get(self.reference.partition(":")[0])
        file = getattr(module, "__file__", None)
        content = Path(file).read_bytes() if file else b""
        return f"{self.package} {hashlib.sha256(content).hexdigest()[:16]}"


def built_in_offers(names: Mapping[str, str]) -> list[Offer]:
    """Built-in offers, from references by name."""
    return [Offer(name, reference, None, built_in=True) for name, reference in names.items()]


def installed_offers(group: str) -> list[Offer]:
    """Offers of installed packages in a group of entry points, sorted by name; nothing is imported."""
    found = {Offer(point.name, point.value.partition("[")[0].strip(), _package(point)) for point in _points(group)}
    return sorted(found, key=lambda offer: (offer.name, offer.reference))


def referred(reference: str) -> Offer:
    """The offer of a reference; its package is found if it has the same name as the module, except for hyphens."""
    top = top_module(reference)
    try:
        found = distribution(top)
        return Offer(reference, reference, f"{found.name} {found.version}")
    except Exception:  # not an installed package, or one without metadata
        return Offer(reference, reference, None)


def one_of(name: str, offers: list[Offer]) -> Offer | None:
    """The offer of a name or a reference; None if there is none.

    Raises:
        LookupError: There are several; the message lists them.
    """
    if is_reference(name):
        return next((offer for offer in offers if offer.built_in and offer.reference == name), None) or referred(name)
    found = {offer.reference: offer for offer in offers if offer.name == name}
    if len(found) > 1:
        raise LookupError(" and ".join(f"{offer.reference} ({offer.origin})" for offer in found.values()))
    return next(iter(found.values()), None)


def _points(group: str) -> list[EntryPoint]:
    try:
        return list(entry_points(group=group))
    except Exception:  # damaged metadata of one package must not hide the others
        return [point for distribution in distributions() for point in _points_of(distribution, group)]


def _points_of(distribution: Distribution, group: str) -> Iterator[EntryPoint]:
    try:
        yield from distribution.entry_points.select(group=group)
    except Exception:  # as above
        return


def _package(point: EntryPoint) -> str | None:
    try:
        return f"{point.dist.name} {point.dist.version}" if point.dist else None
    except Exception:  # a package without metadata
        return None
