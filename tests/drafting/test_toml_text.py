"""Values that are written and read are unchanged."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.drafting.toml_text import toml_text
from tiernas.errors import UsageError

SCALARS = (
    st.text(st.characters(exclude_categories=["Cs"]))
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)


@given(st.dictionaries(st.text("abc_-. ü\"'", min_size=1), st.dictionaries(st.text("ab.é", min_size=1), SCALARS)))
def test_any_values_come_back(values: dict[str, dict[str, Any]]) -> None:
    filled = {section: keys for section, keys in values.items() if keys}
    assert tomllib.loads(toml_text(filled)) == filled


def test_sections_within_sections_and_lists() -> None:
    values = {"a": {"x": [1, 2.5], "b": {"y": True, "c": {"z": ["ü", '"']}}}, "d": {"e": {"f": 1e-05}}}
    assert tomllib.loads(toml_text(values)) == values


def test_values_that_toml_lacks_are_refused() -> None:
    with pytest.raises(TypeError, match="None is a NoneType"):
        toml_text({"a": {"b": None}})


def test_comments_are_wrapped_and_change_nothing() -> None:
    values = {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    comments = {"": "word " * 30, "a": "of a", "a.y": "one\n    code = 1" + 150 * "x", "b.no": "never"}
    text = toml_text(values, comments)
    assert tomllib.loads(text) == values
    head, of_a, _ = text.split("\n\n")
    assert [line[:6] for line in head.splitlines()] == ["# word", "# word"]
    assert of_a.splitlines()[:4] == ["# of a", "[a]", "x = 1", "# one"]
    assert of_a.splitlines()[4].startswith("#     code = 1xxx")
    assert "never" not in text


def test_a_path_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(UsageError, match="contains bytes that are not UTF-8"):
        toml_text({"data": {"path": "photos-\udce9"}})
