"""What `tiernas.load` takes, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiernas
from tiernas.errors import UsageError
from tiernas.spaces import Architecture


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("gpunet_9", r"'gpunet_9': there is no such network, file or folder; did you mean 'gpunet_\w+'\? A source is"),
        ("efficientnet-lite3", r"; did you mean 'efficientnet-lite\d'\?"),
        ("runs/none/table/entry", r"'runs/none/table/entry': there is no such network, file or folder\. A source is"),
        (Path("gpunet_0"), r"'gpunet_0': there is no such network, file or folder"),
    ],
)
def test_an_unknown_source_is_told_with_what_there_is(source: str | Path, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        tiernas.load(source)
    for kind in ("timm:NAME", "efficientnet-lite0", "gpunet_d2", "folder of an entry, an export or a training"):
        assert kind in str(caught.value)


def test_the_name_of_a_network_of_timm_is_told_with_its_prefix() -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    with pytest.raises(UsageError, match=r"did you mean 'timm:mobilenetv3_large_100'\?"):
        tiernas.load("mobilenetv3_large_100")


@pytest.mark.parametrize("classes", [0, -3])
def test_a_number_of_classes_that_cannot_be_is_refused(classes: int) -> None:
    with pytest.raises(UsageError, match=rf"^num_classes = {classes}: must be at least 1"):
        tiernas.load("gpunet_0", "fresh", num_classes=classes)


def test_fresh_weights_for_any_number_of_classes() -> None:
    network = tiernas.load("gpunet_0", "fresh", num_classes=3)
    assert network.blocks[-1][-1].out_features == 3  # type: ignore[index]
    assert network.classes is None


def test_build_says_what_opens_a_name() -> None:
    for text in ("gpunet_0", Path("runs/table/entry")):
        architecture: Architecture = text  # type: ignore[assignment]
        with pytest.raises(UsageError, match=rf"^build takes an Architecture, not '{text}': tiernas\.load opens"):
            tiernas.build(architecture)
