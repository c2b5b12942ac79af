"""The column types of the ledger: written values are made storable, read values are checked.

A ledger that was damaged, or changed by other software, may contain anything: SQLite stores whatever it is given. So
every value read has the type that the column promises, or `LookupError` says what was found.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import JSON, Boolean, DateTime, Dialect, Double, Integer, String, TypeDecorator
from typing_extensions import TypedDict

from tiernas.plain import plain_json, plain_text

Processor = Callable[[Any], Any]


class Text(TypeDecorator[str]):
    """Text that every database can store."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else plain_text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _of_type(str, "text")


class Whole(TypeDecorator[int]):
    """An integer."""

    impl = Integer
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _of_type(int, "a whole number")


class Real(TypeDecorator[float]):
    """A number; one that is not finite is stored as null."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None or not math.isfinite(value) else float(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _real


class Flag(TypeDecorator[bool]):
    """Yes or no."""

    impl = Boolean
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _flag


class Utc(TypeDecorator[dt.datetime]):
    """A time in UTC; SQLite stores no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=dt.UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:
        return _guarded(super().result_processor(dialect, coltype), "a time")


class Json(TypeDecorator[Any]):
    """A value as JSON.

    Args:
        kind: The required type, as pydantic understands types.
        optional: Whether it may be null.
    """

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any, *, optional: bool = False) -> None:
        super().__init__(none_as_null=True)
        self.kind = kind
        self.optional = optional
        self._adapter = TypeAdapter[Any](kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return plain_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None and self.optional:
            return None
        try:
            return self._adapter.validate_python(value, strict=True)
        except ValidationError as error:
            problem = error.errors()[0]
            where = "".join(f"[{key!r}]" for key in problem["loc"])
            raise LookupError(f"JSON{where}: {problem['msg']}, found {_short(problem['input'])}") from error


class RungFacts(TypedDict):
    """See `Candidate.rungs`."""

    epochs: int
    accuracy: float
    kept: bool


class RepeatedFacts(TypedDict):
    """See `Candidate.repeated`."""

    accuracy: float
    standard_error: float | None
    seeds: int
    rank_accuracy: float


class ResultFacts(TypedDict, total=False):
    """The keys of `Candidate.result` that other code relies on."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    duration_s: float | None
    epochs: int
    seed: int
    test_accuracy: float | None


class RivalFacts(TypedDict):
    """See `Candidate.rival`."""

    name: str
    architecture: str


class MeasurementFacts(TypedDict, total=False):
    """The keys of `Candidate.measurement` that other code relies on."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    latency_ms: float
    low_ms: float
    high_ms: float
    unstable: bool
    fingerprint: dict[str, Any]
    deployment: dict[str, Any]
    rival: RivalFacts


_HUGE = 60
"""Number of characters of a wrong value shown in a message."""


def _of_type(wanted: type, called: str) -> Processor:
    def process(value: Any) -> Any:
        if value is None or type(value) is wanted:
            return value
        raise LookupError(f"{_short(value)} is not {called}")

    return process


def _real(value: Any) -> float | None:
    if value is None or type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise LookupError(f"{_short(value)} is not a number")


def _flag(value: Any) -> bool | None:
    if value is None or value in (0, 1):
        return None if value is None else bool(value)
    raise LookupError(f"{_short(value)} is neither yes nor no")


def _guarded(inner: Processor | None, called: str) -> Processor:
    def process(value: Any) -> Any:
        try:
            return value if inner is None else inner(value)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise LookupError(f"{_short(value)} is not {called}") from error

    return process


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _HUGE else f"{shown[:_HUGE]}..."
