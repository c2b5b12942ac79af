"""What is exported is what was measured, whole or not at all."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest

import tiernas.table
from tiernas.artefact import Preprocessing, begin_artefact, digests, write_facts
from tiernas.engines import get_engine
from tiernas.errors import TiernasError, UsageError
from tiernas.networks import export_onnx
from tiernas.standalone.classify import CHECK, FACTS, Classifier, largest_difference
from tiernas.table import Entry, ModelTable, export

RUNTIMES = ("openvino", "onnxruntime", "tensorrt", "tensorrt_rtx")


@pytest.fixture
def table(deployed: ModelTable, tmp_path: Path) -> ModelTable:
    """A copy of it that may be spoilt."""
    shutil.copytree(deployed.path, tmp_path / "table")
    return ModelTable(tmp_path / "table")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_an_int8_entry_of_openvino_is_exported_with_its_quantisation_and_settings(
    deployed: ModelTable, tmp_path: Path
) -> None:
    written = export(deployed, deployed.get("openvino-int8"), tmp_path / "out")
    assert written[0] == tmp_path / "out" / "README.md"
    assert sorted(file.name for file in written) == sorted(files(tmp_path / "out"))
    model = openvino.Core().read_model(tmp_path / "out" / "openvino-int8.xml")
    assert "FakeQuantize" in {node.get_type_name() for node in model.get_ops()}
    properties = json.loads((tmp_path / "out" / FACTS).read_text())["network"]["options"]["properties"]
    assert properties["INFERENCE_PRECISION_HINT"] == "f32"
    assert properties["INFERENCE_NUM_THREADS"] == 1
    plain = onnx.load(tmp_path / "out" / "openvino-int8.plain-fp32.onnx")
    assert not {"QuantizeLinear", "FakeQuantize"} & {node.op_type for node in plain.graph.node}
    readme = written[0].read_text()
    assert '"INFERENCE_PRECISION_HINT": "f32"' in readme
    assert "pip install 'openvino==" in readme


def test_an_int8_entry_of_onnx_runtime_is_exported_with_its_pairs(deployed: ModelTable, tmp_path: Path) -> None:
    export(deployed, deployed.get("onnxruntime-int8"), tmp_path / "out")
    kept = deployed.artefact_path(deployed.get("onnxruntime-int8")) / "network.onnx"
    exported = onnx.load(tmp_path / "out" / "onnxruntime-int8.onnx")
    assert exported.graph == onnx.load(kept).graph
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in exported.graph.node}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "other"), [("onnxruntime", "openvino"), ("openvino", "onnxruntime")])
def test_the_other_runtime_need_not_be_installed(deployed: ModelTable, engine: str, other: str, tmp_path: Path) -> None:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / f"{other}.py").write_text("raise ImportError('is not installed')")
    paths = [str(tmp_path / "missing"), str(Path(tiernas.table.__file__).parents[2])]
    command = [sys.executable, "-m", "tiernas", "table", "export", f"{engine}-fp32"]
    ran = subprocess.run(
        [*command, "--table", str(deployed.path), "--output", str(tmp_path / "out")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "out" / f"{engine}-fp32" / "classify.py").exists()


FORMATS = ("network_file.py", "triton.py")
"""Modules that know the formats of files, and need no runtime for that."""


def test_the_room_names_no_runtime() -> None:
    for file in Path(tiernas.table.__file__).parent.rglob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not [name for name in named if name.rpartition(".")[2] in RUNTIMES], file
        assert file.name in FORMATS or ".xml" not in file.read_text("utf-8"), file


def float_in_place_of(table: ModelTable, name: str) -> None:
    """Puts a float network where the int8 one of an entry was kept, with digests that fit."""
    entry = table.get(name)
    kept = table.artefact_path(entry)
    facts, check = json.loads((kept / FACTS).read_text()), (kept / CHECK).read_bytes()
    shutil.rmtree(kept)
    kept.mkdir()
    export_onnx(table.network(entry), table.path / "plain.onnx", batch=entry.batch)
    with get_engine(entry.engine, batch=entry.batch).compile(table.path / "plain.onnx") as compiled:
        begin_artefact(compiled, kept, Preprocessing(8, 32, (0.5,), (0.2,)), entry.classes)
    (kept / CHECK).write_bytes(check)
    write_facts(kept, {**facts, "files": digests(kept)})


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_float_network_under_the_name_of_int8_is_refused_and_nothing_is_written(
    table: ModelTable, engine: str, tmp_path: Path
) -> None:
    float_in_place_of(table, f"{engine}-int8")
    with pytest.raises(TiernasError, match=r"the export is not what was measured: on 48 test images"):
        export(table, table.get(f"{engine}-int8"), tmp_path / "new" / "out")
    assert not (tmp_path / "new").exists()


def test_a_damaged_file_is_named_and_nothing_is_written(table: ModelTable, tmp_path: Path) -> None:
    entry = table.get("onnxruntime-fp32")
    kept = table.artefact_path(entry) / "network.onnx"
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"network\.onnx: is damaged or was changed"):
        export(table, entry, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("network", None),
        ("network.file", None),
        ("network.file", "../network.onnx"),
        ("network.options", None),
        ("classes", 5),
        ("requirements", None),
        ("preprocessing", []),
        ("preprocessing.image_size", None),
        ("preprocessing.resolution", 0),
        ("measured_on.device", 5),
        ("files", {}),
        ("files", {"../entry.json": "0"}),
        ("format", "1"),
    ],
)
def test_damaged_facts_are_told_and_nothing_is_written(
    table: ModelTable, path: str, value: object, tmp_path: Path
) -> None:
    entry = table.get("onnxruntime-fp32")
    file = table.artefact_path(entry) / FACTS
    facts = json.loads(file.read_text())
    *sections, key = path.split(".")
    section = facts[sections[0]] if sections else facts
    section[key] = value
    if value is None:
        del section[key]
    file.write_text(json.dumps(facts))
    with pytest.raises(UsageError, match="run the search again to recreate it"):
        export(table, entry, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_what_an_artefact_lists_is_exported(table: ModelTable, tmp_path: Path) -> None:
    entry = table.get("onnxruntime-fp32")
    (table.artefact_path(entry) / "notes").mkdir()
    (table.artefact_path(entry) / "stray").symlink_to(table.path)
    export(table, entry, tmp_path / "out", check=False)
    assert not {"notes", "stray"} & {file.name for file in (tmp_path / "out").iterdir()}


def test_an_artefact_of_other_conditions_than_the_entry_claims_is_refused(table: ModelTable, tmp_path: Path) -> None:
    entry = table.get("onnxruntime-fp32")
    with pytest.raises(UsageError, match=r"says precision 'int8', but the files in .* were measured with 'fp32'"):
        export(table, replace(entry, precision="int8"), tmp_path / "out")


@pytest.mark.parametrize("name", ["README.md", "classify.py", "onnxruntime-fp32.onnx"])
def test_a_file_of_somebody_else_is_kept(deployed: ModelTable, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(UsageError, match=f"{name} exists already"):
        export(deployed, deployed.get("onnxruntime-fp32"), tmp_path)
    assert files(tmp_path) == {name: b"mine"}


def test_a_file_of_somebody_else_is_replaced_by_force_and_others_stay(deployed: ModelTable, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    export(deployed, deployed.get("onnxruntime-fp32"), tmp_path, force=True)
    assert (tmp_path / "README.md").read_text().startswith("---\nlicense: ")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_link_is_not_written_through(deployed: ModelTable, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README.md").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match=r"README\.md exists already"):
        export(deployed, deployed.get("onnxruntime-fp32"), tmp_path / "out")
    assert not (tmp_path / "elsewhere").exists()


def test_an_export_replaces_its_own_unchanged_files_and_no_others(deployed: ModelTable, tmp_path: Path) -> None:
    entry = deployed.get("onnxruntime-fp32")
    (tmp_path / "notes.txt").write_text("mine")
    export(deployed, entry, tmp_path)
    first = files(tmp_path)
    export(deployed, replace(entry, accuracy=0.5), tmp_path)
    assert files(tmp_path).keys() == first.keys()
    assert "50.00%" in (tmp_path / "README.md").read_text()
    second = files(tmp_path)
    with pytest.raises(UsageError, match="not an unchanged file of an earlier export of onnxruntime-int8"):
        export(deployed, deployed.get("onnxruntime-int8"), tmp_path)
    (tmp_path / "README.md").write_text("edited")
    with pytest.raises(UsageError, match=r"README\.md exists already"):
        export(deployed, entry, tmp_path)
    assert files(tmp_path) == second | {"README.md": b"edited"}


@pytest.mark.parametrize("name", ["../../outside", "..", "a/b", "/tmp/a", "a\\b", ""])
def test_a_name_that_leads_outside_the_folder_is_refused(deployed: ModelTable, name: str, tmp_path: Path) -> None:
    entry = deployed.get("onnxruntime-fp32")
    with pytest.raises(UsageError):
        export(deployed, renamed(entry, name), tmp_path / "in" / "out")
    assert files(tmp_path) == {}


def renamed(entry: Entry, name: str) -> Entry:
    """An entry of a name that its edge would refuse."""
    other = replace(entry)
    object.__setattr__(other, "name", name)
    return other


def test_a_file_in_the_way_of_the_folder_is_one_message(deployed: ModelTable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written"):
        export(deployed, deployed.get("onnxruntime-fp32"), tmp_path / "file" / "out")
    assert files(tmp_path) == {"file": b"mine"}


def test_an_entry_of_an_earlier_version_is_built_anew_in_fp32_and_says_so(table: ModelTable, tmp_path: Path) -> None:
    entry = table.get("openvino-fp32")
    shutil.rmtree(table.artefact_path(entry))
    written = export(table, entry, tmp_path / "out")
    assert "it was rebuilt from the weights with openvino" in written[0].read_text()
    assert sorted(file.name for file in written) == sorted(files(tmp_path / "out"))


def test_an_int8_entry_of_an_earlier_version_is_not_exported_as_floats(table: ModelTable, tmp_path: Path) -> None:
    entry = table.get("openvino-int8")
    shutil.rmtree(table.artefact_path(entry))
    with pytest.raises(UsageError, match=r"did not save the int8 network that it measured.*Run its search again"):
        export(table, entry, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_run_here_is_exported_only_unchecked(
    deployed: ModelTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "missing").mkdir()
    (tmp_path / "missing" / "openvino.py").write_text("raise ImportError('no', name='openvino')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "missing"))
    entry = deployed.get("openvino-fp32")
    with pytest.raises(TiernasError, match=r"openvino is not installed.*pip install 'openvino==.*--no-check"):
        export(deployed, entry, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    written = export(deployed, entry, tmp_path / "out", check=False)
    assert "not run at export" in written[0].read_text()


def test_the_kept_images_are_small_and_of_all_classes(deployed: ModelTable) -> None:
    kept = deployed.artefact_path(deployed.get("openvino-int8"))
    with np.load(kept / CHECK) as check:
        assert check["pixels"].shape == (48, 8, 8, 3)
        assert check["logits"].shape == (48, 10)
    assert (kept / CHECK).stat().st_size < 50_000


@pytest.mark.parametrize("name", ["openvino-fp32", "onnxruntime-fp32"])
def test_the_facts_say_what_is_claimed_and_under_which_licenses(
    deployed: ModelTable, name: str, tmp_path: Path
) -> None:
    entry = replace(deployed.get(name), test_images=360, weights_license="apache-2.0", data_license="cc-by-4.0")
    export(deployed, entry, tmp_path, check=False)
    facts = json.loads((tmp_path / FACTS).read_text())
    assert facts["licenses"] == {"weights": "apache-2.0", "data": "cc-by-4.0"}
    assert facts["entry"]["accuracy"] == entry.accuracy
    assert tuple(facts["entry"]["accuracy_interval"]) == entry.accuracy_interval
    assert (facts["entry"]["test_images"], facts["entry"]["accuracy_from"]) == (360, "measured")
    assert facts["measured_on"]["device"] == entry.device
    assert facts["network"]["options"]
    assert (tmp_path / "labels.txt").read_text() == "".join(f"{label}\n" for label in range(10))
    card = (tmp_path / "README.md").read_text()
    assert "| License of the weights | apache-2.0 |" in card
    assert "| License of the data | cc-by-4.0 |" in card


def test_checksums_are_those_of_all_files(deployed: ModelTable, tmp_path: Path) -> None:
    export(deployed, deployed.get("onnxruntime-fp32"), tmp_path, check=False, triton=True)
    lines = [line.split("  ") for line in (tmp_path / "SHA256SUMS").read_text().splitlines()]
    listed = {name: digest for digest, name in lines}
    written = files(tmp_path)
    assert listed == {n: hashlib.sha256(content).hexdigest() for n, content in written.items() if n != "SHA256SUMS"}
    assert "1/model.onnx" in listed


def test_an_onnx_file_tells_what_it_is(deployed: ModelTable, tmp_path: Path) -> None:
    entry = deployed.get("onnxruntime-int8")
    export(deployed, entry, tmp_path, check=False)
    told = {each.key: each.value for each in onnx.load(tmp_path / f"{entry.name}.onnx").metadata_props}
    assert told["model_info model_type"] == "Classification"
    assert told["model_info labels"] == "0 1 2 3 4 5 6 7 8 9"
    assert [float(value) / 255 for value in told["model_info mean_values"].split()] == pytest.approx(entry.input_mean)
    facts, own = json.loads((tmp_path / FACTS).read_text()), json.loads(told["tiernas"])
    assert own == {key: value for key, value in facts.items() if key not in ("files", "format")}
    plain = {each.key for each in onnx.load(tmp_path / f"{entry.name}.plain-fp32.onnx").metadata_props}
    assert "model_info labels" in plain
    assert "tiernas" not in plain


def test_openvino_reads_what_an_ir_is(deployed: ModelTable, tmp_path: Path) -> None:
    entry = deployed.get("openvino-int8")
    export(deployed, entry, tmp_path, check=False)
    model = openvino.Core().read_model(tmp_path / f"{entry.name}.xml")
    told = {key: model.get_rt_info(["model_info", key]).astype(str) for key in ("labels", "model_type", "resize_type")}
    assert told == {"labels": "0 1 2 3 4 5 6 7 8 9", "model_type": "Classification", "resize_type": "crop"}
    scale = model.get_rt_info(["model_info", "scale_values"]).astype(str)
    assert [float(value) / 255 for value in scale.split()] == pytest.approx(entry.input_std)
    own = json.loads(model.get_rt_info(["tiernas", "deploy"]).astype(str))
    assert own["network"]["options"]["properties"]["INFERENCE_PRECISION_HINT"] == "f32"


@pytest.mark.parametrize("name", ["openvino-fp32", "onnxruntime-fp32", "onnxruntime-int8"])
def test_a_network_of_any_batch_computes_the_same(deployed: ModelTable, name: str, tmp_path: Path) -> None:
    (card, *_) = export(deployed, deployed.get(name), tmp_path, dynamic_batch=True)
    assert "images get the same class as when it was measured" in card.read_text()
    assert "Input: any number x 3 x 32 x 32" in card.read_text()
    classifier = Classifier(tmp_path)
    with np.load(tmp_path / CHECK) as check:
        pixels, expected = check["pixels"], check["logits"]
    for count in (1, 5):
        assert largest_difference(classifier.logits(pixels[:count]), expected[:count]) < 0.02


def test_the_batch_size_stays_what_was_measured(deployed: ModelTable, tmp_path: Path) -> None:
    export(deployed, deployed.get("onnxruntime-fp32"), tmp_path)
    (images,) = onnx.load(tmp_path / "onnxruntime-fp32.onnx").graph.input
    assert images.type.tensor_type.shape.dim[0].dim_value == 3


@pytest.mark.parametrize(
    ("name", "model"), [("openvino-fp32", ("model.bin", "model.xml")), ("onnxruntime-int8", ("model.onnx",))]
)
def test_a_model_of_a_triton_repository(
    deployed: ModelTable, name: str, model: tuple[str, ...], tmp_path: Path
) -> None:
    written = export(deployed, deployed.get(name), tmp_path / name, triton=True)
    assert sorted(file.name for file in (tmp_path / name / "1").iterdir()) == list(model)
    assert {file.relative_to(tmp_path / name).as_posix() for file in written} == files(tmp_path / name).keys()
    config = (tmp_path / name / "config.pbtxt").read_text()
    assert f'name: "{name}"' in config
    assert 'name: "images"' in config
    assert "dims: [3, 3, 32, 32]" in config
    export(deployed, deployed.get(name), tmp_path / name)  # without Triton: its files are ours, and go
    assert not (tmp_path / name / "1").exists()
    assert not (tmp_path / name / "config.pbtxt").exists()


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"triton": True}, "Triton has no backend for what torch saves"),
        ({"dynamic_batch": True}, "built for one batch"),
    ],
)
def test_what_a_runtime_cannot_do_is_refused_at_once(
    deployed: ModelTable, wanted: dict[str, bool], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        export(deployed, replace(deployed.get("openvino-fp32"), engine="torch"), tmp_path / "out", **wanted)
    assert not (tmp_path / "out").exists()


def test_openvino_gives_wrong_results_in_int8_at_any_batch(deployed: ModelTable, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="for the batch size that was measured"):
        export(deployed, deployed.get("openvino-int8"), tmp_path / "out", dynamic_batch=True)
    assert not (tmp_path / "out").exists()


def test_files_that_an_earlier_version_kept_are_exported(table: ModelTable, tmp_path: Path) -> None:
    entry = table.get("openvino-fp32")
    kept = table.artefact_path(entry)
    (kept / FACTS).rename(kept / "deployment.json")
    export(table, entry, tmp_path / "out")
    assert json.loads((tmp_path / "out" / FACTS).read_text())["network"]["file"] == "openvino-fp32.xml"
    assert not (tmp_path / "out" / "deployment.json").exists()


def test_the_export_of_an_earlier_version_is_replaced(deployed: ModelTable, tmp_path: Path) -> None:
    entry = deployed.get("onnxruntime-fp32")
    export(deployed, entry, tmp_path)
    facts = json.loads((tmp_path / FACTS).read_text())
    (tmp_path / FACTS).unlink()
    (tmp_path / "SHA256SUMS").unlink()
    (tmp_path / "deployment.json").write_text(json.dumps(facts))
    export(deployed, entry, tmp_path)
    assert FACTS in files(tmp_path)
    assert "deployment.json" not in files(tmp_path)


def test_a_network_whose_weights_are_elsewhere_is_not_exported(deployed: ModelTable, tmp_path: Path) -> None:
    published = {"network": "timm:resnet18.a1_in1k", "source": "a paper", "source_url": "https://example.com"}
    with pytest.raises(UsageError, match=r"what a paper says \(https://example.com\), and the table does not have"):
        export(deployed, replace(deployed.get("openvino-fp32"), **published), tmp_path / "out")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
