"""Relative paths of a configuration: against what they are taken, and what is said about it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from tests.minimal import MINIMAL

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError

PATHS = (
    MINIMAL.replace('kind = "digits"', 'kind = "folder"\npath = "photos"').replace(
        'output = "runs/mine"', 'output = "runs/mine"\ncheckpoints = "kept"\nledger = "sqlite:///all.sqlite"'
    )
    + """
[latency]
table = "device.jsonl"

[search]
reuse = ["runs/other", "../more"]

[table]
path = "models"

[recipe.teacher]
kind = "entry"
path = "models/best"
"""
)


def found(config: SearchConfig) -> list[str]:
    teacher = config.recipe.teacher
    assert teacher is not None
    return [
        *map(str, (config.study.output, config.checkpoints, config.ledger, config.data.path)),
        *map(str, (config.latency_table_path, *config.search.reuse, config.table.path, teacher.path)),
    ]


def under(folder: Path) -> list[str]:
    names = ("runs/mine", "kept", "photos", "device.jsonl", "runs/other", "models", "models/best")
    output, kept, photos, device, other, models, best = (str(folder / name) for name in names)
    more = str(folder.parent / "more")
    return [output, kept, f"sqlite:///{folder}/all.sqlite", photos, device, other, more, models, best]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; the file is in another one, `project`."""
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "mine.toml").write_text(PATHS)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "elsewhere"


@pytest.mark.parametrize("name", ["../project/mine.toml", "{project}/mine.toml"])
def test_a_relative_path_is_relative_to_the_file(elsewhere: Path, name: str) -> None:
    project = elsewhere.parent / "project"
    assert found(load_config(Path(name.format(project=project)))) == under(project)


def test_what_is_only_in_the_working_directory_is_taken_and_told(
    elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("runs/mine", "kept", "all.sqlite", "photos", "device.jsonl", "runs/other", "models/best", "../more"):
        (elsewhere / name).mkdir(parents=True)
    with caplog.at_level(logging.WARNING, "tiernas"):
        config = load_config(Path("../project/mine.toml"))
    assert found(config) == [*under(elsewhere)[:-1], "models/best"], "the teacher as the recipe of older ledgers has it"
    assert len(caplog.messages) == 8, "all but ../more, which is the same from both"
    assert f"study.output is {elsewhere}/runs/mine, in the working directory" in caplog.messages[0]
    assert "write ../elsewhere/runs/mine to keep this one" in caplog.messages[0]


def test_of_two_that_exist_the_one_beside_the_file_is_taken_and_both_are_named(
    elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = elsewhere.parent / "project"
    for folder in (elsewhere, project):
        (folder / "photos").mkdir()
    with caplog.at_level(logging.WARNING, "tiernas"):
        assert load_config(Path("../project/mine.toml")).data.path == project / "photos"
    (message,) = caplog.messages
    assert f"data.path is {project}/photos, next to the file; there is another one, {elsewhere}/photos" in message


def test_what_is_set_in_the_call_is_relative_to_the_working_directory(elsewhere: Path) -> None:
    sets = ["study.output=out", "data.path=~/photos", 'recipe.teacher={kind="entry", path="best"}']
    config = load_config(Path("../project/mine.toml"), sets)
    assert config.study.output == elsewhere / "out"
    assert config.data.path == Path("~/photos").expanduser()
    assert config.recipe.teacher is not None
    assert config.recipe.teacher.path == Path("best")


def test_the_path_of_a_linked_file_is_relative_to_the_link(elsewhere: Path) -> None:
    (elsewhere / "link").symlink_to(elsewhere.parent / "project")
    assert load_config(Path("link/mine.toml")).search.reuse[1] == elsewhere / "more"


def test_urls_are_left_as_they_are(elsewhere: Path) -> None:
    sets = ["study.checkpoints=s3://bucket/mine", "study.ledger=sqlite:////data/all.sqlite"]
    config = load_config(Path("../project/mine.toml"), sets)
    assert (config.checkpoints, config.ledger) == ("s3://bucket/mine", "sqlite:////data/all.sqlite")


@pytest.mark.parametrize("key", ["study.output", "data.path", "latency.table", "table.path"])
def test_a_url_in_the_place_of_a_path_is_refused(elsewhere: Path, key: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(Path("../project/mine.toml"), [f"{key}=sftp://me:hidden@host/folder"])
    assert f"{key} = 'sftp://me:***@host/folder': is a URL" in str(caught.value)


def test_a_name_with_a_colon_is_a_name(elsewhere: Path) -> None:
    file = elsewhere.parent / "project" / "mine.toml"
    file.write_text(PATHS.replace("runs/mine", "run:1"))
    assert load_config(file).study.output == file.parent / "run:1"
