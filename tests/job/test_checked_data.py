"""Nothing is written before the data are checked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tests.minimal import write_minimal

from tiernas.config import load_config
from tiernas.errors import UsageError
from tiernas.job.checked_data import checked_data
from tiernas.spaces import get_space

SPACE = get_space("gpunet-small")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(9):
            Image.new("RGB", (8, 8), (20 * i, len(name), 0)).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def everything(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def test_data_that_are_good_are_kept_for_the_workers(tmp_path: Path, photos: Path) -> None:
    config = load_config(write_minimal(tmp_path), ["data.kind=folder", f"data.path={photos}", "recipe.batch_size=4"])
    assert checked_data(config, SPACE).counts["train"] > 0
    assert list((tmp_path / "run" / "cache").glob("*.pixels"))


@pytest.mark.parametrize("refused", ["missing", "no classes", "damaged", "batch"])
@pytest.mark.parametrize("output", ["run", "some/deep/run"])
def test_data_that_are_refused_leave_nothing(tmp_path: Path, photos: Path, refused: str, output: str) -> None:
    path = {"missing": "nowhere", "no classes": "photos/a"}.get(refused, "photos")
    if refused == "damaged":
        (photos / "a" / "broken.png").write_bytes(b"no image")
    sets = ["data.kind=folder", f"data.path={tmp_path / path}", f"study.output={tmp_path / output}"]
    config = load_config(write_minimal(tmp_path), [*sets, f"recipe.batch_size={4 if refused != 'batch' else 4000}"])
    before = everything(tmp_path)
    with pytest.raises(UsageError):
        checked_data(config, SPACE)
    assert everything(tmp_path) == before


def test_what_was_there_before_stays(tmp_path: Path, photos: Path) -> None:
    sets = ["data.kind=folder", f"data.path={photos}", "recipe.batch_size=4"]
    file = write_minimal(tmp_path)
    checked_data(load_config(file, sets), SPACE)
    before = everything(tmp_path / "run")
    (photos / "a" / "broken.png").write_bytes(b"no image")
    with pytest.raises(UsageError, match=r"broken\.png"):
        checked_data(load_config(file, sets), SPACE)
    assert everything(tmp_path / "run") == before


def test_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(UsageError, match=r"output folder .*run: cannot be written"):
        checked_data(load_config(write_minimal(tmp_path)), SPACE)


def test_growing_images_for_networks_of_one_size_leave_nothing(tmp_path: Path) -> None:
    sets = ["study.space=vit-small", "recipe.start_scale=0.5"]
    with pytest.raises(UsageError, match=r"recipe\.start_scale = 0\.5: .* takes images of one size only"):
        checked_data(load_config(write_minimal(tmp_path), sets), get_space("vit-small"))
    assert not (tmp_path / "run").exists()
