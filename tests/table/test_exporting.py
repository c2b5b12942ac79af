"""What is exported is what was measured, whole or not at all."""

from __future__ import annotations

import ast
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
import torch

import tiernas.table
from tiernas.artefact import Preprocessing, begin_artefact, digests, write_facts
from tiernas.engines import get_engine
from tiernas.errors import TiernasError, UsageError
from tiernas.networks import build, export_onnx
from tiernas.standalone.classify import CHECK, FACTS
from tiernas.table import Entry, ModelTable, export
from tiernas.testing.deployed import add_deployed
from tiernas.testing.executors import LIGHT
from tiernas.training import DataConfig, load_data

RUNTIMES = ("openvino", "onnxruntime", "tensorrt", "tensorrt_rtx")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> ModelTable:
    """A table with a network of random weights in two runtimes and precisions."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(LIGHT, 10).eval()
    splits = load_data(DataConfig(kind="digits", train_limit=40))
    table = ModelTable(tmp_path_factory.mktemp("deployed") / "table")
    for engine in ("openvino", "onnxruntime"):
        for precision in ("fp32", "int8"):
            add_deployed(table, f"{engine}-{precision}", network, splits, engine, precision, batch=3)
    return table


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
    assert (tmp_path / "out" / "onnxruntime-int8.onnx").read_bytes() == kept.read_bytes()
    kinds = {node.op_type for node in onnx.load(tmp_path / "out" / "onnxruntime-int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds


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
    assert (tmp_path / "out" / "classify.py").exists()


def test_the_room_names_no_runtime() -> None:
    for file in Path(tiernas.table.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not [name for name in named if name.rpartition(".")[2] in RUNTIMES], file
        assert ".xml" not in file.read_text("utf-8"), file


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
