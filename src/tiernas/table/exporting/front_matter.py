"""The metadata at the head of a model card, as the Hugging Face Hub reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tiernas.plain import plain_json
from tiernas.table.entry import Entry

_UNKNOWN = "unknown"
"""The Hub's identifier of a license that was not stated."""


def front_matter(entry: Entry) -> str:
    """A block of YAML with license, task, tags and the accuracy.

    Keys: the Hub's documentation, "Model Cards", and the model-index specification (huggingface/hub-docs,
    modelcard.md).

    Args:
        entry: The entry.
    """
    result: dict[str, Any] = {
        "task": {"type": "image-classification", "name": "Image Classification"},
        "dataset": {"name": entry.data, "type": entry.data, "split": "test"},
        "metrics": [{"type": "accuracy", "value": round(entry.accuracy, 6), "name": "Top-1 accuracy"}],
    }
    if entry.is_published and entry.source_url:
        result["source"] = {"name": entry.source, "url": entry.source_url}
    document = {
        "license": entry.weights_license or _UNKNOWN,
        "pipeline_tag": "image-classification",
        "library_name": "tiernas",
        "tags": ["image-classification", "tiernas", entry.engine, entry.precision],
        "metrics": ["accuracy"],
        "model-index": [{"name": entry.name, "results": [result]}],
    }
    return "\n".join(["---", *_block(plain_json(document)), "---", ""])


def _block(value: Any) -> Iterator[str]:
    """The lines of a value in YAML's block style; scalars are written as JSON, which YAML 1.2 contains."""
    pairs: Iterable[tuple[str, Any]] = value.items() if isinstance(value, Mapping) else (("-", item) for item in value)
    for key, held in pairs:
        name = key if key == "-" else f"{key}:"
        if not isinstance(held, dict | list):
            yield f"{name} {json.dumps(held, ensure_ascii=False)}"
        elif key == "-":
            first, *others = _block(held)
            yield f"- {first}"
            yield from (f"  {line}" for line in others)
        else:
            yield name
            yield from (f"  {line}" for line in _block(held))
