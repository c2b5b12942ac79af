from __future__ import annotations

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiernas.engines import Fingerprint, get_engine, graph_digest
from tiernas.engines.fingerprint import cpu_device, cpu_governor, cpu_name, device_slug, isa_flags
from tiernas.engines.onnxruntime.quantizer import QUANTIZER
from tiernas.errors import UsageError
from tiernas.networks import build, export_onnx
from tiernas.testing.engines import ARCHITECTURE

FINGERPRINT = Fingerprint("AMD EPYC 7763", "openvino", "2026.4.1", "fp32", 1, 1, ("avx2",))


@pytest.mark.parametrize(
    ("device", "slug"),
    [
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "intel-xeon-platinum-8375c"),
        ("AMD EPYC 7763 64-Core Processor", "amd-epyc-7763-64-core"),
        ("AMD EPYC family 25 model 1", "amd-epyc-family-25-model-1"),
        ("NVIDIA GeForce RTX 4090", "nvidia-geforce-rtx-4090"),
    ],
)
def test_slug(device: str, slug: str) -> None:
    assert device_slug(device) == slug


def test_this_device_has_a_name() -> None:
    assert device_slug(cpu_device())


def test_flags_are_those_that_select_kernels() -> None:
    flags = ["fpu", "sse2", "avx", "avx2", "avx512f", "avx512_vnni", "avx512bw", "amx_tile", "amx_bf16", "hypervisor"]
    assert isa_flags(flags) == ("amx_bf16", "amx_tile", "avx2", "avx512_vnni", "avx512f")


def test_differences_name_the_fields() -> None:
    other = replace(FINGERPRINT, threads=2, device="another")
    assert FINGERPRINT.differences(other) == {"threads": (1, 2), "device": ("AMD EPYC 7763", "another")}
    assert FINGERPRINT.differences(FINGERPRINT) == {}


def test_what_one_of_two_does_not_know_is_no_difference() -> None:
    old = FINGERPRINT
    new = replace(old, recipe="1", options="a=1", quantizer="nncf 3.4.0", governor="powersave")
    assert old.differences(new) == new.differences(old) == {}
    assert new.differences(replace(new, governor="performance")) == {"governor": ("powersave", "performance")}
    assert set(new.differences(replace(new, recipe="2", options="a=2", quantizer="nncf 4"))) == {
        "recipe",
        "options",
        "quantizer",
    }


def test_a_fingerprint_of_an_earlier_version_is_read_and_written_as_it_was() -> None:
    data = {"device": "d", "engine": "e", "engine_version": "1", "precision": "fp32", "batch": 1, "threads": 2}
    data |= {"flags": ["avx2"]}
    found = Fingerprint.from_dict(data)
    assert found == Fingerprint("d", "e", "1", "fp32", 1, 2, ("avx2",))
    assert found.to_dict() == data


def test_what_a_later_version_wrote_is_kept_and_not_compared() -> None:
    data = {**FINGERPRINT.to_dict(), "governor": "performance", "microcode": "0x2b", "newer": {"a": 1}}
    found = Fingerprint.from_dict(data)
    assert found.to_dict() == data
    assert found == replace(FINGERPRINT, governor="performance")
    assert found.differences(FINGERPRINT) == {}
    assert len({found, replace(FINGERPRINT, governor="performance")}) == 1


@given(
    st.fixed_dictionaries(
        {"recipe": st.none() | st.text(min_size=1), "options": st.none() | st.text(min_size=1)},
        optional={"governor": st.text(min_size=1), "x": st.integers() | st.lists(st.text())},
    )
)
def test_round_trip(more: dict[str, object]) -> None:
    found = Fingerprint.from_dict({**FINGERPRINT.to_dict(), **more})
    again = Fingerprint.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.newer == found.newer


@pytest.mark.parametrize("key", list(FINGERPRINT.to_dict()))
def test_missing_key_is_named(key: str) -> None:
    data = FINGERPRINT.to_dict()
    del data[key]
    with pytest.raises(UsageError, match=f"fingerprint: has no {key}"):
        Fingerprint.from_dict(data)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("device", 3),
        ("engine", ""),
        ("batch", "1"),
        ("batch", 0),
        ("threads", True),
        ("threads", 1.0),
        ("flags", "avx2"),
        ("flags", [1]),
        ("governor", ["performance"]),
    ],
)
def test_value_of_another_type_is_named(key: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"fingerprint: {key} = .*: must be"):
        Fingerprint.from_dict({**FINGERPRINT.to_dict(), key: value})
    with pytest.raises(UsageError, match="fingerprint: must be an object, not list"):
        Fingerprint.from_dict([])  # type: ignore[arg-type]


def test_a_name_without_a_number_gets_family_and_model() -> None:
    info = {"model name": "AMD EPYC", "cpu family": "25", "model": "17"}
    assert cpu_name(info) == "AMD EPYC family 25 model 17"
    assert cpu_name({**info, "model name": "AMD EPYC 9354P"}) == "AMD EPYC 9354P"


def test_governor_of_all_cores(tmp_path: Path) -> None:
    assert cpu_governor(tmp_path) is None
    for core, name in enumerate(["performance", "powersave", "performance"]):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        folder.mkdir(parents=True)
        (folder / "scaling_governor").write_text(f"{name}\n")
    assert cpu_governor(tmp_path) == "performance,powersave"


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_engines_tell_recipe_options_and_quantizer(name: str) -> None:
    exact, int8 = (get_engine(name, precision=precision).fingerprint() for precision in ("fp32", "int8"))
    assert exact.recipe == get_engine(name).recipe
    assert "=" in (exact.options or "")
    assert exact.quantizer is None
    assert int8.quantizer == {"openvino": f"nncf {version('nncf')}", "onnxruntime": QUANTIZER}[name]


def test_graph_digest_ignores_weights_but_not_shapes(tmp_path: Path) -> None:
    digests = []
    for index, architecture in enumerate([ARCHITECTURE, ARCHITECTURE, replace(ARCHITECTURE, resolution=24)]):
        path = tmp_path / f"{index}.onnx"
        export_onnx(build(architecture, 4), path)
        digests.append(graph_digest(path))
    assert digests[0] == digests[1] != digests[2]
