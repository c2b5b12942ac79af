"""What is in the runner, and what it may need: Python 3.9, NumPy and one runtime."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tiernas.runner.contents import module_file, runner_modules, top_imports
from tiernas.runner.runtimes import RUNTIMES

MODULES = {name: path for name, path in runner_modules().items() if path.name != "__init__.py"}
LAUNCHER = Path(__file__).parents[2] / "src" / "tiernas" / "runner" / "launcher.py"
NEWER = {"slots", "kw_only", "strict"}
"""Arguments that `dataclass` and `zip` have since Python 3.10."""


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_one_for_python_3_9(name: str) -> None:
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("dataclass", "zip"):
            assert not NEWER & {keyword.arg for keyword in node.keywords}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            assert not isinstance(node.args[1], ast.BinOp), f"line {node.lineno}: a union as the second argument"
    assert not any(isinstance(node, ast.Match) for node in ast.walk(tree))
    typing = {taken for module, taken in top_imports(tree) if module == "typing"}
    assert not typing & {"Self", "TypeGuard", "assert_never", "override"}
    assert ("datetime", "UTC") not in top_imports(tree)


def test_annotations_are_never_evaluated() -> None:
    """`X | None` in an annotation is no expression of Python 3.9."""
    for name, path in MODULES.items():
        assert ("__future__", "annotations") in top_imports(ast.parse(path.read_text(encoding="utf-8"))), name


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_numpy_and_its_runtime_alone(name: str) -> None:
    allowed = {"numpy", "tiernas", *sys.stdlib_module_names}
    for engine in RUNTIMES:
        if name.startswith((f"tiernas.engines.{engine}.", f"tiernas.standalone.loaders.{engine}")):
            allowed.add(engine)
    imports = list(top_imports(ast.parse(MODULES[name].read_text(encoding="utf-8"))))
    assert {module.partition(".")[0] for module, _ in imports} <= allowed


@pytest.mark.parametrize("name", MODULES)
def test_no_name_is_taken_from_a_package(name: str) -> None:
    """Packages are empty in the runner."""
    for module, taken in top_imports(ast.parse(MODULES[name].read_text(encoding="utf-8"))):
        path = module_file(module)
        if path is not None and path.name == "__init__.py" and taken is not None:
            assert module_file(f"{module}.{taken}"), f"from {module} import {taken}"


def test_the_clock_is_in_it_and_preparing_is_not() -> None:
    assert {"tiernas.engines.clock.in_turn", "tiernas.engines.timing", "tiernas.engines.lock"} <= MODULES.keys()
    assert not {"tiernas.engines.onnx_file", "tiernas.engines.onnxruntime.qdq", "tiernas.runner.pyz"} & MODULES.keys()
    assert not [name for name in MODULES if name.startswith(("tiernas.networks", "tiernas.plugins"))]


def test_imports_for_type_checkers_and_in_functions_do_not_count() -> None:
    code = """
import a
from b import c
if TYPE_CHECKING:
    import d
if sys.platform == "win32":
    import e
else:
    import f
try:
    import g
except ImportError:
    import h
class K:
    import i
def function():
    import j
"""
    found = [module for module, _ in top_imports(ast.parse(code))]
    assert found == ["a", "b", "e", "f", "g", "h", "i"]


def test_an_old_python_can_read_the_launcher() -> None:
    text = LAUNCHER.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert not any(isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr)) for node in ast.walk(tree))
    assert text.index("version_info") < text.index("import numpy") < text.index("from tiernas")
