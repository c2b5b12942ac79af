"""What an export replaces, removes and leaves alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tiernas.errors import UsageError
from tiernas.table.exporting.destination import CHECKSUMS, checksums, moved, staged


def written(folder: Path, contents: Mapping[str, str], name: str = "net", *, force: bool = False) -> None:
    """Exports files with these contents, as `export` does."""
    with staged(folder) as new:
        for each, content in contents.items():
            (new / each).parent.mkdir(parents=True, exist_ok=True)
            (new / each).write_text(content)
        digests = {each: hashlib.sha256(content.encode()).hexdigest() for each, content in contents.items()}
        facts = json.dumps({"name": name, "files": digests})
        (new / "deploy.json").write_text(facts)
        digests["deploy.json"] = hashlib.sha256(facts.encode()).hexdigest()
        (new / CHECKSUMS).write_text(checksums(digests))
        moved(new, folder, name, force=force)


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_files_that_are_not_part_of_it_any_more_are_removed_with_their_folder(tmp_path: Path) -> None:
    written(tmp_path, {"README.md": "one", "1/model.onnx": "one"})
    written(tmp_path, {"README.md": "two"})
    assert contents(tmp_path).keys() == {"README.md", "deploy.json", CHECKSUMS}
    assert not (tmp_path / "1").exists()


def test_an_edited_file_that_is_not_part_of_it_any_more_stays(tmp_path: Path) -> None:
    written(tmp_path, {"README.md": "one", "1/model.onnx": "one"})
    (tmp_path / "1" / "model.onnx").write_text("edited")
    written(tmp_path, {"README.md": "two"})
    assert contents(tmp_path)["1/model.onnx"] == "edited"


def test_edited_checksums_are_not_replaced(tmp_path: Path) -> None:
    written(tmp_path, {"README.md": "one"})
    (tmp_path / CHECKSUMS).write_text("mine")
    with pytest.raises(UsageError, match=f"{CHECKSUMS} exists already"):
        written(tmp_path, {"README.md": "two"})
    assert contents(tmp_path)["README.md"] == "one"


def test_another_entry_does_not_replace_it(tmp_path: Path) -> None:
    written(tmp_path, {"README.md": "one"})
    with pytest.raises(UsageError, match=r"exists already and is not an unchanged file of an earlier export of other"):
        written(tmp_path, {"README.md": "two"}, "other")


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname"])
def test_nothing_outside_the_folder_is_removed_whatever_its_facts_say(name: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "deploy.json").write_text(json.dumps({"name": "net", "files": {name: digest}}))
    written(tmp_path / "in", {"README.md": "one"})
    assert outside.read_text() == "mine"


def test_nothing_is_written_or_removed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"1/model\.onnx is in a folder that is a link"):
        written(tmp_path / "in", {"1/model.onnx": "one"})
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("facts", ["{", "[]", '{"name": "net"}', '{"name": "net", "files": []}'])
def test_damaged_facts_of_an_earlier_export_make_its_files_foreign(facts: str, tmp_path: Path) -> None:
    (tmp_path / "deploy.json").write_text(facts)
    with pytest.raises(UsageError, match=r"deploy\.json exists already"):
        written(tmp_path, {"README.md": "one"})
    assert contents(tmp_path) == {"deploy.json": facts}


@pytest.mark.parametrize(("there", "message"), [("README.md/mine", "is a folder"), ("1", "1 is not a folder")])
def test_what_cannot_be_replaced_is_told_before_anything_is_written(there: str, message: str, tmp_path: Path) -> None:
    (tmp_path / there).parent.mkdir(exist_ok=True)
    (tmp_path / there).write_text("mine")
    with pytest.raises(UsageError, match=message):
        written(tmp_path, dict.fromkeys(("1/model.onnx", "README.md", "labels.txt"), "one"), force=True)
    assert contents(tmp_path) == {there: "mine"}
