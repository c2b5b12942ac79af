from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest

from tiernas.errors import UsageError
from tiernas.runner.kept import KeptFiles, cache_folder

NESTED: object = []
for _ in range(10_000):
    NESTED = [NESTED]


def keep(kept: KeptFiles, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    kept.receive(io.BytesIO(content), len(content), digest)
    return digest


def test_a_file_is_found_by_its_content(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path / "runner")
    digest = keep(kept, b"network")
    assert kept.path(digest).read_bytes() == b"network"
    assert kept.missing([digest, "0" * 64]) == ["0" * 64]
    assert [path.name for path in (tmp_path / "runner" / "files").iterdir()] == [digest]


def test_the_stream_goes_on_behind_a_file(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    stream = io.BytesIO(b"networkrest")
    with pytest.raises(UsageError, match="arrived damaged"):
        kept.receive(stream, 7, "0" * 64)
    assert stream.read() == b"rest"
    (tmp_path / "file").write_text("")
    stream = io.BytesIO(b"networkrest")
    with pytest.raises(UsageError, match=r"cannot keep a file of 0\.0 MB"):
        KeptFiles(tmp_path / "file").receive(stream, 7, hashlib.sha256(b"network").hexdigest())
    assert stream.read() == b"rest"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open
    monkeypatch.setattr(Path, "open", lambda self, *words, **named: full(*words, **named))
    stream = io.BytesIO(b"networkrest")
    with pytest.raises(UsageError, match="No space left on device"):
        KeptFiles(tmp_path).receive(stream, 7, hashlib.sha256(b"network").hexdigest())
    assert stream.read() == b"rest"


def test_a_file_that_ends_too_early_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(EOFError):
        KeptFiles(tmp_path).receive(io.BytesIO(b"netw"), 7, hashlib.sha256(b"network").hexdigest())
    assert list((tmp_path / "files").iterdir()) == []


def test_the_least_recently_used_files_go_first(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, greatest_bytes=12)
    first, second = keep(kept, b"first"), keep(kept, b"second")
    for age_s, digest in ((100, first), (200, second)):
        os.utime(tmp_path / "files" / digest, (age_s, age_s))
    kept.path(first)  # used again
    third = keep(kept, b"third")
    assert kept.missing([first, second, third]) == [second]


def test_a_file_larger_than_all_may_be_is_kept_alone(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path, greatest_bytes=3)
    small, large = keep(kept, b"abc"), keep(kept, b"larger")
    assert kept.missing([small, large]) == [small]


def test_a_damaged_file_is_missing(tmp_path: Path) -> None:
    kept = KeptFiles(tmp_path)
    digest = keep(kept, b"network")
    (tmp_path / "files" / digest).write_bytes(b"netwerk")
    assert kept.missing([digest]) == [digest]
    with pytest.raises(UsageError, match="send it first"):
        kept.path(digest)


@pytest.mark.parametrize("digest", ["", "../../x", "0" * 63, "G" * 64, None, 1, pytest.param(NESTED, id="nested")])
def test_a_name_that_is_no_digest_is_refused(tmp_path: Path, digest: object) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        KeptFiles(tmp_path).receive(io.BytesIO(b"x"), 1, digest)


def test_the_folder_is_in_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tiernas" / "runner"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "ann"))
    assert cache_folder() == tmp_path / "ann" / ".cache" / "tiernas" / "runner"
