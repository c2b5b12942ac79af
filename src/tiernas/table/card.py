"""The model card of an entry."""

from __future__ import annotations

from tiernas.table.entry import Entry


def card(entry: Entry, onnx_difference: float) -> str:
    """Markdown that says what the network is, what was measured and how to run it.

    Args:
        entry: The entry.
        onnx_difference: Largest difference between ONNX and torch, relative to the largest logit.
    """
    low, high = entry.latency_interval_ms
    settled = "" if not entry.latency_unstable else " (the measurement did not settle)"
    exact = "" if entry.exact_accuracy is None else f"; {entry.exact_accuracy:.2%} in torch, in fp32"
    tested = f"{entry.accuracy:.2%} top-1 on the test part of {entry.data}, which no search has seen"
    classes = "" if entry.class_mean_accuracy is None else f"; mean over the classes {entry.class_mean_accuracy:.2%}"
    advice = f". {_sentence(entry.advice)}" if entry.advice else ""
    shape = f"{entry.batch} x 3 x {entry.resolution} x {entry.resolution}"
    conditions = f"{entry.precision}, batch {entry.batch}, {entry.threads} thread(s)"
    chosen = "by which it was chosen" if not entry.repeats_accuracy else f"chosen by short trainings: {_repeats(entry)}"
    origin = f", first trained in {entry.reused_from}" if entry.reused_from else ""
    recipe = ", ".join(f"{key} {value}" for key, value in entry.recipe.items())
    return f"""# {entry.name}

An image classifier for {entry.data} ({len(entry.classes)} classes), found by tiernas
{entry.tiernas_version} for {entry.device} with {entry.engine}.

| | |
|---|---|
| Latency | {entry.latency_ms:.3f} ms, median; 95 % interval {low:.3f} to {high:.3f} ms{settled} |
| Measured on | {entry.device}, {entry.engine} {entry.engine_version}, {conditions} |
| Accuracy | {tested}{classes}{exact}{advice} |
| Validation accuracy | {entry.validation_accuracy:.2%}, {chosen} |
| Size | {entry.params:,} parameters, {entry.macs:,} multiply-accumulates |
| Found by | study {entry.study}, space {entry.space}, seed {entry.seed}, {entry.created_at}{origin} |
| Trained with | {recipe} |
| ONNX against torch | logits differ by {onnx_difference:.1e} of the largest |

Input `images`: {shape}, RGB, NCHW, float32: the shorter side scaled (bilinear) to the resolution, the centre cut
out, pixels divided by 255, {list(entry.input_mean)} subtracted, then divided by {list(entry.input_std)}. Output
`logits`, one per class, in the order: {", ".join(entry.classes)}.

## Run it

```python
import openvino

network = openvino.Core().compile_model("{entry.name}.xml", "CPU")
logits = network(images)["logits"]
```

`{entry.name}.onnx` runs on ONNX Runtime; `{entry.name}.safetensors` and `{entry.name}.json` are weights and
architecture for `tiernas.build`.
"""


def _repeats(entry: Entry) -> str:
    error = "" if entry.repeats_standard_error is None else f" +- {entry.repeats_standard_error:.2%}"
    seeds = "one other seed" if entry.repeats == 1 else f"{entry.repeats} other seeds"
    return f"{entry.repeats_accuracy:.2%}{error} with {seeds}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
