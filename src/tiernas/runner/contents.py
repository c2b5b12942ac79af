"""Which modules of tiernas the runner consists of."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tiernas.runner.runtimes import RUNTIMES

_PACKAGE = Path(__file__).parents[1]
_PROGRAMS = ("tiernas.runner.__main__", "tiernas.runner.kit")


def runner_modules() -> Mapping[str, Path]:
    """The modules of the runner and their files, sorted by name.

    They are the programs that run on a device, the engines, and whatever these import outside of functions. What is
    imported in a function is needed only where networks are prepared.
    """
    found: dict[str, Path] = {}
    waiting = [*_PROGRAMS, *(runtime.module for runtime in RUNTIMES.values())]
    while waiting:
        name = waiting.pop()
        path = module_file(name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting += [parent for parent in (name.rpartition(".")[0],) if parent]
        if path.name != "__init__.py":
            waiting += _modules_of(top_imports(ast.parse(path.read_text(encoding="utf-8"))))
    return dict(sorted(found.items()))


def module_file(name: str) -> Path | None:
    """The file of a module of tiernas; None if there is none."""
    top, *rest = name.split(".")
    path = _PACKAGE.joinpath(*rest)
    if top != "tiernas":
        return None
    if path.is_dir():
        return path / "__init__.py"
    path = path.with_suffix(".py")
    return path if path.is_file() else None


def top_imports(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """The imports that are executed when a module is loaded: modules, each with the name that is taken from it."""
    yield from _imports(tree.body)


def _modules_of(imports: Iterator[tuple[str, str | None]]) -> Iterator[str]:
    for module, name in imports:
        inside = f"{module}.{name}"
        yield inside if name and module_file(inside) else module


def _imports(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str | None]]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and not _is_for_type_checkers(node.test):
            yield from _imports([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            yield from _imports([*node.body, *(each for handler in node.handlers for each in handler.body)])
        elif isinstance(node, ast.ClassDef):
            yield from _imports(node.body)


def _is_for_type_checkers(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
