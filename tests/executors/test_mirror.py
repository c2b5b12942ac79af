from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from tiernas.errors import UsageError
from tiernas.executors import EpochDone, Event, Finished
from tiernas.executors.mirror import CheckpointMirror, local_copy, remove_checkpoints
from tiernas.executors.run import run
from tiernas.testing.executors import light_job
from tiernas.training import load_trained
from tiernas.training.checkpoint import CURRENT


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


def test_folders_are_what_they_are(tmp_path: Path) -> None:
    with local_copy(str(tmp_path)) as folder:
        assert folder == tmp_path
    (tmp_path / "1").mkdir()
    remove_checkpoints(str(tmp_path / "1"))
    assert not (tmp_path / "1").exists()


@pytest.mark.parametrize(("url", "words"), [("dropbox://x", "dropboxdrivefs"), ("nonsense://x", "nonsense")])
def test_no_way_to_a_url(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        CheckpointMirror(url)
