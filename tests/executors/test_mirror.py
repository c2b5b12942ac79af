from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tiernas.errors import UsageError
from tiernas.executors import EpochDone, Event, Finished
from tiernas.executors.mirror import CheckpointMirror, local_copy, remove_checkpoints
from tiernas.executors.run import run
from tiernas.testing.executors import light_job
from tiernas.training import load_trained
from tiernas.training.checkpoint import CURRENT, WEIGHTS


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"memory://{uuid.uuid4().hex}/1" if request.param == "memory" else f"file://{tmp_path}/remote/1"


def write(mirror: CheckpointMirror, epochs: int) -> None:
    (mirror.folder / CURRENT).write_bytes(b"epoch %d" % epochs)
    mirror.save(epochs)


def newest(url: str) -> bytes | None:
    with local_copy(url) as folder:
        path = folder / CURRENT
        return path.read_bytes() if path.exists() else None


def stored(url: str, suffix: str) -> list[str]:
    filesystem, root = fsspec.core.url_to_fs(url)
    return sorted(name for name in filesystem.ls(root, detail=False) if name.endswith(suffix))


def cut(url: str, name: str) -> None:
    filesystem, _ = fsspec.core.url_to_fs(url)
    filesystem.pipe_file(name, filesystem.cat_file(name)[:3])


def test_the_newest_whole_checkpoint_comes_back_and_two_are_kept(url: str) -> None:
    assert newest(url) is None
    with CheckpointMirror(url) as mirror:
        for epochs in (1, 2, 3):
            write(mirror, epochs)
    assert newest(url) == b"epoch 3"
    assert len(stored(url, ".safetensors")) == 2


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_truncated_file_is_not_used_but_the_one_before_it(url: str, suffix: str) -> None:
    with CheckpointMirror(url) as mirror:
        write(mirror, 1)
        write(mirror, 2)
    cut(url, stored(url, suffix)[-1])
    assert newest(url) == b"epoch 1"
    cut(url, stored(url, suffix)[0])
    assert newest(url) is None


def test_a_file_without_its_note_is_not_used(url: str) -> None:
    with CheckpointMirror(url) as mirror:
        write(mirror, 1)
        write(mirror, 2)
    filesystem, _ = fsspec.core.url_to_fs(url)
    filesystem.rm_file(stored(url, ".json")[-1])
    assert newest(url) == b"epoch 1"


def damage(url: str, name: str) -> None:
    """Changes a byte and leaves the size."""
    filesystem, _ = fsspec.core.url_to_fs(url)
    content = bytearray(filesystem.cat_file(name))
    content[-1] ^= 1
    filesystem.pipe_file(name, bytes(content))


def write_weights(mirror: CheckpointMirror) -> None:
    (mirror.folder / WEIGHTS).write_bytes(b"weights")
    mirror.finish()


def test_damaged_weights_are_stored_anew_and_only_then_all_else_is_removed(url: str) -> None:
    with CheckpointMirror(url) as mirror:
        write(mirror, 1)
        write(mirror, 2)
        write_weights(mirror)
    (whole,) = stored(url, ".safetensors")
    damage(url, whole)
    with CheckpointMirror(url) as mirror:
        assert not (mirror.folder / WEIGHTS).exists()
        write(mirror, 1)
        assert len(stored(url, ".safetensors")) == 2, "nothing has taken the place of the damaged weights yet"
        write_weights(mirror)
    (anew,) = stored(url, ".safetensors")
    assert anew != whole
    assert len(stored(url, ".json")) == 1
    with local_copy(url) as folder:
        assert (folder / WEIGHTS).read_bytes() == b"weights"
    with CheckpointMirror(url) as mirror:
        mirror.finish()
    assert stored(url, ".safetensors") == [anew], "what is whole was stored again"


