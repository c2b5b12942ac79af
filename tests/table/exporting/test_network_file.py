"""Networks are described in their own files, and stay what they are."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import onnx
import pytest

from tiernas.doctor.tiny_network import write_tiny_network
from tiernas.errors import UsageError
from tiernas.table.exporting.network_file import IrFile, OnnxFile, open_network_file

IR = """<?xml version="1.0"?>
<net name="net" version="11">
  <layers>
    <layer id="0" name="images" type="Parameter" version="opset1">
      <data shape="2,3,32,32" element_type="f32" />
      <output><port id="0" precision="FP32" names="images"><dim>2</dim></port></output>
    </layer>
    <layer id="1" name="last" type="ReLU" version="opset1">
      <input><port id="0" precision="FP32" /></input>
      <output><port id="1" precision="FP32" names="logits"><dim>2</dim></port></output>
    </layer>
    <layer id="2" name="sink" type="Result" version="opset1"><input><port id="0" /></input></layer>
  </layers>
  <edges>
    <edge from-layer="0" from-port="0" to-layer="1" to-port="0" />
    <edge from-layer="1" from-port="1" to-layer="2" to-port="0" />
  </edges>
  <rt_info><info name="OpenVINO Runtime" value="2026" /><model_info><labels value="old" /></model_info></rt_info>
</net>
"""
HOSTILE = """a "b" <c> & 'd'"""


@pytest.fixture
def ir(tmp_path: Path) -> Path:
    path = tmp_path / "net.xml"
    path.write_text(IR)
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.onnx"
    write_tiny_network(path)
    return path


def test_an_onnx_file_keeps_its_graph_and_what_others_wrote(tiny: Path) -> None:
    before = onnx.load(tiny)
    onnx.helper.set_model_props(before, {"author": "me", "model_info labels": "old"})
    onnx.save(before, tiny)
    for _ in range(2):
        network = OnnxFile(tiny)
        network.describe({"labels": HOSTILE}, '{"a": 1}')
        network.save()
    after = onnx.load(tiny)
    assert after.graph == before.graph
    told = {each.key: each.value for each in after.metadata_props}
    assert told == {"author": "me", "model_info labels": HOSTILE, "tiernas": '{"a": 1}'}


def test_the_batch_of_an_onnx_file_is_freed(tiny: Path) -> None:
    network = OnnxFile(tiny)
    assert (network.input_name, network.output_name) == ("images", "logits")
    network.free_batch()
    network.save()
    graph = onnx.load(tiny).graph
    for value, others in ((graph.input[0], [3, 32, 32]), (graph.output[0], [4])):
        first, *rest = value.type.tensor_type.shape.dim
        assert first.dim_param == "batch"
        assert [dim.dim_value for dim in rest] == others


def test_an_ir_is_described_once(ir: Path) -> None:
    for _ in range(2):
        network = IrFile(ir)
        network.describe({"labels": HOSTILE}, '{"a": 1}')
        network.save()
    (place,) = ElementTree.parse(ir).findall("rt_info")
    assert [child.tag for child in place] == ["info", "model_info", "tiernas"]
    (labels,) = place.findall("model_info/labels")
    assert labels.get("value") == HOSTILE
    (facts,) = place.findall("tiernas/deploy")
    assert facts.get("value") == '{"a": 1}'


def test_an_ir_without_any_information_gets_some(ir: Path) -> None:
    ir.write_text(IR.replace(IR[IR.index("<rt_info>") : IR.index("</net>")], ""))
    network = IrFile(ir)
    network.describe({"labels": "a b"})
    network.save()
    assert '<rt_info><model_info><labels value="a b" /></model_info></rt_info>' in ir.read_text()


def test_the_batch_of_an_ir_is_freed(ir: Path) -> None:
    network = IrFile(ir)
    network.free_batch()
    network.save()
    assert 'shape="?,3,32,32"' in ir.read_text()


@pytest.mark.parametrize("result", ['type="Result"', 'type="Result" output_names="named"'])
def test_names_of_tensors_are_those_that_a_runtime_uses(ir: Path, result: str) -> None:
    ir.write_text(IR.replace('type="Result"', result))
    network = IrFile(ir)
    assert (network.input_name, network.output_name) == ("images", "named" if "named" in result else "logits")


@pytest.mark.parametrize("text", ["", "<net", "<net/>", IR.replace("Parameter", "Const")])
def test_what_is_no_network_is_one_message(ir: Path, text: str) -> None:
    ir.write_text(text)
    with pytest.raises(UsageError, match=r"net\.xml: is not an OpenVINO IR with one input and one output"):
        IrFile(ir)


@pytest.mark.parametrize("name", ["network.pt2", "network.xml", "network.onnx"])
def test_formats_of_one_runtime_alone_are_left_as_they_are(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\xff of a plug-in")
    assert open_network_file(tmp_path / name) is None
