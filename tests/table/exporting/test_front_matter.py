"""The head of a card is what the Hugging Face Hub reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tiernas.table import Entry
from tiernas.table.exporting.front_matter import front_matter
from tiernas.testing.entries import entry

HOSTILE = """a: "b"\n- 'c' # {d} \x1b größe"""


def test_the_head_is_yaml_in_block_style() -> None:
    made = dataclasses.replace(entry("net", accuracy=265 / 270), weights_license="apache-2.0")
    assert front_matter(made).splitlines() == [
        "---",
        'license: "apache-2.0"',
        'pipeline_tag: "image-classification"',
        'library_name: "tiernas"',
        "tags:",
        '  - "image-classification"',
        '  - "tiernas"',
        '  - "openvino"',
        '  - "fp32"',
        "metrics:",
        '  - "accuracy"',
        "model-index:",
        '  - name: "net"',
        "    results:",
        "      - task:",
        '          type: "image-classification"',
        '          name: "Image Classification"',
        "        dataset:",
        '          name: "digits"',
        '          type: "digits"',
        '          split: "test"',
        "        metrics:",
        '          - type: "accuracy"',
        "            value: 0.981481",
        '            name: "Top-1 accuracy"',
        "---",
    ]


@pytest.mark.parametrize(
    "made",
    [
        entry(),
        dataclasses.replace(entry(), data=HOSTILE, engine=HOSTILE, weights_license=HOSTILE),
        dataclasses.replace(entry(), source="a paper", source_url="https://example.com", network="net.onnx"),
    ],
    ids=["plain", "hostile", "published"],
)
def test_the_hub_reads_it(made: Entry, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is missing: pip install huggingface_hub")
    (tmp_path / "README.md").write_text(f"{front_matter(made)}# {made.name}\n", "utf-8")
    data = hub.ModelCard.load(tmp_path / "README.md").data
    (result,) = data.eval_results
    assert (data.model_name, result.metric_type, result.metric_value) == (made.name, "accuracy", made.accuracy)
    assert (result.task_type, data.pipeline_tag) == ("image-classification", "image-classification")
    assert result.dataset_name == made.data.replace("\x1b", "\\x1b")
    assert data.license == (made.weights_license.replace("\x1b", "\\x1b") or "unknown")
    source = (made.source, made.source_url) if made.is_published else (None, None)
    assert (result.source_name, result.source_url) == source
