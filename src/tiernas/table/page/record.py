"""An entry as flat values with labels, for the page's rows, its comparison and its downloads."""

from __future__ import annotations

import json
from typing import Any

from tiernas.plain import plain_json
from tiernas.table.entry import Entry

LABELS = {
    "name": "Name",
    "source": "Accuracy from",
    "source_url": "Link to its source",
    "latency_ms": "Latency (ms)",
    "latency_low_ms": "Latency, lower end of its 95 % interval (ms)",
    "latency_high_ms": "Latency, upper end (ms)",
    "latency_found_ms": "Latency as found, median (ms)",
    "latency_note": "Note on the latency",
    "accuracy": "Accuracy",
    "accuracy_low": "Accuracy, lower end of its 95 % interval",
    "accuracy_high": "Accuracy, upper end",
    "test_images": "Test images",
    "class_mean_accuracy": "Accuracy, mean over the classes",
    "exact_accuracy": "Accuracy in torch, fp32",
    "validation_accuracy": "Validation accuracy",
    "recommended": "Recommended",
    "advice": "Advice",
    "device": "Device",
    "engine": "Engine",
    "engine_version": "Engine version",
    "precision": "Precision",
    "batch": "Batch size",
    "threads": "Threads",
    "resolution": "Input (px)",
    "params": "Parameters",
    "macs": "Multiply-accumulates",
    "weights_mb": "Weights (MB)",
    "activations_mb": "Feature maps held at a time (MB)",
    "data": "Data",
    "data_digest": "Digest of data and splits",
    "data_license": "License of the data",
    "classes": "Classes",
    "train_images": "Training images",
    "validation_images": "Validation images",
    "study": "Study",
    "found_by": "Found by",
    "network": "Known as",
    "rival": "Trained here as a rival",
    "speed_up": "Compared with the rivals",
    "weights_license": "License of the weights",
    "reused_from": "First trained in",
    "space": "Space",
    "seed": "Seed",
    "recipe": "Recipe",
    "created_at": "Date (UTC)",
    "tiernas_version": "Version of tiernas",
    "runs": "Timed inferences",
    "pairs": "Turns between two of the anchor",
    "quiet_pairs": "Turns while undisturbed",
    "loads": "Loads",
    "spread": "Spread of the inferences (standard deviation / mean)",
    "other_load": "Cores that other processes kept busy",
    "device_state": "State of the device",
    "flags": "Flags of the device",
    "governor": "Frequency governor",
    "options": "Options of the engine",
    "quantizer": "Quantizer",
    "code_version": "Code that measured",
    "command": "Command",
}
"""What each value is, in the order of the downloads."""

_SAME_NAME = (
    *("name", "source", "latency_ms", "accuracy", "test_images", "class_mean_accuracy", "exact_accuracy"),
    *("validation_accuracy", "recommended", "advice", "device", "engine", "engine_version", "precision", "batch"),
    *("threads", "resolution", "params", "macs", "weights_mb", "activations_mb", "data_digest", "reused_from"),
    *("space", "seed", "recipe", "created_at", "tiernas_version", "source_url", "network", "weights_license"),
    *("data_license", "rival"),
)
_OF_PROVENANCE = (
    *("train_images", "validation_images", "runs", "loads", "spread", "other_load", "device_state", "flags"),
    *("governor", "options", "quantizer", "code_version"),
)


def record(entry: Entry, data: str, command: str, speed_up: str = "") -> dict[str, Any]:
    """The values of an entry, in types that JSON has and safe to show, by the keys of `LABELS`.

    Args:
        entry: The entry.
        data: Name of the data, unique to their digest in the table.
        command: The command that exports the entry, or measures it again.
        speed_up: How fast it is compared with rivals, in words.
    """
    in_turn, interval, provenance = entry.latency_in_turn, entry.accuracy_interval, entry.provenance
    found = {key: getattr(entry, key) for key in _SAME_NAME}
    found |= {key: getattr(provenance, key) if provenance else None for key in _OF_PROVENANCE}
    found |= {
        "latency_low_ms": entry.latency_interval_ms[0],
        "latency_high_ms": entry.latency_interval_ms[1],
        "latency_found_ms": entry.found_ms,
        "latency_note": _latency_note(entry),
        "accuracy_low": interval[0] if interval else None,
        "accuracy_high": interval[1] if interval else None,
        "data": data,
        "classes": len(entry.classes) or None,
        "study": entry.study_name,
        "found_by": "" if entry.network else entry.study,
        "pairs": in_turn.pairs if in_turn else None,
        "quiet_pairs": in_turn.quiet_pairs if in_turn else None,
        "speed_up": speed_up,
        "command": command,
    }
    plain: dict[str, Any] = plain_json({key: found[key] for key in LABELS})
    return plain


def shown(key: str, value: Any) -> str:
    """A value of a record in words; empty if there is none. `shown` in page.js does the same."""
    if value is None or value in ("", [], {}):
        return ""
    if "accuracy" in key:
        return f"{100 * value:.2f} %"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _latency_note(entry: Entry) -> str:
    if not entry.latency_unstable:
        return ""
    if entry.latency_in_turn is None:
        return "measured by an earlier version, and did not settle"
    return "the interval stayed wide"
