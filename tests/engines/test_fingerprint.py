from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tiernas.engines import Fingerprint, graph_digest
from tiernas.engines.fingerprint import cpu_device, device_slug, isa_flags
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


def test_missing_key_is_named() -> None:
    data = FINGERPRINT.to_dict()
    del data["threads"]
    with pytest.raises(UsageError, match="threads"):
        Fingerprint.from_dict(data)


def test_graph_digest_ignores_weights_but_not_shapes(tmp_path: Path) -> None:
    digests = []
    for index, architecture in enumerate([ARCHITECTURE, ARCHITECTURE, replace(ARCHITECTURE, resolution=24)]):
        path = tmp_path / f"{index}.onnx"
        export_onnx(build(architecture, 4), path)
        digests.append(graph_digest(path))
    assert digests[0] == digests[1] != digests[2]
