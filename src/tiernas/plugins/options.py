"""Options of a plug-in: arguments of a function, checked against its signature before it is called."""

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
    """Options as arguments of a function, converted to the types of its parameters by pydantic.

    Args:
        function: A function or a class.
        options: Values by parameter, as in a TOML file.
        section: Section of the file that contains them, such as "data.options".
        given: Parameters that tiernas passes.
        positional: Number of leading parameters that tiernas passes by position.
        beside: Values next to the section, such as `data.path`, by parameter; None if the file does not have one.

    Returns:
        The options, and the values next to the section that the file has.

    Raises:
        UsageError: An option is unknown, missing or of the wrong type; the message names it and the known ones.
    """
    outside = dict(beside or {})
    for name in outside.keys() & options.keys():
        raise UsageError(f"{section}.{name}: write it as {_place(section, name, outside)}")
    parameters = [p for p in list(_parameters(function).values())[positional:] if p.name not in given]
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = not given and any(p.kind is p.VAR_KEYWORD for p in parameters)
    hints = _hints(function)
    fields: dict[str, Any] = {  # numbered, because the name of a parameter may clash with pydantic
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
    """Calls a function of a plug-in; its output goes to stderr, because results are on stdout.

    Args:
        function: The function or class.
        arguments: Positional arguments of the function.
        what: Beginning of the message, such as "data.kind = 'acme'".
        named: Keyword arguments of the function.

    Raises:
        UsageError: The function failed; the message says with what error, and where.
        TiernasError: Raised by the function itself.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            return function(*arguments, **named)
    except TiernasError:
        raise
    except (Exception, SystemExit) as error:  # foreign code may raise anything
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
    except Exception:  # a name that exists only for type checkers
        return {}


def _as_text(value: object, hint: object) -> object:
    return os.fspath(value) if isinstance(value, Path) and hint is str else value


def _place(section: str, name: object, outside: Collection[object]) -> str:
    """The key of a parameter in a file: in the section, or next to it."""
    return f"{section.rpartition('.')[0] if name in outside else section}.{name}"


def _explained(section: str, problem: Any, known: list[str], outside: Collection[object]) -> str:
    name, *within = problem["loc"]
    where = ".".join([_place(section, name, outside), *map(str, within)])
    match problem["type"]:
        case "extra_forbidden" if name in outside:
            return f"{where} is not supported; remove it"
        case "extra_forbidden":
            there = f"; known: {', '.join(known)}" if known else "; there are none"
            return f"unknown key {where}{did_you_mean(name, known) or there}"
        case "missing":
            return f"{where} is missing; it must be set"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where} = {reprlib.repr(problem['input'])}: {message[:1].lower()}{message[1:]}"
