"""The configurations in this folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from tiernas.closest import did_you_mean
from tiernas.errors import UsageError
from tiernas.examples.photos import PHOTOS

_SUFFIX = ".toml"


@dataclass(frozen=True, slots=True)
class Example:
    """An example.

    Attributes:
        name: Its name.
        what: What it is, in one line.
    """

    name: str
    what: str


def shipped_examples() -> Sequence[Example]:
    """All examples: the configurations, each with the first line of its comment, and the photos."""
    folder = files("tiernas.examples")
    names = sorted(file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX))
    found = [Example(name, example_text(name).splitlines()[0].removeprefix("# ")) for name in names]
    return [*found, Example(PHOTOS, "A folder of 1,797 small images, in a folder for each of 10 classes.")]


def example_text(name: str) -> str:
    """The text of a configuration.

    Raises:
        UsageError: There is no such example.
    """
    folder = files("tiernas.examples")
    names = [file.name.removesuffix(_SUFFIX) for file in folder.iterdir() if file.name.endswith(_SUFFIX)]
    if name not in names:
        known = [*sorted(names), PHOTOS]
        raise UsageError(f"no example {name!r}{did_you_mean(name, known) or '.'} There are: {', '.join(known)}")
    return (folder / f"{name}{_SUFFIX}").read_text("utf-8")
