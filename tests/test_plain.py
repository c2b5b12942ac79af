from __future__ import annotations

import io
import json
import logging
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.plain import PlainFormatter, plain_json, plain_text

ANY_TEXT = st.text(st.characters(exclude_categories=[]))  # halves of surrogate pairs and control characters too

ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(ANY_TEXT | st.integers(), inner),
    max_leaves=8,
)


def all_of(value: Any) -> list[Any]:
    match value:
        case dict():
            return [*value, *(x for held in value.values() for x in all_of(held))]
        case list():
            return [x for held in value for x in all_of(held)]
    return [value]


@given(ANY_TEXT)
def test_any_text_can_be_stored_and_shown(text: str) -> None:
    plain = plain_text(text)
    plain.encode("utf-8")
    assert not {c for c in plain if c < " " and c not in "\t\n"}
    assert plain_text(plain) == plain


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("caf\udce9 \x00\x1b[31m", r"caf\udce9 \x00\x1b[31m"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("Größe 漢字 🙂", "Größe 漢字 🙂"),
        ("sftp://ann:s3cret@host", "sftp://ann:***@host"),
    ],
)
def test_what_becomes_of_text(text: str, plain: str) -> None:
    assert plain_text(text) == plain


@given(ANY_VALUE)
def test_any_value_becomes_json_that_others_read(value: Any) -> None:
    plain = plain_json(value)
    text = json.dumps(plain, allow_nan=False)
    assert json.loads(text) == plain == plain_json(plain)
    for held in all_of(plain):
        assert held is None or type(held) in (bool, int, float, str)
        assert not isinstance(held, float) or math.isfinite(held)
        assert not isinstance(held, str) or held == plain_text(held)


def test_what_becomes_of_values() -> None:
    given_ = {"a": np.float32(0.5), "b": np.int64(3), "c": math.nan, "d": (1, -math.inf), 5: {"x"}, "e": b"\xff"}
    assert plain_json(given_) == {"a": 0.5, "b": 3, "c": None, "d": [1, None], "5": ["x"], "e": r"b'\xff'"}


def test_a_log_hides_and_escapes() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PlainFormatter("%(message)s"))
    handler.handle(logging.makeLogRecord({"msg": "%s", "args": ("sftp://a:s3cret@h \udc80",)}))
    stream.seek(0)
    assert stream.read() == "sftp://a:***@h \\udc80\n"
