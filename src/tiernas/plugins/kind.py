"""`Kind`: what there is of engines, spaces and the like, and how a name becomes one of them."""

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
    """A line of what there is.

    Attributes:
        kind: What it is, such as "engine".
        name: Its name.
        origin: "built-in", or the package and its version.
        reference: What the name stands for.
        use: What a TOML file says to use it.
        problem: Why it cannot be used; None where it can. What comes with tiernas is not tried.
    """

    kind: str
    name: str
    origin: str
    reference: str
    use: str
    problem: str | None = None


class Kind(Generic[T]):
    """All things of one kind that a user may name.

    A name is one that comes with tiernas, one that an installed package offers as an entry point, or a reference,
    `package.module:object`. Nothing is imported but what is asked for.

    Args:
        noun: What one is called, such as "engine".
        key: Where a TOML file names it, such as "engine.name".
        group: Group of entry points.
        built_in: What comes with tiernas, references by name.
        check: Raises `UnusableError` for what a plug-in names as such a thing and is none.
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
        """What can be named without a reference, whether it can be used or not; built-in names first."""
        return tuple(dict.fromkeys(offer.name for offer in self._offers()))

    def find(self, name: str) -> Offer:
        """What a name or a reference stands for, without importing it.

        Raises:
            UnusableError: There is nothing of that name, or several things.
        """
        if is_reference(name):
            split_reference(name)
        try:
            offer = one_of(name, self._offers())
        except LookupError as error:
            raise UnusableError(f"several have this name: {error}; write the one that is meant") from error
        if offer is None:
            names = self.names()
            raise UnusableError(f"no such {self.noun}; there are: {', '.join(names)}{did_you_mean(name, names)}")
        return offer

    def as_text(self, thing: object) -> object:
        """What a file would say for an object: for configurations that are made in Python. All else stays.

        Raises:
            ValueError: It fits, and is to be found in no module.
        """
        if thing is None or isinstance(thing, str | int | float | list | tuple | dict):
            return thing
        self._require_kind(thing)
        return (self.offer_of(thing) or self.find(reference_to(thing))).name

    def require_known(self, name: str) -> str:
        """The name, if it stands for something; for configurations, which import nothing.

        Raises:
            ValueError: It does not.
        """
        self.find(name)
        return name

    def require_portable(self, name: str) -> str:
        """What another machine understands that has the modules alone: a built-in name stays, others become references.

        Raises:
            ValueError: It stands for nothing.
        """
        offer = self.find(name)
        return offer.name if offer.built_in else offer.reference

    def require_usable(self, name: str) -> str:
        """The name, if what it stands for can be used; for configurations that need it at once.

        Raises:
            ValueError: It cannot.
        """
        self._load(name)
        return name

    def load(self, name: str | T) -> T:
        """What a name or a reference stands for, imported; an object of the kind is given back.

        Raises:
            UsageError: There is nothing of that name, or it cannot be used.
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
        """By what a thing was loaded in this process; None where it came in another way."""
        return next((offer for offer, loaded in self._loaded.values() if loaded is thing), None)

    def listed(self) -> Iterator[Listing]:
        """All that can be named without a reference; plug-ins are imported to see whether they can be used."""
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
        except Exception as error:  # a property of somebody's class
            raise UnusableError(f"cannot be looked at: {failure(error)}") from error

    def _require_fit(self, offer: Offer, thing: object) -> None:
        self._require_kind(thing)
        if not self._named:
            return
        own = getattr(thing, "name", None)
        if not isinstance(own, str) or not own:
            raise UnusableError(f"its attribute name is {own!r}; files record it by its name: give it one")
        if own in self.built_in:
            raise UnusableError(f"calls itself {own!r}, as one of tiernas does, and files record it so: rename it")
        if not is_reference(offer.name) and own != offer.name:
            raise UnusableError(
                f"calls itself {own!r}; files record it so: its entry point must have the same name, or it another one"
            )
