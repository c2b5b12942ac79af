"""Reads and checks the file; every mistake is reported with the key, the value and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from tiernas.closest import did_you_mean
from tiernas.config.config import SearchConfig
from tiernas.config.paths import make_absolute
from tiernas.config.sections import DEFAULT_TABLE
from tiernas.credentials import hide_credentials
from tiernas.errors import UsageError
from tiernas.training import RecipeConfig

_HOW = "write one with: tiernas init DATA, or: tiernas example digits --output digits.toml"

_SHOWN = 120
"""Number of characters of a wrong value shown in a message."""


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Reads a TOML file.

    Relative paths in it are relative to its folder, those in overrides to the working directory; the result is
    absolute (see `tiernas.config.paths`).

    Args:
        path: The file.
        overrides: `section.key=value` each, value as in TOML or a bare word; they replace values of the file.

    Raises:
        UsageError: The file is missing, is not TOML, or has an unknown key or a value that is not allowed.
    """
    return checked_config(read_sections(path, overrides), path)


def read_sections(path: Path, overrides: Sequence[str], how: str = _HOW) -> dict[str, Any]:
    """The sections of a TOML file with a model table, with absolute paths and overridden values, not yet checked.

    Args:
        path: The file.
        overrides: See `load_config`.
        how: How to get such a file, for messages.

    Raises:
        UsageError: The file is missing or is not TOML, or an override is not one.
    """
    data = _read_toml(path, how)
    table = data.setdefault("table", {})
    if isinstance(table, dict):
        table.setdefault("path", str(DEFAULT_TABLE))
    make_absolute(data, path.parent, str(path))
    for assignment in overrides:
        override(data, assignment)
    return data


def checked_config(data: Mapping[str, Any], path: Path) -> SearchConfig:
    """Makes a configuration of the sections of a file.

    Args:
        data: The sections, with absolute paths.
        path: The file, for messages.

    Raises:
        UsageError: There is an unknown key, or a value that is not allowed.
    """
    config = validated(SearchConfig, data, path)
    try:
        config.check()
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return config


M = TypeVar("M", bound=BaseModel)


def validated(model: type[M], data: Mapping[str, Any], path: Path) -> M:
    """Checks the sections of a file against a model.

    Args:
        model: The model of the whole file.
        data: The sections, with absolute paths.
        path: The file, for messages.

    Raises:
        UsageError: There is an unknown key, or a value that is not allowed.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        explained = "\n  ".join(_explained(problem, model) for problem in error.errors())
        raise UsageError(f"{path}: {explained}") from None  # pydantic's own message shows values, including passwords
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _read_toml(path: Path, how: str) -> dict[str, Any]:
    """The sections of a TOML file.

    Args:
        path: The file.
        how: How to get one, for messages.

    Raises:
        UsageError: The file is missing, cannot be read, is empty or is not TOML.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"no configuration file {path}; {how}") from error
    except IsADirectoryError as error:
        raise UsageError(
            f"configuration file {path} cannot be read: it is a folder; give the TOML file in it"
        ) from error
    except OSError as error:
        raise UsageError(f"configuration file {path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise UsageError(f"configuration file {path} is empty; {how}")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))  # editors on Windows add a byte order mark
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not TOML: it is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except RecursionError as error:
        raise UsageError(f"{path} is not TOML: its brackets are nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, and integers of thousands of digits
        raise UsageError(f"{path} is not TOML: {error}") from error


def override(data: dict[str, Any], assignment: str) -> None:
    """Sets a value of a file.

    Args:
        data: The sections of the file; changed in place.
        assignment: `section.key=value`, with the value as in TOML or as a bare word; relative paths are relative to the
            working directory.

    Raises:
        UsageError: The assignment has another form, or its section is not a section of the file.
    """
    name, equals, text = assignment.partition("=")
    names = [part.strip() for part in name.split(".")]
    if not equals or len(names) < 2 or not all(names):
        raise UsageError(f"--set {assignment}: must be section.key=value, such as --set search.trainings=20")
    *sections, key = names
    nested: dict[str, Any] = {key: _value(text)}
    own = nested
    for section in reversed(sections):
        nested = {section: nested}
    make_absolute(nested, Path.cwd(), "--set")
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UsageError(f"--set {assignment}: {section} is not a section of the file")
    data[key] = own[key]


def _value(text: str) -> Any:
    """A value as in TOML, or else the text itself."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text.strip()
    return parsed["value"] if len(parsed) == 1 else text.strip()  # a line break would begin another key


def _explained(problem: Any, model: type[BaseModel]) -> str:
    """One mistake: the key, its value, and what is allowed."""
    keys, value = problem["loc"], problem["input"]
    where = ".".join(_shown_key(key) for key in keys)
    said = problem["msg"].removeprefix("Value error, ")
    message = f"{said[0].lower()}{said[1:]}"
    match problem["type"]:
        case "extra_forbidden":
            known = _known_keys(model, keys[:-1])
            return f"unknown key {where}{did_you_mean(keys[-1], known) or '.'} Known here: {', '.join(known)}."
        case "missing":
            return f"{where} is missing; it must be set."
        case "model_type" | "model_attributes_type":
            return f"{where} = {_shown(value)}: must be a section of the file, [{where}]."
        case "literal_error":
            return f"{where} = {_shown(value)}: {message}{did_you_mean(value, _quoted(message))}."
        case "string_type":
            return f"{where} = {_shown(value)}: {message}; write it in quotation marks."
        case _ if isinstance(value, dict):  # a rule of several keys in a section
            return f"{where}: {message}."
        case _:
            return f"{where} = {_shown(value)}: {message}{'' if message.endswith('?') else '.'}"


def _shown_key(key: object) -> str:
    return text if re.fullmatch(r"[\w-]+", text := str(key)) else repr(text)


def _shown(value: object) -> str:
    try:
        text = hide_credentials(repr(value))
    except ValueError:  # an integer of thousands of digits
        text = "a number"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _quoted(message: str) -> list[str]:
    return re.findall(r"'([^']*)'", message)


def _known_keys(model: type[BaseModel], sections: Sequence[object]) -> list[str]:
    """Keys of the sections at this depth of the file."""
    for section in sections:
        annotation: Any = model.model_fields[str(section)].annotation
        (model,) = [kind for kind in get_args(annotation) or (annotation,) if kind is not NoneType]
    return [*(["preset"] if model is RecipeConfig else []), *model.model_fields]
