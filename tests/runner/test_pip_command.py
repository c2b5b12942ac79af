from __future__ import annotations

import shlex
import sys
import sysconfig
from pathlib import Path

import pytest

from tiernas.runner.pip_command import pip_command


def test_it_installs_for_the_python_that_runs() -> None:
    assert pip_command("onnxruntime") == f"{sys.executable} -m pip install onnxruntime"


def test_a_system_that_manages_its_packages_gets_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "EXTERNALLY-MANAGED").write_text("")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "my cache"))
    make, install = (shlex.split(part) for part in pip_command("onnxruntime").split("&&"))
    folder = str(tmp_path / "my cache" / "tiernas" / "runner" / "venv")
    assert make == ["/usr/bin/python3", "-m", "venv", folder]
    assert install == [f"{folder}/bin/pip", "install", "numpy", "onnxruntime"]
    assert pip_command("numpy").endswith("pip' install numpy")
