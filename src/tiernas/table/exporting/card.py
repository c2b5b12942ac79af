"""The model card of an entry, in the form of the Hugging Face Hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tiernas.shapes import shape_in_words
from tiernas.table.entry import Entry
from tiernas.table.exporting.front_matter import front_matter


def card(
    entry: Entry,
    facts: Mapping[str, Any],
    onnx_difference: float | None,
    checked: Mapping[str, Any] | None,
    ties: Sequence[Entry] = (),
    *,
    triton: bool = False,
) -> str:
    """Markdown that describes the network, what was measured and how to run it.

    Args:
        entry: The entry.
        facts: The contents of `deploy.json`, see `tiernas.table.exporting.facts`.
        onnx_difference: Largest difference between the plain ONNX and torch, relative to the largest logit; None if it
            was not compared.
        checked: The result of `classify.py --check` at export; None if it was not run.
        ties: Entries of the same table that tie with it, see `tiernas.table.ties`.
        triton: Whether the folder is a model of a Triton repository.
    """
    told = _rows(entry, facts, onnx_difference, checked, ties)
    rows = "\n".join(f"| {key} | {value.replace('|', '&#124;')} |" for key, value in told)
    network, wanted = facts["network"], facts["preprocessing"]
    batch = "any number" if network["dynamic_batch"] else entry.batch
    shape = f"{batch} x {shape_in_words((3, entry.resolution, entry.resolution))}"
    requirements = " ".join(f"'{name}'" for name in facts["requirements"])
    settings = json.dumps(network["options"], indent=1)
    scaled = f"scaled ({wanted['scale_interpolation']}) to {entry.resolution} pixels, "
    scaled = "" if wanted["image_size"] == entry.resolution else scaled
    trained = "trained and measured" if entry.rival else "measured"
    found = f"{entry.network}, {trained}" if entry.network else "found"
    return f"""{front_matter(entry)}# {entry.name}

An image classifier for {entry.data} ({len(entry.classes)} classes), {found} by tiernas
{entry.tiernas_version} for {entry.device} with {entry.engine}.

| | |
|---|---|
{rows}

## Run it

```console
$ pip install {requirements}
$ python classify.py photo.jpg --top 3
$ python classify.py --check
```

The first command classifies images (`--json` for programs). The second runs the network on the images in `check.npz`
and compares its logits with those recorded when it was measured.

```python
from pathlib import Path

from classify import Classifier

classifier = Classifier(Path("."))
pixels = classifier.pixels(Path("photo.jpg"))  # 8-bit RGB
logits = classifier.logits(pixels[None])  # one row per image
```

`deploy.json` contains the settings of the program. The network runs with exactly these settings of {entry.engine}, with
which it was measured; with others its latency differs, and its logits may differ:

```json
{settings}
```

Input: {shape}, RGB, NCHW, float32. An image is turned upright, its shorter side scaled
({wanted["fit_interpolation"]}) to {wanted["image_size"]} pixels, the center cropped, {scaled}pixels divided by 255,
{list(entry.input_mean)} subtracted, then divided by {list(entry.input_std)}. Output: logits, one per class, in this
order: {", ".join(entry.classes)}.

## Files

