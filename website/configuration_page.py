"""The page of all keys of a search's TOML file, from the models that check the file."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from griffe import Docstring, DocstringSectionKind
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from tiernas.config import SearchConfig
from tiernas.examples import example_text
from tiernas.plugins import Kind
from tiernas.training import RecipeConfig
from tiernas.training.presets import presets

_START = """\
# The configuration file

The TOML file of a search, as `tiernas search` reads it. Relative paths in it are relative to the file. On the command
line, `--set section.key=value` replaces the value of a key.

`tiernas init` writes a file for your data and your device, with a comment on every choice
([Your own photos](../photos.md)). A short file, which `tiernas example digits` prints:

```toml
{example}```

Below are all sections and keys. A section need not be in the file unless one of its keys is required.
"""

_PLUG_IN = 'or the name or `package.module:object` of a [plug-in](../extending.md "Extending tiernas")'


def configuration_page() -> str:
    """The page, in Markdown."""
    seen: dict[type[BaseModel], str] = {}
    sections = "\n".join(_section(name, model, seen) for name, model in _sections(SearchConfig))
    return f"{_START.format(example=example_text('digits'))}\n{sections}"


def _sections(model: type[BaseModel], above: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """All sections with their names, in the order of the file, each before those within it."""
    for key, field in model.model_fields.items():
        if inner := _model_of(field):
            yield f"{above}{key}", inner
            yield from _sections(inner, f"{above}{key}.")


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a section; None if the field is a key."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    return kinds[0] if isinstance(kinds[0], type) and issubclass(kinds[0], BaseModel) else None


def _section(name: str, model: type[BaseModel], seen: dict[type[BaseModel], str]) -> str:
    if (first := seen.setdefault(model, name)) != name:
        return f"## `[{name}]` {{ #{name} }}\n\nThe same keys as in [`[{first}]`](#{first}).\n"
    text, meanings = _documented(model)
    schema = model.model_json_schema()
    keys = [
        _key(name, key, _allowed_in(field, schema["properties"][key]), _default(field), meanings[key])
        for key, field in model.model_fields.items()
        if not _model_of(field)
    ]
    if model is RecipeConfig:
        keys.insert(0, _preset(name))
    inner = [
        f"- [`[{name}.{key}]`](#{name}.{key}): {meanings[key]}\n"
        for key, field in model.model_fields.items()
        if _model_of(field)
    ]
    more = f"There {'is a section' if len(inner) == 1 else 'are sections'} within it:\n\n{''.join(inner)}\n"
    return f"## `[{name}]` {{ #{name} }}\n\n{text}\n\n{more if inner else ''}{''.join(keys)}"


def _documented(model: type[BaseModel]) -> tuple[str, Mapping[str, str]]:
    """What the docstring of a section says of it and of each of its keys."""
    parsed = Docstring(inspect.getdoc(model) or "", parser="google").parse("google", warnings=False)
    texts = [str(part.value) for part in parsed if part.kind is DocstringSectionKind.text]
    attributes = [each for part in parsed if part.kind is DocstringSectionKind.attributes for each in part.value]
    return "\n\n".join(texts), {each.name: " ".join(each.description.split()) for each in attributes}


def _key(section: str, key: str, allowed: str, default: str, meaning: str) -> str:
    return f"### `{key}` {{ #{section}.{key} }}\n\n{allowed}, {default}\n{{ .key }}\n\n{meaning}\n\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    default = field.get_default(call_default_factory=True, validated_data={})
    return "by default not set" if default is None else f"by default `{toml_value(default)}`"


def toml_value(value: Any) -> str:
    """A value as it is written in TOML; numbers with at most four digits behind the point."""
    match value:
        case Path():
            return json.dumps(str(value))
        case bool() | str() | int():
            return json.dumps(value)
        case float():
            return f"{round(value, 4):g}" if abs(value) >= 1e-3 else f"{value:g}"
        case list() | tuple():
            return f"[{', '.join(map(toml_value, value))}]"
        case dict() if not value:
            return "{}"
    raise TypeError(f"{value!r}: a default of this type is new to the page")


def _allowed_in(field: FieldInfo, schema: Mapping[str, Any]) -> str:
    for each in field.metadata:
        kind = getattr(each.func, "__self__", None) if isinstance(each, BeforeValidator) else None
        if isinstance(kind, Kind):
            return f"{', '.join(f'`{json.dumps(name)}`' for name in kind.built_in)}, {_PLUG_IN}"
    return allowed(schema)


def allowed(schema: Mapping[str, Any]) -> str:
    """The allowed values of a key, in words.

    Args:
        schema: Its JSON schema, as pydantic writes it.
    """
    if "anyOf" in schema:
        return " or ".join(allowed(each) for each in schema["anyOf"] if each != {"type": "null"})
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    match schema.get("type"):
        case "string":
            return "path" if schema.get("format") == "path" else "text"
        case "boolean":
            return "`true` or `false`"
        case "integer" | "number" as kind:
            return f"{kind}{_range(schema)}"
        case "array":
            return _list(schema)
        case "object":
            return "table of keys and values"
    raise TypeError(f"{schema}: a type that is new to the page")


def _range(schema: Mapping[str, Any]) -> str:
    if {"minimum", "maximum"} <= schema.keys():
        return f" from {schema['minimum']:,} to {schema['maximum']:,}"
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
    bounds = [f"{word} {schema[key]:,}" for key, word in words.items() if key in schema]
    return f" {' and '.join(bounds)}" if bounds else ""


def _list(schema: Mapping[str, Any]) -> str:
    if fixed := schema.get("prefixItems"):
        return f"list of {len(fixed)}: {allowed(fixed[0])}"
    least = f", {schema['minItems']} or more" if "minItems" in schema else ""
    return f"list of values{least}: {allowed(schema['items'])}"


def _preset(section: str) -> str:
    names = ", ".join(f'`"{name}"`' for name in presets())
    values = {name: {key: toml_value(value) for key, value in preset.items()} for name, preset in presets().items()}
    keys = [key for key in RecipeConfig.model_fields if any(key in preset for preset in values.values())]
    filled = [name for name in values if values[name]]
    rows = [f"| `{key}` | {' | '.join(_code(values[name].get(key)) for name in filled)} |\n" for key in keys]
    head = f"| key | {' | '.join(f'`{name}`' for name in filled)} |\n|---|{'---|' * len(filled)}\n"
    meaning = "Values of the other keys, by name; keys that are in the file replace them ([Training](../training.md))."
    key = _key(section, "preset", names, 'by default `"fast"`', meaning)
    return f"{key}{head}{''.join(rows)}\n"


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""