def test_what_storage_does_not_give_back_takes_nobodys_place(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem, _ = fsspec.core.url_to_fs(url)
    put = type(filesystem).put_file

    def broken(self: Any, local: str, remote: str, **more: Any) -> None:
        put(self, local, remote, **more)
        damage(url, remote)

    with CheckpointMirror(url) as mirror:
        write(mirror, 1)
        monkeypatch.setattr(type(filesystem), "put_file", broken)
        with pytest.raises(OSError, match="does not return what was written"):
            write_weights(mirror)
        monkeypatch.setattr(type(filesystem), "put_file", lambda self, local, remote: self.pipe_file(remote, b"x"))
        with pytest.raises(OSError, match="has 1 of 7 bytes"):
            write(mirror, 2)
    assert newest(url) == b"epoch 1"


def test_a_damaged_checkpoint_is_not_kept_in_the_place_of_a_whole_one(url: str) -> None:
    with CheckpointMirror(url) as mirror:
        write(mirror, 1)
        write(mirror, 2)
    damage(url, stored(url, ".safetensors")[-1])
    with CheckpointMirror(url) as mirror:
        assert (mirror.folder / CURRENT).read_bytes() == b"epoch 1"
        write(mirror, 2)
    assert len(stored(url, ".safetensors")) == 2
    damage(url, stored(url, ".safetensors")[-1])
    assert newest(url) == b"epoch 1"


def test_what_a_killed_writer_left_is_removed_when_there_is_something_newer(url: str) -> None:
    filesystem, root = fsspec.core.url_to_fs(url)
    with CheckpointMirror(url) as mirror:
        write(mirror, 1)
        filesystem.pipe_file(f"{root}/checkpoint-000002-dead.safetensors", b"half")
    with CheckpointMirror(url) as mirror:
        filesystem.pipe_file(f"{root}/checkpoint-000002-live.safetensors", b"of one who writes it now")
        assert len(stored(url, ".safetensors")) == 3
        write(mirror, 2)
        assert not [name for name in stored(url, ".safetensors") if "dead" in name]
        assert [name for name in stored(url, ".safetensors") if "live" in name]


def test_checkpoints_beyond_a_rung_are_not_fetched(url: str) -> None:
    with CheckpointMirror(url) as mirror:
        write(mirror, 2)
        write(mirror, 3)
    with CheckpointMirror(url, last_epoch=2) as mirror:
        assert (mirror.folder / CURRENT).read_bytes() == b"epoch 2"
    with CheckpointMirror(url, last_epoch=1) as mirror:
        assert not (mirror.folder / CURRENT).exists()
        write(mirror, 1)
        assert newest(url) == b"epoch 1"
    with CheckpointMirror(url) as mirror:
        write_weights(mirror)
    with CheckpointMirror(url, last_epoch=2) as mirror:
        assert not list(mirror.folder.iterdir())


def test_an_interrupted_training_continues_from_a_url(url: str, tmp_path: Path) -> None:
    class KilledError(BaseException):
        pass

    def killed_after_two(event: Event) -> None:
        if event == EpochDone(1, 2):
            raise KilledError

    events: list[Event] = []
    job = light_job(tmp_path, epochs=3)
    run(job, events.append)
    away = replace(job, checkpoint_dir=url)
    with pytest.raises(KilledError):
        run(away, killed_after_two)
    continued: list[Event] = []
    run(away, continued.append)
    epoch, finished = continued
    assert epoch == EpochDone(1, 3)
    assert isinstance(finished, Finished)
    assert isinstance(events[-1], Finished)
    assert finished.accuracy == events[-1].accuracy
    with local_copy(url) as folder:
        load_trained(folder)
    assert len(stored(url, ".safetensors")) == 1, "its checkpoints are still there"
    remove_checkpoints(url)
    remove_checkpoints(url)
    assert newest(url) is None


def test_a_note_of_something_else_is_passed_over(url: str) -> None:
    filesystem, root = fsspec.core.url_to_fs(url)
    filesystem.makedirs(root, exist_ok=True)
    filesystem.pipe_file(f"{root}/checkpoint.json", b"{}")
    with CheckpointMirror(url, last_epoch=2) as mirror:
        assert not (mirror.folder / CURRENT).exists()
        write(mirror, 1)
    assert newest(url) == b"epoch 1"


def test_folders_are_what_they_are(tmp_path: Path) -> None:
    with local_copy(str(tmp_path)) as folder:
        assert folder == tmp_path
    (tmp_path / "1").mkdir()
    remove_checkpoints(str(tmp_path / "1"))
    assert not (tmp_path / "1").exists()


@pytest.mark.parametrize("url", ["nonsense://ann:s3 c'ret@host/x", "nonsense://host/x?token=s3 c'ret&n=1"])
def test_no_password_of_a_url_is_shown(url: str) -> None:
    with pytest.raises(UsageError, match=r"checkpoints nonsense://.*host/x") as caught:
        CheckpointMirror(url)
    assert "c'ret" not in str(caught.value)


@pytest.mark.parametrize(("url", "words"), [("dropbox://x", "dropboxdrivefs"), ("nonsense://x", "nonsense")])
def test_no_way_to_a_url(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        CheckpointMirror(url)