| | |
|---|---|
{_files(entry, facts, triton=triton)}
"""


def _rows(
    entry: Entry,
    facts: Mapping[str, Any],
    onnx_difference: float | None,
    checked: Mapping[str, Any] | None,
    ties: Sequence[Entry],
) -> Iterator[tuple[str, str]]:
    conditions = f"{entry.precision}, batch {entry.batch}, {entry.threads} thread(s)"
    yield "Latency", _latency(entry)
    yield "Measured on", f"{entry.device}, {entry.engine} {entry.engine_version}, {conditions}"
    yield "Accuracy", _accuracy(entry)
    if ties:
        yield "As accurate", f"within the noise of the test images: {', '.join(tie.name for tie in ties)}"
    if entry.validation_accuracy is not None:
        repeats = f"chosen by short training: {_repeats(entry)}" if entry.repeats_accuracy else "by which it was chosen"
        yield "Validation accuracy", f"{entry.validation_accuracy:.2%}, {repeats}"
    macs = "" if entry.macs is None else f", {entry.macs:,} multiply-accumulates"
    yield "Size", f"{entry.params:,} parameters{macs}{_memory(entry)}"
    if entry.rival:
        yield "Rival in", f"study {entry.study_name}, seed {entry.seed}, {entry.created_at}"
    elif entry.network:
        yield "Added from", f"{entry.study}, {entry.created_at}"
    else:
        origin = f", first trained in {entry.reused_from}" if entry.reused_from else ""
        found = f"study {entry.study}, space {entry.space}, seed {entry.seed}, {entry.created_at}"
        yield "Found by", f"{found}{origin}"
    if entry.has_weights:
        yield "Trained with", ", ".join(f"{key} {value}" for key, value in entry.recipe.items())
    yield "License of the weights", entry.weights_license or "not stated"
    yield "License of the data", entry.data_license or "not stated"
    if onnx_difference is not None:
        yield "Plain ONNX against torch", f"logits differ by {onnx_difference:.1e} of the largest"
    yield "Check of this export", _checked(facts, checked)


def _files(entry: Entry, facts: Mapping[str, Any], *, triton: bool) -> str:
    rows = {
        f"`{facts['network']['file']}` and its weights": f"what was measured: {entry.engine}, {entry.precision}",
        "`classify.py`, `preprocessing.py`, `runtime.py`": "the program; it needs only the packages above",
        "`deploy.json`": "classes, preprocessing, settings, device, accuracy, licenses; in the network's file as well",
        "`labels.txt`": "the classes, one per line, in the order of the logits",
        "`check.npz`": "images with their expected logits",
        "`SHA256SUMS`": "checksums: `sha256sum --check SHA256SUMS`",
        f"`{entry.name}.plain-fp32.onnx`": "the network in fp32 as ONNX, for other runtimes; not what was measured",
    }
    if entry.has_weights:
        rows[f"`{entry.name}.safetensors`, `{entry.name}.json`"] = 'for `tiernas.load(".")`: weights and architecture'
    if triton:
        rows["`config.pbtxt`, `1`"] = "for Triton: the parent of this folder is a model repository"
    return "\n".join(f"| {files} | {content} |" for files, content in rows.items())


def _accuracy(entry: Entry) -> str:
    if entry.is_published:
        source = f"[{entry.source}]({entry.source_url})" if entry.source_url else entry.source
        return f"{entry.accuracy:.2%} top-1 on {entry.data}{_interval(entry)}; published, not measured here: {source}"
    exact = "" if entry.exact_accuracy is None else f"; {entry.exact_accuracy:.2%} in torch, in fp32"
    classes = "" if entry.class_mean_accuracy is None else f"; mean over the classes {entry.class_mean_accuracy:.2%}"
    advice = f". {_sentence(entry.advice)}" if entry.advice else ""
    tested = f"{entry.accuracy:.2%} top-1 on the test split of {entry.data}, which no search has seen{_interval(entry)}"
    return f"{tested}{classes}{exact}{advice}"


def _latency(entry: Entry) -> str:
    low_ms, high_ms = entry.latency_interval_ms
    interval = f"nominal 95 % interval {low_ms:.3f} to {high_ms:.3f} ms"
    if entry.latency_in_turn is None:
        settled = " (the measurement did not settle)" if entry.latency_unstable else ""
        return f"{entry.latency_ms:.3f} ms, median; {interval}{settled}"
    return (
        f"{entry.latency_ms:.3f} ms while the machine is undisturbed, from the ratio to an anchor measured in turn; "
        f"{interval}; as found {entry.found_ms:.3f} ms, median"
    )


def _memory(entry: Entry) -> str:
    weights = "" if entry.weights_mb is None else f"; {entry.weights_mb:.3g} MB of weights"
    maps = "" if entry.activations_mb is None else f"; {entry.activations_mb:.3g} MB of feature maps held at a time"
    return weights + maps


def _interval(entry: Entry) -> str:
    if entry.accuracy_interval is None:
        return ""
    low, high = entry.accuracy_interval
    return f"; 95 % interval {100 * low:.1f} to {100 * high:.1f} % (Wilson, {entry.test_images} images)"


def _repeats(entry: Entry) -> str:
    error = "" if entry.repeats_standard_error is None else f" +- {entry.repeats_standard_error:.2%}"
    seeds = "one other seed" if entry.repeats == 1 else f"{entry.repeats} other seeds"
    return f"{entry.repeats_accuracy:.2%}{error} with {seeds}"


def _checked(facts: Mapping[str, Any], checked: Mapping[str, Any] | None) -> str:
    if checked is None:
        return "not run at export: run `python classify.py --check`"
    if facts.get("compared_with") == "torch":
        return (
            "the entry is of a version that did not save what it measured, so it was rebuilt from the weights with "
            f"{facts['measured_on']['engine']} {facts['measured_on']['engine_version']}; its logits differ by "
            f"{checked['largest_difference']:.1e} of the largest from torch in fp32"
        )
    return (
        f"{checked['same_class']} of {checked['images']} images get the same class as when it was measured, "
        f"logits differ by {checked['largest_difference']:.1e} of the largest"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
