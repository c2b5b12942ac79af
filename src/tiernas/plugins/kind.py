"""`Kind`: the available engines, spaces and the like, and how a name is resolved to one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar, cast

from tiernas.closest import did_you_mean
from tiernas.errors import TiernasError, UsageError
from tiernas.plugins.offers import Offer, built_in_offers, installed_offers, one_of
from tiernas.plugins.reference import UnusableError, failure, imported, is_reference, reference_to, split_reference

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing:
    """A line of the list of available things.

    Attributes:
        kind: Its kind, such as "engine".
        name: Its name.
        origin: "built-in", or the package and its version.
        reference: The reference that the name stands for.
        use: How a TOML file selects it.
        problem: Why it cannot be used; None if it can. Built-in things are not tried.
    """

    kind: str
    name: str
    origin: str
    reference: str
    use: str
    problem: str | None = None


class Kind(Generic[T]):
    """All things of one kind that a user can name.

    A name is built in, or an entry point of an installed package, or a reference, `package.module:object`. Only what is
    requested is imported.

    Args:
        noun: What one is called, such as "engine".
        key: The key of a TOML file that names it, such as "engine.name".
        group: Group of entry points.
        built_in: References of built-in things, by name.
        check: Raises `UnusableError` for a plug-in that is not of this kind.
        named: Whether such things have an attribute `name` by which files record them.
    """

    def __init__(
        self,
        noun: str,
        key: str,
        group: str,
        built_in: Mapping[str, str],
        check: Callable[[object], None],
        *,
        named: bool = False,
    ) -> None:
        self.noun = noun
        self.key = key
        self.group = group
        self.built_in = dict(built_in)
        self._check = check
        self._named = named
        self._loaded: dict[str, tuple[Offer, object]] = {}

    def names(self) -> tuple[str, ...]:
        """All names that need no reference, even of unusable plug-ins; built-in names first."""
        return tuple(dict.fromkeys(offer.name for offer in self._offers()))

    def find(self, name: str) -> Offer:
        """What a name or a reference stands for, without importing it.

        Raises:
            UnusableError: The name is unknown or ambiguous.
        """
        if is_reference(name):
            split_reference(name)
        try:
            offer = one_of(name, self._offers())
        except LookupError as error:
            raise UnusableError(f"the name is ambiguous: {error}; write the reference instead") from error
        if offer is None:
            names = self.names()
            raise UnusableError(f"no such {self.noun}; there are: {', '.join(names)}{did_you_mean(name, names)}")
        return offer

    def as_text(self, thing: object) -> object:
        """The text by which a file names an object, for configurations created in Python; other values are unchanged.

        Raises:
            ValueError: The object is of this kind, but no module contains it.
        """
        if thing is None or isinstance(thing, str | int | float | list | tuple | dict):
            return thing
        self._require_kind(thing)
        return (self.offer_of(thing) or self.find(reference_to(thing))).name

    def require_known(self, name: str) -> str:
        """Returns the name if it is known; for configurations, which import nothing.

        Raises:
            ValueError: The name is unknown.
        """
        self.find(name)
        return name

    def require_portable(self, name: str) -> str:
        """A name for machines that have only the modules: a built-in name is unchanged, others become references.

        Raises:
            ValueError: The name is unknown.
        """
        offer = self.find(name)
        return offer.name if offer.built_in else offer.reference

    def require_usable(self, name: str) -> str:
        """Returns the name if its object is usable; for configurations that need it immediately.

        Raises:
            ValueError: The object is not usable.
        """
        self._load(name)
        return name

    def load(self, name: str | T) -> T:
        """Imports what a name or a reference stands for; an object of the kind is returned as it is.

        Raises:
            UsageError: The name is unknown, or its object cannot be used.
        """
        try:
            if isinstance(name, str):
                return self._load(name)
            self._require_kind(name)
            return name
        except UnusableError as error:
            shown = repr(name) if isinstance(name, str) else type(name).__name__
            raise UsageError(f"{self.noun} {shown}: {error}") from error

    def offer_of(self, thing: object) -> Offer | None:
        """The offer by which a thing was loaded in this process; None if it was obtained in another way."""
        return next((offer for offer, loaded in self._loaded.values() if loaded is thing), None)

    def listed(self) -> Iterator[Listing]:
        """All things that can be named without a reference; plug-ins are imported to check whether they are usable."""
        for offer in self._offers():
            use = f'{self.key} = "{offer.name}"'
            yield Listing(self.noun, offer.name, offer.origin, offer.reference, use, self._problem(offer))

    def _problem(self, offer: Offer) -> str | None:
        try:
            if offer.built_in:
                self.find(offer.name)
            else:
                self._load(offer.name)
        except (UnusableError, TiernasError) as error:
            return str(error)
        return None

    def _offers(self) -> list[Offer]:
        return [*built_in_offers(self.built_in), *installed_offers(self.group)]

    def _load(self, name: str) -> T:
        offer = self.find(name)
        if offer.built_in:
            module, _, attribute = offer.reference.partition(":")
            thing: Any = getattr(import_module(module), attribute)
        else:
            thing = imported(offer.reference)
        if self._loaded.get(name, (offer, None))[1] is not thing:
            if not offer.built_in:
                self._require_fit(offer, thing)
            self._loaded[name] = (offer, thing)
        return cast(T, thing)

    def _require_kind(self, thing: object) -> None:
        try:
            self._check(thing)
        except UnusableError:
            raise
        except Exception as error:  # a property of a foreign class may raise anything
            raise UnusableError(f"cannot be inspected: {failure(error)}") from error

    def _require_fit(self, offer: Offer, thing: object) -> None:
        self._require_kind(thing)
        if not self._named:
            return
        own = getattr(thing, "name", None)
        if not isinstance(own, str) or not own:
            raise UnusableError(f"its attribute name is {own!r}; files record it by its name, so give it one")
        if own in self.built_in:
            raise UnusableError(f"its name is {own!r}, which is built in and recorded in files: rename it")
        if not is_reference(offer.name) and own != offer.name:
            raise UnusableError(f"its name is {own!r}, which files record: give it and its entry point the same name")
