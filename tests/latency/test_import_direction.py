"""What is measured knows nothing of tables and factor studies, which measure with it and know nothing of each other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tiernas.latency

LATENCY = Path(tiernas.latency.__file__).parent


@pytest.mark.parametrize(
    ("folder", "known"),
    [
        ("measuring", {"measuring"}),
        ("estimating", {"measuring", "estimating"}),
        ("factors", {"measuring", "factors"}),
    ],
)
def test_one_direction(folder: str, known: set[str]) -> None:
    found = {name for path in (LATENCY / folder).glob("*.py") for name in imported(path)}
    assert {name.split(".")[2] for name in found} == known


def imported(path: Path) -> set[str]:
    """Modules of `tiernas.latency` that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name for name in names if name.startswith("tiernas.latency.")}
