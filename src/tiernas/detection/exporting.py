"""Writes a trained detector for deployment, and checks its boxes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tiernas.detection.coco import FloatArray
from tiernas.detection.deploying import Form, deployed, require_same_detections, write_detector
from tiernas.detection.job import DetectionJob
from tiernas.errors import NotInstalledError, UsageError
from tiernas.text_file import replace_text
from tiernas.training.preprocessing import normalize

_CHECKED = 8
"""Images on which an export is compared with torch, at most."""

ONNX, IR, FACTS = "detector.onnx", "detector.xml", "detector.json"
"""The files of an export; the IR's weights are beside it, in `detector.bin`."""


def export_detector(job: DetectionJob, folder: Path) -> Mapping[str, Any]:
    """Writes ONNX and OpenVINO IR with suppression, and a JSON file that says what goes in and comes out.

    Both are run on images of the final split, and their boxes are compared with torch's.

    Args:
        job: A trained detector.
        folder: The folder; created if missing. Files of earlier exports are replaced.

    Returns:
        What is in the JSON file: with the largest differences.

    Raises:
        UsageError: The folder cannot be written to.
        NotInstalledError: OpenVINO or ONNX Runtime is not installed.
        TiernasError: A box of a file differs from torch's by more than rounding explains.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise NotInstalledError("ONNX Runtime, which checks the export,", "onnxruntime") from error
    try:
        import openvino
    except ImportError as error:
        raise NotInstalledError("OpenVINO", "openvino") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_detector(job.detector, Form.WHOLE, folder / ONNX)
        core = openvino.Core()
        openvino.save_model(core.read_model(folder / ONNX), folder / IR, compress_to_fp16=False)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error}; choose another folder") from error
    session = onnxruntime.InferenceSession(folder / ONNX, providers=["CPUExecutionProvider"])
    compiled = core.compile_model(folder / IR, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    runs: dict[str, Callable[[FloatArray], FloatArray]] = {
        ONNX: lambda images: np.asarray(session.run(None, {"images": images})[0]),
        IR: lambda images: np.array(compiled([images])[0]),
    }
    module = deployed(job.detector, Form.WHOLE)
    checked = {name: [0.0, 0.0] for name in runs}
    images = _images(job)
    for image in images:
        given = image[None]
        with torch.no_grad():
            expected = module(torch.from_numpy(given)).numpy()
        for name, run in runs.items():
            differences = require_same_detections(run(given), expected, str(folder / name))
            checked[name] = [max(pair) for pair in zip(checked[name], differences, strict=True)]
    height, width = job.design.image_size
    facts = {
        "name": job.config.study.name,
        "classes": list(job.data.classes),
        "input": {
            "name": "images",
            "shape": [1, 3, height, width],
            "mean": list(job.recipe.input_mean),
            "std": list(job.recipe.input_std),
            "how": "RGB in 0 to 1, scaled to height and width whatever the ratio of their sides, minus mean, over std",
        },
        "output": {
            "name": "detections",
            "columns": ["x1", "y1", "x2", "y2", "score", "class"],
            "how": "best first; corners in pixels of the input; choose a threshold for the score",
        },
        "checked": {
            name: {"images": len(images), "largest_difference_px": moved, "largest_difference_of_score": scored}
            for name, (moved, scored) in checked.items()
        },
    }
    replace_text(folder / FACTS, json.dumps(facts, indent=2) + "\n")
    return facts


def _images(job: DetectionJob) -> FloatArray:
    """Evenly spread images of the final split, normalized."""
    split = job.final[1]
    rows = np.unique(np.linspace(0, len(split) - 1, _CHECKED).round().astype(np.int64))
    images = normalize(split.batch(torch.from_numpy(rows))[0], job.recipe.normalization)
    return np.ascontiguousarray(images.numpy())
