from __future__ import annotations

import logging
import os
import resource
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tiernas.engines.tensorrt.cache import CacheKey, TrtCache, default_folder

KEY = CacheKey("engine", "tensorrt", "11.4.0.106", "NVIDIA L4 sm_89", "abc")


@pytest.fixture
def cache(tmp_path: Path) -> TrtCache:
    return TrtCache(tmp_path / "cache")


def made() -> bytes:
    return b"made again"


def must_not_be_made() -> bytes:
    raise AssertionError("was made although it is in the cache")


def test_what_was_made_is_not_made_again(cache: TrtCache) -> None:
    assert cache.get_or_make(KEY, made) == b"made again"
    assert cache.get_or_make(KEY, must_not_be_made) == b"made again"


@pytest.mark.parametrize(
    ("other", "told"),
    [({"version": "10.12.0.36"}, "was made for version 10.12.0.36"), ({"device": "NVIDIA T4 sm_75"}, None)],
)
def test_what_another_version_or_device_made_is_not_used(
    cache: TrtCache, caplog: pytest.LogCaptureFixture, other: dict[str, str], told: str | None
) -> None:
    caplog.set_level(logging.INFO)
    cache.put(replace(KEY, **other), b"old")
    assert cache.get_or_make(KEY, made) == b"made again"
    assert [told in message for message in caplog.messages if told] == ([True] if told else [])
    assert cache.get_or_make(KEY, must_not_be_made) == b"made again"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda whole: whole[:-3], "is truncated to 2997 of 3000 bytes"),
        (lambda whole: whole[:-1] + b"x", "is damaged"),
        (lambda whole: b"", "is not a file of this cache"),
        (lambda whole: b"[1, 2]\n", "is not a file of this cache"),
        (lambda whole: whole.replace(b'"device"', b'"divice"'), "is not a file of this cache"),
    ],
)
def test_a_damaged_file_is_made_again_with_one_line(  # type: ignore[no-untyped-def]
    cache: TrtCache, caplog: pytest.LogCaptureFixture, damage, told: str
) -> None:
    caplog.set_level(logging.INFO)
    cache.put(KEY, b"e" * 3000)
    path = cache.path(KEY)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get_or_make(KEY, made) == b"made again"
    assert [told in message for message in caplog.messages] == [True]


def test_a_full_disk_is_one_warning_and_leaves_nothing_half_written(
    cache: TrtCache, caplog: pytest.LogCaptureFixture
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # no file may become larger
    try:
        assert cache.get_or_make(KEY, lambda: b"e" * 20_000) == b"e" * 20_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ["cannot store TensorRT engine" in message for message in caplog.messages] == [True]
    assert [path.suffix for path in cache.folder.iterdir()] == [".lock"]


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert TrtCache(tmp_path / "file" / "cache").get_or_make(KEY, made) == b"made again"
    assert len(caplog.messages) == 1


def test_what_was_unused_longest_goes_first(cache: TrtCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiernas.engines.tensorrt.cache._GREATEST_BYTES", 3000)
    keys = [replace(KEY, network=str(i)) for i in range(3)]
    for age, key in enumerate(keys[:2]):
        cache.put(key, b"e" * 1000)
        os.utime(cache.path(key), (1000 + age, 1000 + age))
    assert cache.get(keys[0]) is not None  # used now
    cache.put(keys[2], b"e" * 1000)
    assert [cache.get(key) is not None for key in keys] == [True, False, True]


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "tiernas" / "tensorrt"
    monkeypatch.setenv("HOME", str(tmp_path))
    for not_a_full_path in ("", "cache"):
        monkeypatch.setenv("XDG_CACHE_HOME", not_a_full_path)
        assert default_folder() == tmp_path / ".cache" / "tiernas" / "tensorrt"


class CacheStates(RuleBasedStateMachine):
    """Whatever happens to the files: the cache gives what was put last, or nothing, and never anything else."""

    keys = st.sampled_from([replace(KEY, version=v, network=n) for v in ("10.12", "11.4") for n in ("a", "b")])

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.cache = TrtCache(Path(self._folder.name))
        self.put_last: dict[CacheKey, bytes] = {}

    def teardown(self) -> None:
        self._folder.cleanup()

    @rule(key=keys, content=st.binary(max_size=64))
    def put(self, key: CacheKey, content: bytes) -> None:
        self.cache.put(key, content)
        self.put_last[key] = content
        assert self.cache.get(key) == content

    @rule(key=keys, content=st.binary(max_size=64))
    def get_or_make(self, key: CacheKey, content: bytes) -> None:
        kept = self.cache.get(key)
        found = self.cache.get_or_make(key, lambda: content)
        assert found == (content if kept is None else kept)
        self.put_last[key] = found

    @rule(key=keys, share=st.floats(0, 1))
    def truncate(self, key: CacheKey, share: float) -> None:
        path = self.cache.path(key)
        if path.exists():
            os.truncate(path, int(share * path.stat().st_size))

    @rule(key=keys, place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
    def flip_a_bit(self, key: CacheKey, place: float, bit: int) -> None:
        path = self.cache.path(key)
        if path.exists() and path.stat().st_size:
            whole = bytearray(path.read_bytes())
            whole[int(place * len(whole))] ^= 1 << bit
            path.write_bytes(whole)

    @rule(key=keys, other=keys)
    def copy_over(self, key: CacheKey, other: CacheKey) -> None:
        if self.cache.path(key).exists():
            self.cache.path(other).write_bytes(self.cache.path(key).read_bytes())

    @rule(key=keys)
    def delete(self, key: CacheKey) -> None:
        self.cache.path(key).unlink(missing_ok=True)

    @invariant()
    def gives_what_was_put_or_nothing(self) -> None:
        for n in ("a", "b"):
            for v in ("10.12", "11.4"):
                key = replace(KEY, version=v, network=n)
                assert self.cache.get(key) in (None, self.put_last.get(key))


TestCacheStates = CacheStates.TestCase
TestCacheStates.settings = settings(max_examples=25, stateful_step_count=20, deadline=None, derandomize=True)
