"""The file is read and checked, and every mistake named with the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tiernas.config.config import SearchConfig
from tiernas.config.ledger_url import hide_password
from tiernas.errors import UsageError


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Reads a TOML file.

    Args:
        path: The file.
        overrides: `section.key=value` each, value as in TOML or a bare word; they replace what the file says.

    Raises:
        UsageError: The file is missing, is no TOML, or has an unknown key or a value that is not allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"no configuration file {path}; examples/ holds some that run") from error
    except OSError as error:
        raise UsageError(f"configuration file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    for override in overrides:
        _override(data, override)
    try:
        config = SearchConfig.model_validate(data)
        config.check()
    except ValidationError as error:
        explained = "\n  ".join(_explained(problem) for problem in error.errors())
        raise UsageError(f"{path}: {explained}") from None  # pydantic's own message shows values, passwords too
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return config


def _override(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    *sections, key = name.strip().split(".")
    if not equals or not sections:
        raise UsageError(f"--set {override}: must be section.key=value, such as --set search.trainings=20")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UsageError(f"--set {override}: {section} is no section of the file")
    data[key] = value


def _explained(problem: Any) -> str:
    """One mistake: the key, its value, and what is allowed."""
    keys = [str(key) for key in problem["loc"]]
    where = ".".join(keys)
    match problem["type"]:
        case "extra_forbidden":
            known = _known_keys(keys[:-1])
            near = difflib.get_close_matches(keys[-1], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"unknown key {where}{hint} Known here: {', '.join(known)}."
        case "missing":
            return f"{where} is missing; it must be set."
        case _:
            message = problem["msg"].removeprefix("Value error, ")
            return f"{where} = {hide_password(repr(problem['input']))}: {message[0].lower()}{message[1:]}."


def _known_keys(sections: list[str]) -> list[str]:
    model: Any = SearchConfig
    for section in sections:
        model = model.model_fields[section].annotation
    return list(model.model_fields)
