"""What `deploy.json` says of an entry, and the part of it that other programs read from the network's file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tiernas.plain import plain_text
from tiernas.table.entry import Entry

_ONLY_BESIDE = ("files", "format")
"""Keys that have no meaning within the network's own file."""


def deploy_facts(facts: Mapping[str, Any], entry: Entry, *, dynamic_batch: bool) -> dict[str, Any]:
    """The contents of an export's `deploy.json`, without the digests of its files.

    Args:
        facts: Those of the artifact, see `tiernas.artefact`.
        entry: Its entry.
        dynamic_batch: Whether the network takes any number of images.
    """
    network = facts["network"]
    file = f"{entry.name}{Path(network['file']).suffix}"
    interval = entry.accuracy_interval
    claims = {
        "accuracy": entry.accuracy,
        "accuracy_interval": list(interval) if interval else None,
        "test_images": entry.test_images,
        "accuracy_from": entry.source,
        "source_url": entry.source_url,
        "latency_ms": entry.latency_ms,
        "latency_interval_ms": list(entry.latency_interval_ms),
        "data": entry.data,
        "data_digest": entry.data_digest,
        "device": entry.device,
        "network": entry.network,
    }
    return {
        **facts,
        "name": entry.name,
        "network": {**network, "file": file, "dynamic_batch": dynamic_batch},
        "entry": claims,
        "licenses": {"weights": entry.weights_license, "data": entry.data_license},
    }


def embedded_facts(facts: Mapping[str, Any]) -> str:
    """The facts that the network's file itself contains, as one line of JSON."""
    return json.dumps({key: value for key, value in facts.items() if key not in _ONLY_BESIDE})


def model_info(facts: Mapping[str, Any]) -> dict[str, str]:
    """The network as OpenVINO's Model API reads it from the runtime information of an IR or the metadata of an ONNX.

    Keys and form: the guide "Model configuration" and `model_api.models.types` of open-edge-platform/model_api, 0.4.
    Pixels are 0 to 255 there, lists are separated by spaces, and images are RGB.
    """
    wanted = facts["preprocessing"]
    return {
        "model_type": "Classification",
        "task_type": "classification",
        "labels": " ".join(re.sub(r"\s+", "_", label.strip()) or "_" for label in map(plain_text, facts["classes"])),
        "mean_values": " ".join(f"{255 * value:.8g}" for value in wanted["mean"]),
        "scale_values": " ".join(f"{255 * value:.8g}" for value in wanted["std"]),
        "reverse_input_channels": "False",
        "resize_type": "crop",
    }


def labels_text(facts: Mapping[str, Any]) -> str:
    """The names of the classes, one per line, in the order of the logits."""
    return "".join(f"{' '.join(plain_text(label).split())}\n" for label in facts["classes"])
