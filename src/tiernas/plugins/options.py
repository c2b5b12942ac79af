"""Options of a plug-in: parameters of a function, checked by its signature before it is called."""

from __future__ import annotations

import contextlib
import inspect
import os
import reprlib
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, Field, ValidationError, create_model

from tiernas.closest import did_you_mean
from tiernas.errors import TiernasError, UsageError
from tiernas.plugins.reference import failure


def checked_options(
    function: Callable[..., object],
    options: Mapping[str, Any],
    *,
    section: str,
    given: Collection[str] = (),
    positional: int = 0,
    beside: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Options as a function takes them: converted to the types of its parameters, as pydantic does.

    Args:
        function: A function, or a class.
        options: Values by parameter, as a TOML file has them.
        section: Section of the file that they stand in, such as "data.options".
        given: Parameters that tiernas gives.
        positional: How many parameters tiernas gives without their names, the first ones.
        beside: Values that stand beside the section, such as `data.path`, by parameter; None where the file has none.

    Returns:
        The options, and what stands beside them, but for what the file does not have.

    Raises:
        UsageError: One is unknown, missing or of another type; names it, and what is known.
    """
    outside = dict(beside or {})
    for name in outside.keys() & options.keys():
        raise UsageError(f"{section}.{name}: write it as {_place(section, name, outside)}")
    parameters = [p for p in list(_parameters(function).values())[positional:] if p.name not in given]
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = not given and any(p.kind is p.VAR_KEYWORD for p in parameters)
    hints = _hints(function)
    fields: dict[str, Any] = {  # by number, since a parameter may be called as something that pydantic has
        f"option_{number}": (hints.get(p.name, Any), Field(... if p.default is p.empty else p.default, alias=p.name))
        for number, p in enumerate(named)
    }
    values = {name: _as_text(value, hints.get(name)) for name, value in outside.items() if value is not None}
    config = ConfigDict(extra="allow" if takes_any else "forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
    try:
        checked = create_model("Options", __config__=config, **fields).model_validate({**options, **values})
    except ValidationError as error:
        known = [p.name for p in named if p.name not in outside]
        problems = [_explained(section, problem, known, outside) for problem in error.errors()]
        raise UsageError("; ".join(problems)) from None
    found = {p.name: getattr(checked, f"option_{number}") for number, p in enumerate(named)}
    return {name: found[name] for name in found if name in options or name in values} | (checked.model_extra or {})


def call(function: Callable[..., object], *arguments: object, what: str, **named: object) -> object:
    """Calls a function of a plug-in; what it prints goes to stderr, since results are on stdout.

    Args:
        function: The function, or a class.
        arguments: For the function.
        what: What a message begins with, such as "data.kind = 'acme'".
        named: For the function.

    Raises:
        UsageError: It failed, with what it raised and where.
        TiernasError: The function raised it.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return function(*arguments, **named)
    except TiernasError:
        raise
    except (Exception, SystemExit) as error:  # whatever somebody's code does, its message is what helps
        raise UsageError(f"{what}: failed with {failure(error)}") from error


def _parameters(function: Callable[..., object]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # written in C
        return {"options": inspect.Parameter("options", inspect.Parameter.VAR_KEYWORD)}


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    try:
        return get_type_hints(
            function.__init__ if isinstance(function, type) else function,  # type: ignore[misc]
            include_extras=True,
        )
    except Exception:  # a name that exists for type checkers only
        return {}


def _as_text(value: object, hint: object) -> object:
    return os.fspath(value) if isinstance(value, Path) and hint is str else value


def _place(section: str, name: object, outside: Collection[object]) -> str:
    """Where a file has the value of a parameter: in the section, or beside it."""
    return f"{section.rpartition('.')[0] if name in outside else section}.{name}"


def _explained(section: str, problem: Any, known: list[str], outside: Collection[object]) -> str:
    name, *within = problem["loc"]
    where = ".".join([_place(section, name, outside), *map(str, within)])
    match problem["type"]:
        case "extra_forbidden" if name in outside:
            return f"{where}: there is no place for it; remove it"
        case "extra_forbidden":
            there = f"; known: {', '.join(known)}" if known else "; there are none"
            return f"unknown key {where}{did_you_mean(name, known) or there}"
        case "missing":
            return f"{where} is missing; it must be set"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where} = {reprlib.repr(problem['input'])}: {message[:1].lower()}{message[1:]}"
