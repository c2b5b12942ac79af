"""The engine of a drafted search is one that works here."""

from __future__ import annotations

import pytest

from tiernas.doctor import EngineTrial, Status
from tiernas.drafting.target import disturbances, working_engine
from tiernas.errors import UsageError


def test_an_engine_is_tried_for_real() -> None:
    assert working_engine("fp32") in ("openvino", "onnxruntime", "torch")


@pytest.mark.parametrize(("gpu", "expected"), [(True, "tensorrt"), (False, "onnxruntime")])
def test_a_gpu_comes_first(monkeypatch: pytest.MonkeyPatch, gpu: bool, expected: str) -> None:
    def trial(name: str, precision: str) -> EngineTrial:
        return EngineTrial(name, precision, Status.FAILS if name == "openvino" else Status.WORKS, "is broken")

    monkeypatch.setattr("tiernas.drafting.target.has_gpu", lambda: gpu)
    monkeypatch.setattr("tiernas.drafting.target.try_engine", trial)
    assert working_engine("fp32") == expected


def test_why_no_engine_works() -> None:
    with pytest.raises(UsageError, match=r"(?s)^no engine works here in int3:\n  openvino: .*\n  torch: "):
        working_engine("int3")


def test_disturbances_are_lines() -> None:
    assert all(": " in line for line in disturbances())
