"""What is imported on first use: all of it is there, and quick commands do without the slow libraries."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import tiernas

ROOT = Path(tiernas.__file__).parent
PACKAGES = [".".join(path.parent.relative_to(ROOT.parent).parts) for path in sorted(ROOT.rglob("__init__.py"))]
SLOW = {"matplotlib", "onnx", "openvino", "pandas", "ray", "scipy", "sklearn", "tensorboard", "torch"}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", []):
        public = getattr(module, name)
        if callable(public):  # not the module of the same name
            assert public.__module__.startswith("tiernas.")


@pytest.mark.parametrize(
    "names",
    ["tiernas.config load_config", "tiernas.status read_status", "tiernas.table ModelTable", "tiernas.tiers Tier"],
)
def test_status_and_queries_import_nothing_slow(names: str) -> None:
    package, name = names.split()
    assert not SLOW & imported_by(f"from {package} import {name}")


def test_estimates_need_neither_torch_nor_an_engine() -> None:
    assert not imported_by("from tiernas.latency import LatencyTable") & (SLOW - {"scipy"})


@pytest.mark.parametrize(
    "words",
    [
        "tiers --edges 0.4,0.2",
        "latency build --engine tpu",
        "latency check --engine tpu",
        "latency measure gpunet_0 --engine tpu",
        "table query --max-latency-ms fast",
        "table add",
        "table add --released --engine tpu",
        "search nothing.toml",
    ],
)
def test_a_bad_call_is_answered_before_anything_slow_is_imported(words: str) -> None:
    code = f"import sys; sys.argv = 'tiernas {words}'.split()\ntry:\n  from tiernas.cli import main; main()"
    assert not SLOW & imported_by(f"{code}\nexcept SystemExit as end:\n  assert end.code == 2\nprint()")


def test_a_worker_imports_nothing_slow_but_torch() -> None:
    assert SLOW & imported_by("import tiernas.executors.run") == {"torch"}


def test_a_worker_can_say_that_it_lives_before_anything_slow_is_imported() -> None:
    assert not SLOW & imported_by("import tiernas.executors.worker")


def imported_by(code: str) -> set[str]:
    code += "; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
