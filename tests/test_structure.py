"""What holds of the whole house: imports go one way, a word has one meaning, and all of it is in the wheel."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"

TYPES_OF_EACH_OTHER = ("tiernas.blocks.block", "tiernas.blocks.rows")
"""The first imports the second for annotations alone: a block counts the work of rows, and rows are of a block."""


def test_no_two_modules_import_each_other() -> None:
    """Imports inside functions and for type checkers count as well: they only hide that two modules are one."""
    graph = {module: set(imports) for module, imports in imported().items()}
    first, second = TYPES_OF_EACH_OTHER
    graph[first].remove(second)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from None


def test_a_room_imports_only_rooms_above_it() -> None:
    order = rooms()
    below = [
        f"{module} imports {other}"
        for module, imports in imported().items()
        for other in imports
        if order[room(module)] < order[room(other)]
    ]
    assert not below


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for module, (_, tree) in modules().items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert not {name: found for name, found in places.items() if len(found) > 1}


def test_the_wheel_has_every_file_that_is_no_module() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["tiernas"]
    package = SOURCE / "tiernas"
    packed = {path for pattern in patterns for path in package.glob(pattern)}
    assert package / "training" / "presets.toml" in packed
    assert {path for path in package.rglob("*.*") if path.suffix not in (".py", ".pyc")} == packed


@cache
def modules() -> Mapping[str, tuple[Path, ast.Module]]:
    """File and syntax of every module, by its name; that of a package is its `__init__.py`."""
    return {name_of(path): (path, ast.parse(path.read_text("utf-8"))) for path in sorted(SOURCE.rglob("*.py"))}


@cache
def imported() -> Mapping[str, frozenset[str]]:
    """The modules of tiernas that each module imports, anywhere in its file."""
    return {
        module: frozenset(other for other in imports(path, tree) if other in modules() and other != module)
        for module, (path, tree) in modules().items()
    }


def imports(path: Path, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (home(absolute(path, node), alias.name) for alias in node.names)


def home(package: str, name: str) -> str:
    """The module that a name of a package is, or comes from."""
    if f"{package}.{name}" in modules():
        return f"{package}.{name}"
    origin = offered().get((package, name))
    return home(origin, name) if origin else package


@cache
def offered() -> Mapping[tuple[str, str], str]:
    """Whence a package has each of the names that it imports on first use."""
    return {
        (name_of(path), alias.name): absolute(path, node)
        for path in SOURCE.rglob("__init__.pyi")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    here = path.relative_to(SOURCE).parts[: -node.level]
    return ".".join((*here, *([node.module] if node.module else [])))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def rooms() -> Mapping[str, int]:
    """The place of every room in the table of `docs/architecture.md`; the package itself is above all."""
    order = {"__init__": -1, "__main__": 10**6}
    for place, line in enumerate((ROOT / "docs" / "architecture.md").read_text("utf-8").splitlines()):
        if row := re.match(r"\| ((?:`[a-z_/.]+`(?:, )?)+) \|", line):
            for written in re.findall("`([^`]+)`", row[1]):
                order[written.removesuffix("/").removesuffix(".py")] = place
    return order
