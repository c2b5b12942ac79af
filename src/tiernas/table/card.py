"""The model card of an entry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tiernas.shapes import shape_in_words
from tiernas.table.entry import Entry


def card(
    entry: Entry,
    facts: Mapping[str, Any],
    onnx_difference: float,
    checked: Mapping[str, Any] | None,
    ties: Sequence[Entry] = (),
) -> str:
    """Markdown that describes the network, what was measured and how to run it.

    Args:
        entry: The entry.
        facts: The contents of `deployment.json`, see `tiernas.artefact`.
        onnx_difference: Largest difference between the plain ONNX and torch, relative to the largest logit.
        checked: The result of `classify.py --check` at export; None if it was not run.
        ties: Entries of the same table that tie with it, see `tiernas.table.ties`.
    """
    exact = "" if entry.exact_accuracy is None else f"; {entry.exact_accuracy:.2%} in torch, in fp32"
    tested = f"{entry.accuracy:.2%} top-1 on the test split of {entry.data}, which no search has seen{_interval(entry)}"
    classes = "" if entry.class_mean_accuracy is None else f"; mean over the classes {entry.class_mean_accuracy:.2%}"
    advice = f". {_sentence(entry.advice)}" if entry.advice else ""
    shape = shape_in_words((entry.batch, 3, entry.resolution, entry.resolution))
    conditions = f"{entry.precision}, batch {entry.batch}, {entry.threads} thread(s)"
    chosen = "by which it was chosen" if not entry.repeats_accuracy else f"chosen by short training: {_repeats(entry)}"
    origin = f", first trained in {entry.reused_from}" if entry.reused_from else ""
    recipe = ", ".join(f"{key} {value}" for key, value in entry.recipe.items())
    network, wanted = facts["network"], facts["preprocessing"]
    requirements = " ".join(f"'{name}'" for name in facts["requirements"])
    settings = json.dumps(network["options"], indent=1)
    scaled = f"scaled ({wanted['scale_interpolation']}) to {entry.resolution} pixels, "
    scaled = "" if wanted["image_size"] == entry.resolution else scaled
    return f"""# {entry.name}

An image classifier for {entry.data} ({len(entry.classes)} classes), found by tiernas
{entry.tiernas_version} for {entry.device} with {entry.engine}.

| | |
|---|---|
| Latency | {_latency(entry)} |
| Measured on | {entry.device}, {entry.engine} {entry.engine_version}, {conditions} |
| Accuracy | {tested}{classes}{exact}{advice} |{_ties(ties)}
| Validation accuracy | {entry.validation_accuracy:.2%}, {chosen} |
| Size | {entry.params:,} parameters, {entry.macs:,} multiply-accumulates{_memory(entry)} |
| Found by | study {entry.study}, space {entry.space}, seed {entry.seed}, {entry.created_at}{origin} |
| Trained with | {recipe} |
| Plain ONNX against torch | logits differ by {onnx_difference:.1e} of the largest |
| Check of this export | {_checked(facts, checked)} |

## Run it

```console
$ pip install {requirements}
$ python classify.py photo.jpg --top 3
$ python classify.py --check
```

The first command classifies images (`--json` for programs). The second runs the network on the test images in
`check.npz` and compares its logits with those recorded when it was measured.

```python
from pathlib import Path

from classify import Classifier

classifier = Classifier(Path("."))
pixels = classifier.pixels(Path("photo.jpg"))  # 8-bit RGB
logits = classifier.logits(pixels[None])  # one row per image
```

`deployment.json` contains the settings of the program. The network runs with exactly these settings of {entry.engine},
with which it was measured; with others its latency differs, and its logits may differ:

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
| `{network["file"]}` and the files beside it | what was measured: {entry.engine}, {entry.precision} |
| `classify.py`, `preprocessing.py`, `runtime.py`, `deployment.json` | the program; it needs only the packages above |
| `check.npz` | test images, with their expected logits |
| `{entry.name}.plain-fp32.onnx` | the network in fp32 as ONNX, for other runtimes; not what was measured |
| `{entry.name}.safetensors`, `{entry.name}.json` | weights and architecture, for `tiernas.load(".")` |
"""


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


def _ties(ties: Sequence[Entry]) -> str:
    names = ", ".join(entry.name for entry in ties)
    return f"\n| As accurate | within the noise of the test images: {names} |" if ties else ""


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
