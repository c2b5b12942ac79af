"""Damage to bytes, JSON and text; the same seed does the same damage."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    10**6,
    2**31,
    2**63,
    10**400,
    -0.5,
    0.30004,
    1e-300,
    1e300,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    " ",
    "0",
    "none",
    "../../outside",
    "/outside",
    ".",
    "a/b",
    "NUL\x00inside",
    "two\nlines",
    "\x1b[31mred",
    "\ud800",
    "\U0001f600é中",
    "x" * 5000,
    "%s {0} {name} ${HOME}",
    [],
    [None],
    [0, -1],
    [[1]],
    {},
    {"a": 1},
)
"""Replacements for values: other types, ends of ranges, text that is not a file name."""

_WORDS = (b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x01", b"\xff\xfe\xfd\xfc")


def damage_bytes(content: bytes, rng: random.Random) -> tuple[str, bytes]:
    """The name of the damage, and the damaged content."""
    way: Callable[[bytes, random.Random], bytes] = rng.choice(
        (_flip, _flip, _truncate, _empty, _blank, _extreme, _repeat, _insert, _append)
    )
    return way.__name__.removeprefix("_"), way(content, rng)


def swap_header(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """The content with the first bytes of another file."""
    n = rng.choice((2, 4, 8, 16, 64, 256))
    return other[:n] + content[n:]


def damage_json(document: Any, rng: random.Random) -> tuple[str, Any]:
    """A copy with one value replaced, removed, added or renamed, at any depth."""
    copy = json.loads(json.dumps(document))
    places = list(_places(copy))
    holder, key = rng.choice(places)
    way = rng.choice(("replace", "replace", "replace", "remove", "add", "rename"))
    match way:
        case "replace":
            holder[key] = rng.choice(ODD_VALUES)
        case "remove":
            del holder[key]
        case "add" if isinstance(holder, list):
            holder.insert(key, rng.choice(ODD_VALUES))
        case "rename" if isinstance(holder, dict):
            holder[misspelt(key, rng)] = holder.pop(key)
        case _:
            holder[key] = rng.choice(ODD_VALUES)
    return f"{way} {key}", copy


def misspelt(word: str, rng: random.Random) -> str:
    """The word with one letter missing, doubled, swapped or in another case."""
    if not word:
        return "x"
    i = rng.randrange(len(word))
    return rng.choice(
        (
            word[:i] + word[i + 1 :],
            word[:i] + word[i] + word[i:],
            word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :] if i else word + "s",
            word.upper() if word != word.upper() else word + "_",
        )
    )


def _places(node: Any) -> list[tuple[Any, Any]]:
    items = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    found: list[tuple[Any, Any]] = [(node, key) for key, _ in items]
    for _, child in items:
        found += _places(child)[:40]  # long lists of numbers are all alike
    return found


def _flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _empty(content: bytes, rng: random.Random) -> bytes:
    return b""


def _blank(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(content) + 1)
    n = min(rng.choice((1, 16, 256, 4096)), len(content) - begin)
    return content[:begin] + bytes(n) + content[begin + n :]


def _extreme(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(min(len(content), 512) + 1)
    word = rng.choice(_WORDS)
    return content[:begin] + word + content[begin + len(word) :]


def _repeat(content: bytes, rng: random.Random) -> bytes:
    begin, end = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:end] + content[begin:]


def _insert(content: bytes, rng: random.Random) -> bytes:
    begin = rng.randrange(len(content) + 1)
    return content[:begin] + rng.randbytes(rng.choice((1, 3, 64))) + content[begin:]


def _append(content: bytes, rng: random.Random) -> bytes:
    return content + rng.randbytes(rng.choice((1, 64, 4096)))
