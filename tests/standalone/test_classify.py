"""The program of an export, run as a user runs it: as a process, where neither torch nor tiernas is installed."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import venv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from tiernas.engines import get_engine
from tiernas.networks import Network, build
from tiernas.standalone.classify import Classifier
from tiernas.standalone.preprocessing import square
from tiernas.table import ModelTable, export
from tiernas.testing.deployed import add_deployed
from tiernas.testing.executors import LIGHT
from tiernas.training import DataConfig, RecipeConfig, Splits, load_data, load_trained, train

ENGINES = [
    ("openvino", "fp32"),
    ("openvino", "int8"),
    ("openvino", "bf16"),
    ("onnxruntime", "fp32"),
    ("onnxruntime", "int8"),
]
PACKAGES = ("numpy", "pillow", "onnxruntime", "openvino")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Handwritten digits as PNG files, a fifth of them the test part."""
    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for row, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        folder = root / ("test" if row % 5 == 0 else "train") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).astype(np.uint8)).save(folder / f"{row:04}.png")
    return root


@pytest.fixture(scope="module")
def splits(photos: Path) -> Splits:
    return load_data(DataConfig(kind="folder", path=photos))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that can import the runtimes, numpy and Pillow, and nothing else."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, symlinks=True)
    site = next(home.glob("lib/python*/site-packages"))
    for package in PACKAGES:
        distribution = importlib.metadata.distribution(package)
        tops = {Path(str(file)).parts[0] for file in distribution.files or () if ".." not in file.parts}
        for top in tops - {"__pycache__"}:
            (site / top).symlink_to(str(distribution.locate_file(top)))
    return home / "bin" / "python"


def run(python: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    command = [str(python), str(folder / "classify.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean)


@pytest.mark.slow
def test_the_program_finds_the_accuracy_of_the_entry_without_torch_and_tiernas(
    photos: Path, splits: Splits, python: Path, tmp_path: Path
) -> None:
    for module in ("torch", "tiernas", "scipy"):
        assert subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 1
    train(LIGHT, splits, RecipeConfig(epochs=2), seed=0, checkpoint_dir=tmp_path / "trained")
    network = load_trained(tmp_path / "trained")
    table = ModelTable(tmp_path / "table")
    files = sorted((photos / "test").glob("*/*.png"))
    assert len(files) == len(splits.test) == 360
    found = {}
    for name, precision in ENGINES:
        if precision not in type(get_engine(name)).precisions():
            continue
        entry = add_deployed(table, f"{name}-{precision}", network, splits, name, precision, batch=7)
        out = tmp_path / entry.name
        export(table, entry, out)
        ran = run(python, out, "--json", *files)
        assert (ran.returncode, ran.stderr) == (0, "")
        answers = json.loads(ran.stdout)
        right = sum(answer["class"] == file.parent.name for answer, file in zip(answers, files, strict=True))
        assert right == round(entry.accuracy * 360)
        found[entry.name] = right
    assert len(found) >= 4
    assert min(found.values()) > 180  # it has learnt


@pytest.fixture(scope="module")
def exported(splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights, exported for ONNX Runtime at batch 2."""
    root = tmp_path_factory.mktemp("exported")
    table = ModelTable(root / "table")
    network = build(LIGHT, 10).eval()
    assert isinstance(network, Network)
    export(table, add_deployed(table, "net", network, splits, "onnxruntime", "fp32", batch=2), root / "out")
    return root / "out"


def test_files_that_are_no_images_are_named_and_the_others_classified(
    python: Path, exported: Path, photos: Path, tmp_path: Path
) -> None:
    good = sorted((photos / "test" / "3").glob("*.png"))[:3]
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "cut.png").write_bytes(good[0].read_bytes()[:60])
    Image.new("RGB", (8, 8)).save(tmp_path / "odd.dds")
    odd = bytearray((tmp_path / "odd.dds").read_bytes())
    odd[80] = 145  # flags of the pixel format, for which Pillow raises what no other format does
    (tmp_path / "odd.dds").write_bytes(odd)
    bad = [tmp_path / "none.png", tmp_path / "text.png", tmp_path / "cut.png", tmp_path, tmp_path / "odd.dds"]
    ran = run(python, exported, "--top", 3, good[0], *bad, *good[1:])
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    lines = ran.stderr.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [str(path) for path in bad]
    assert lines[0].endswith("there is no such file")
    assert lines[1].endswith("is not an image of a known format")
    assert lines[3].endswith("is a folder; give image files")
    assert lines[4].endswith("cannot be read (Unknown pixel format flags 145)")
    told = ran.stdout.splitlines()
    assert [line.partition(": ")[0] for line in told] == [str(path) for path in good]
    assert all(line.count("%") == 3 for line in told)
    document = json.loads(run(python, exported, "--json", "--top", 20, bad[0], good[0]).stdout)
    assert document[0] == {"file": str(bad[0]), "error": "there is no such file"}
    probabilities = [best["probability"] for best in document[1]["top"]]
    assert len(probabilities) == 10
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "message"), [((), "give image files"), (("--top", "0", "a.png"), "--top 0: must be at least 1")]
)
def test_a_wrong_call_is_one_message(python: Path, exported: Path, arguments: tuple[str, ...], message: str) -> None:
    ran = run(python, exported, *arguments)
    assert ran.returncode == 2
    assert message in ran.stderr


def test_the_check_runs_on_the_kept_images(python: Path, exported: Path) -> None:
    ran = run(python, exported, "--check")
    assert ran.returncode == 0
    assert json.loads(ran.stdout) == {"images": 48, "same_class": 48, "largest_difference": pytest.approx(0, abs=1e-5)}


def images() -> dict[str, Image.Image]:
    rng = np.random.default_rng(0)
    colours = Image.fromarray(rng.integers(0, 256, (20, 31, 4), dtype=np.uint8))
    deep = Image.fromarray(rng.integers(0, 65536, (20, 31), dtype=np.uint16))
    return {mode: colours.convert(mode) for mode in ("RGB", "RGBA", "P", "L", "LA")} | {"I;16": deep}


@pytest.mark.parametrize("mode", images())
def test_a_file_has_the_pixels_of_training(mode: str, exported: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / part / label).mkdir(parents=True)
            for row in range(3):
                images()[mode].rotate(90 * row, expand=True).save(tmp_path / part / label / f"{row}.png")
    config: dict[str, Any] = {"kind": "folder", "path": tmp_path, "image_size": 8}
    test = load_data(DataConfig(**config)).test
    files = sorted((tmp_path / "test").glob("*/*.png"))
    classifier = Classifier(exported)
    for row, file in enumerate(files):
        pixels = classifier.pixels(file)
        assert pixels.shape == (8, 8, 3)
        np.testing.assert_array_equal(pixels, test.images[row].permute(1, 2, 0).numpy())
        np.testing.assert_array_equal(pixels, np.asarray(square(Image.open(file), 8)))
