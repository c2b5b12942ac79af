"""References that lead somewhere, and one line for each that does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tiernas.errors import NotInstalledError, UsageError
from tiernas.plugins.reference import UnusableError, imported, module_path, top_module


def test_objects_of_modules_and_of_classes(site: Path) -> None:
    (site / "acme_ok.py").write_text("class Outer:\n    inner = 7\n")
    assert imported("acme_ok:Outer.inner") == 7
    assert imported("os.path:join") is __import__("os").path.join


@pytest.mark.parametrize("reference", ["a:", ":a", "a:b:c", "a b:c", "a/b.py:c", "a.:c", "a:1", "../a:b", ":"])
def test_what_is_no_reference_is_told(reference: str) -> None:
    with pytest.raises(UnusableError, match=r"must be written as package\.module:object"):
        imported(reference)


@pytest.mark.parametrize(
    ("code", "reference", "said"),
    [
        (
            "",
            "acme_nowhere:X",
            "there is no module 'acme_nowhere'; install the package, or start tiernas in the folder",
        ),
        ("", "acme_bad.inner:X", "there is no module 'acme_bad.inner'"),
        ("import acme_missing", "acme_bad:X", "acme_bad needs acme_missing, which is not installed"),
        ("Space = 3", "acme_bad:Spaec", "acme_bad has no 'Spaec'; did you mean 'Space'?"),
        ("class Space: pass", "acme_bad:Space.size", "acme_bad:Space has no 'size'"),
        (
            "x = 1\nx / 0",
            "acme_bad:x",
            "acme_bad cannot be imported: ZeroDivisionError: division by zero (FILE, line 2)",
        ),
        ("raise SystemExit('bye')", "acme_bad:x", "acme_bad cannot be imported: SystemExit: bye (FILE, line 1)"),
        ("raise ValueError", "acme_bad:x", "acme_bad cannot be imported: ValueError (FILE, line 1)"),
        ("x = (", "acme_bad:x", "acme_bad cannot be imported: SyntaxError: '(' was never closed (acme_bad.py, line 1)"),
        (
            "from os import nothing",
            "acme_bad:x",
            "acme_bad cannot be imported: ImportError: cannot import name 'nothing'",
        ),
    ],
)
def test_every_failure_is_one_line(site: Path, code: str, reference: str, said: str) -> None:
    (site / "acme_bad.py").write_text(code)
    with pytest.raises(UnusableError) as caught:
        imported(reference)
    assert said.replace("FILE", str(site / "acme_bad.py")) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_of_a_package_may_be_mistyped(site: Path) -> None:
    (site / "acme_pack").mkdir()
    (site / "acme_pack" / "__init__.py").touch()
    (site / "acme_pack" / "spaces.py").touch()
    with pytest.raises(UnusableError, match=r"no module 'acme_pack\.space'; did you mean 'spaces'\?"):
        imported("acme_pack.space:X")


def test_what_the_module_says_on_purpose_stays(site: Path) -> None:
    (site / "acme_extra.py").write_text(
        "from tiernas.errors import NotInstalledError\nraise NotInstalledError('Acme', 'acme')"
    )
    with pytest.raises(NotInstalledError, match=r"pip install .*\[acme\]"):
        imported("acme_extra:X")


def test_what_a_module_prints_is_no_result(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "acme_loud.py").write_text("print('hello')\nX = 1")
    assert imported("acme_loud:X") == 1
    assert capsys.readouterr() == ("", "hello\n")


def test_the_working_directory_comes_last(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "acme_here.py").write_text("X = 'here'")
    (here / "acme_both.py").write_text("X = 'here'")
    (site / "acme_both.py").write_text("X = 'installed'")
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert imported("acme_both:X") == "installed"
    assert str(here) not in sys.path
    assert imported("acme_here:X") == "here"
    assert sys.path[-1] == str(here)


def test_a_usage_error_is_not_wrapped(site: Path) -> None:
    (site / "acme_usage.py").write_text("from tiernas.errors import UsageError\nraise UsageError('mend this')")
    with pytest.raises(UsageError, match=r"^mend this$"):
        imported("acme_usage:X")


def test_the_files_of_a_module(site: Path) -> None:
    (site / "acme_files").mkdir()
    (site / "acme_files" / "__init__.py").write_text("1 / 0")
    (site / "acme_file.py").write_text("1 / 0")
    assert module_path(top_module("acme_files.inner:X")) == str(site / "acme_files")
    assert module_path("acme_file") == str(site / "acme_file.py")
    assert module_path("acme_nothing") is None
    assert module_path("numpy") is None, "what is installed is installed everywhere"
    assert module_path("json") is None
