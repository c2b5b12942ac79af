"""The programs of docs/export.md and examples/deploy classify with exported networks."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest
from PIL import Image

from tiernas.standalone.preprocessing import network_input
from tiernas.table import ModelTable, export

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "export.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
ENTRIES = {
    "openvino": "openvino-fp32",
    "onnxruntime": "onnxruntime-fp32",
    "tiernas": "openvino-fp32",
    "model_api": "openvino-fp32",
}
"""The entry that a snippet runs on, by what it imports."""

INSTALLED = {name for name in ENTRIES if importlib.util.find_spec(name) is not None}
"""The Model API needs OpenCV, so nothing here installs it."""

CMAKE = Path(openvino.__file__).parent / "cmake"
LACKING = [name for name in ("cmake", "c++") if shutil.which(name) is None]


@pytest.fixture(scope="module")
def work(deployed: ModelTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a photo and exported networks of any batch size."""
    folder = tmp_path_factory.mktemp("work")
    noise = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "photo.jpg")
    for name in set(ENTRIES.values()):
        export(deployed, deployed.get(name), folder / "deploy" / name, dynamic_batch=True)
    return folder


def run(folder: Path, code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def imported(code: str) -> set[str]:
    """Top-level modules that a snippet imports."""
    return set(re.findall(r"^(?:import|from) (\w+)", code, re.M))


def test_python_on_the_page_runs(work: Path) -> None:
    by_runtime = {(imported(code) & ENTRIES.keys()).pop(): code for code in SNIPPETS}
    assert by_runtime.keys() == ENTRIES.keys()
    said = {name: run(work, by_runtime[name].replace("NAME", ENTRIES[name])) for name in INSTALLED}
    assert said["openvino"] == said["onnxruntime"]
    assert said["openvino"].strip() in {str(digit) for digit in range(10)}
    assert said["tiernas"].startswith("('0', '1'")


def test_the_card_of_an_export_runs(work: Path) -> None:
    folder = work / "deploy" / "onnxruntime-fp32"
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.S)
    shutil.copy(work / "photo.jpg", work / "deploy" / "onnxruntime-fp32" / "photo.jpg")
    assert run(folder, f"{code}\nprint(logits.shape)") == "(1, 10)\n"


@pytest.mark.slow
@pytest.mark.skipif(bool(LACKING), reason=f"{' and '.join(LACKING)} missing: apt-get install cmake g++")
@pytest.mark.skipif(not CMAKE.exists(), reason=f"{CMAKE} is missing: this OpenVINO was installed without its headers")
def test_the_program_in_cpp_finds_the_same_class(work: Path, tmp_path: Path) -> None:
    commands: tuple[list[str | Path], ...] = (
        ["cmake", "-S", ROOT / "examples" / "deploy", "-B", tmp_path, "-D", f"OpenVINO_DIR={CMAKE}"],
        ["cmake", "--build", tmp_path],
    )
    for command in commands:
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout + built.stderr
    network = work / "deploy" / "openvino-fp32" / "openvino-fp32.xml"
    model = openvino.Core().compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found, expected = [], []
    for seed in range(5):
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "image.ppm")
        printed = subprocess.run(
            [tmp_path / "classify", network, tmp_path / "image.ppm"], capture_output=True, text=True, check=True
        )
        found.append(printed.stdout.strip())
        images = network_input(pixels[None], 32, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
        expected.append(str(model(images)[0][0].argmax()))
    assert found == expected
    refused = subprocess.run(
        [tmp_path / "classify", network, ROOT / "README.md"], capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is not a binary PPM" in refused.stderr


def test_links_on_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
