"""The fields of a request, checked when they are read."""

from __future__ import annotations

import dataclasses
import math
import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tiernas.engines.clock.rule import TurnRule
from tiernas.engines.timing import StopRule
from tiernas.errors import UsageError
from tiernas.runner.networks import Repetition
from tiernas.runner.protocol import RunnerRequest

if TYPE_CHECKING:
    from typing import TypeGuard

_Rule = TypeVar("_Rule", StopRule, TurnRule, Repetition)


class RequestFields:
    """The fields of a request, checked when they are read.

    Raises:
        UsageError: A field is missing or of the wrong kind; the message names it.
    """

    def __init__(self, request: RunnerRequest) -> None:
        self._do = request.do
        self._fields = request.fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a string")
        return value

    def number(self, name: str) -> int:
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(name, "a whole number, 0 or more")
        return value

    def positive(self, name: str) -> float:
        value = self._fields.get(name)
        if not _is_amount(value) or value == 0:
            raise self._wrong(name, "a number above 0")
        return float(value)

    def texts(self, name: str) -> list[str]:
        value = self._fields.get(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self._wrong(name, "a list of strings")
        return value

    def texts_by_name(self, name: str) -> Mapping[str, str]:
        value = self._fields.get(name)
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise self._wrong(name, "an object of strings")
        return value

    def settings(self, name: str, default: _Rule) -> _Rule:
        """A dataclass of numbers, some of which are given; the others are those of the default."""
        value = self._fields.get(name, {})
        known = [each.name for each in dataclasses.fields(default)]
        if not isinstance(value, dict) or not value.keys() <= set(known):
            raise self._wrong(name, f"an object with some of {', '.join(known)}")
        for key, number in value.items():
            usual = getattr(default, key)
            if number is None and usual is None:
                continue
            if not _is_amount(number) or (isinstance(usual, int) and not isinstance(number, int)):
                raise self._wrong(name, f"an object of numbers, 0 or more ({key} is {number!r})")
        return dataclasses.replace(default, **value)

    def _wrong(self, name: str, kind: str) -> UsageError:
        return UsageError(f"{self._do}: {name} = {reprlib.repr(self._fields.get(name))}: must be {kind}")


def _is_amount(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
