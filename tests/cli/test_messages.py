"""What a terminal gets, whatever it can show, and what nobody may see."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.minimal import write_minimal

from tiernas.ledger import Ledger


def run(*words: str | Path, encoding: str = "utf-8", **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tiernas", *map(str, words)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": encoding, **environment},
        check=False,
    )
    return done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding)


@pytest.mark.parametrize("url", ["postgres:/ann:s3cret@host/db", "postgresql+foo://ann:s3cret@host/db"])
def test_a_mistyped_url_of_a_ledger_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    code, out, err = run("status", write_minimal(tmp_path), "--set", f"study.ledger='{url}'")
    assert code == 2
    assert "s3cret" not in out + err
    assert "study.ledger" in err
    assert "postgresql://USER@HOST:PORT/DATABASE" in err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.slow
def test_the_url_of_checkpoints_is_shown_without_its_password(tmp_path: Path) -> None:
    url = "nonsense://ann:s3cret@host/x?token=s3cret"
    code, _, err = run("search", write_minimal(tmp_path), "--set", f"study.checkpoints='{url}'")
    assert code == 2
    assert "checkpoints nonsense://" in err
    assert "s3cret" not in err


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_reason_is_shown_on_any_terminal(tmp_path: Path, encoding: str) -> None:
    path = write_minimal(tmp_path)
    (tmp_path / "run").mkdir()
    with Ledger(tmp_path / "run" / "ledger.sqlite") as ledger:
        candidate = ledger.propose(ledger.open_study("0.2-0.4", {}), [1], "digest", 0.3)
        ledger.start(candidate, "host:1")
        ledger.fail(candidate, "größe \udce9 [/red] sftp://ann:s3cret@host", retry=False)
    code, out, err = run("status", path, encoding=encoding, COLUMNS="200")
    assert (code, err) == (0, "")
    size = "größe" if encoding == "utf-8" else r"gr\xf6\xdfe"
    assert rf"{size} \udce9 [/red] sftp://ann:***@host" in out
    code, out, _ = run("status", path, "--json", encoding=encoding)
    assert json.loads(out)["failures"][0]["reason"] == r"größe \udce9 [/red] sftp://ann:***@host"


def test_a_name_that_is_no_utf8_is_shown(tmp_path: Path) -> None:
    code, _, err = run("status", os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.toml"))
    assert code == 2
    assert r"caf\udce9.toml" in err
