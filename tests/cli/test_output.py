"""What commands write to the terminal, whatever the terminal and the libraries do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.minimal import MINIMAL

from tiernas.cli.environment import prepare
from tiernas.networks import build
from tiernas.table import ModelTable
from tiernas.testing.entries import SPACE, VECTOR, entry

LOGS = """
import logging
logging.basicConfig(format="root %(message)s")
from tiernas.cli.output import log_to_stderr
log_to_stderr()
log_to_stderr()
logging.getLogger("tiernas.search").info("once")
logging.getLogger("other").warning("of another library")
"""


def test_a_line_of_the_log_comes_once() -> None:
    err = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, text=True, check=True).stderr
    assert err.count("once") == 1
    assert "root of another library" in err


@pytest.mark.parametrize(
    "locale",
    [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}],
)
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_names_that_are_not_ascii_in_any_locale(tmp_path: Path, locale: dict[str, str], more: tuple[str, ...]) -> None:
    ModelTable(tmp_path / "model-table").add(entry("a", device="Gerät 中"), build(SPACE.decode(VECTOR), 3))
    words = [sys.executable, "-m", "tiernas", "table", "list", *more]
    ended = subprocess.run(words, capture_output=True, cwd=tmp_path, env={**os.environ, "COLUMNS": "200", **locale})
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"0.9" in ended.stdout or b"90.00%" in ended.stdout


def test_a_message_that_the_terminal_cannot_show_is_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "für.toml").write_text(MINIMAL.replace('"mine"', '"für"'), "utf-8")
    words = [sys.executable, "-m", "tiernas", "status", "für.toml"]
    ended = subprocess.run(words, capture_output=True, cwd=tmp_path, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert ended.returncode == 2
    assert rb"tiernas: f\xfcr.toml: study.name = 'f\xfcr'" in ended.stderr


@pytest.mark.parametrize("home", ["/dev/null/home", "no/full/path"])
def test_a_home_that_cannot_be_written(tmp_path: Path, home: str) -> None:
    """As root every folder can be written: below a file none can be made."""
    code = "from tiernas.cli.environment import prepare; prepare(); import matplotlib.pyplot; "
    code += "import os; print(os.environ.get('XDG_CACHE_HOME'))"
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "MPL", "HOME"))}
    environment |= {"TMPDIR": str(tmp_path), "HOME": home}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith(str(tmp_path))
    assert not list(tmp_path.iterdir()), "the temporary folder is gone"


def test_a_home_that_can_be_written_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "new"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    prepare()
    assert "XDG_CACHE_HOME" not in os.environ
    assert not (tmp_path / "new").exists(), "nothing is written before it is needed"


def test_onnx_runtime_reports_nothing_and_leaves_the_home_alone(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "ORT_"))}
    code = "import tiernas, onnxruntime"
    subprocess.run([sys.executable, "-c", code], check=True, env=environment | {"HOME": str(tmp_path)})
    assert not list(tmp_path.iterdir())
