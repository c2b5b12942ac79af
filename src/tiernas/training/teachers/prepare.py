"""`prepare_teacher`: from a configuration to a network that knows the data, made once for all training runs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiernas.errors import UsageError
from tiernas.networks.normalization import IMAGENET, Normalization
from tiernas.rounding import apart
from tiernas.storage import read_tensors, write_tensors
from tiernas.training.images import Splits
from tiernas.training.once import made_once
from tiernas.training.teachers.config import TeacherConfig
from tiernas.training.teachers.networks import open_pretrained
from tiernas.training.teachers.teacher import Teacher, View, answers

_CHECKED = 1000
"""Number of validation images for a teacher's accuracy, whose standard error is then below 1.6 points."""

_log = logging.getLogger(__name__)


def prepare_teacher(
    config: TeacherConfig,
    splits: Splits,
    student_resolution: int,
    cache_dir: Path,
    device: torch.device,
    *,
    images_change: bool,
    normalization: Normalization = IMAGENET,
) -> Teacher:
    """Opens a teacher and makes sure that it knows the classes of the data.

    An ImageNet network of timm or EfficientNet-Lite with another number of classes than the data gets a new head: a
    logistic regression on its features of the unaugmented training images. The head and the accuracy are kept in
    `cache_dir` and used by every training run with the same teacher, data and resolution.

    Args:
        config: The teacher.
        splits: The head learns from the training split; the accuracy is that on the validation split.
        student_resolution: Input size of the student, in pixels.
        cache_dir: Where the head is kept.
        device: The device of the teacher.
        images_change: Whether training images look different every time. If not, the teacher answers each once.
        normalization: Normalization of the student's input.

    Raises:
        UsageError: It is not available, has other classes and no way to learn them, or is no more accurate than
            always predicting the most frequent class.
        NotInstalledError: Its package is not installed.
    """
    found = open_pretrained(config, splits.classes, config.resolution or student_resolution)
    key = _key(found.weights, config, splits, student_resolution)
    view = View(found.network, found.normalization, config.resolution, normalization)
    network: nn.Module = view.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    path = cache_dir / f"teacher-{key}.safetensors"
    tensors, facts = made_once(
        path,
        read_tensors,
        lambda: _learn(network, config, splits, student_resolution, normalization, has_head=found.has_head),
        lambda path, made: write_tensors(path, *made),
    )
    if not found.has_head:
        classes, features = tensors["weight"].shape
        head = nn.Linear(features, classes, device=device)
        head.load_state_dict(tensors)
        network = nn.Sequential(network, head).eval().requires_grad_(False)
    _require_knowledge(config, splits, facts["accuracy"])
    teacher = Teacher(network, config.weight, config.temperature, facts["accuracy"])
    if images_change:
        return teacher
    rows = torch.arange(len(splits.train))
    return replace(teacher, known=answers(network, splits.train, rows, student_resolution, normalization))


def _learn(
    network: nn.Module,
    config: TeacherConfig,
    splits: Splits,
    student_resolution: int,
    normalization: Normalization,
    *,
    has_head: bool,
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weight and bias of a new head, if one is needed, and the accuracy."""
    checked = torch.linspace(0, len(splits.validation) - 1, min(_CHECKED, len(splits.validation))).round().long()
    answered = answers(network, splits.validation, checked, student_resolution, normalization)
    if has_head and answered.shape[1:] != (len(splits.classes),):
        raise UsageError(
            f"recipe.teacher = {config.shown}: its output has shape {tuple(answered.shape[1:])} for each image, "
            f"but there are {len(splits.classes)} classes; it must return one logit for each"
        )
    tensors: dict[str, Tensor] = {}
    if not has_head:
        from tiernas.training.teachers.head import fit_head  # importing scikit-learn's linear models takes a second

        _log.info("teacher %s: learning the %d classes of the data", config.shown, len(splits.classes))
        rows = torch.arange(len(splits.train))
        features = answers(network, splits.train, rows, student_resolution, normalization)
        head = fit_head(features, splits.train.labels)
        tensors = {"weight": head.weight.detach(), "bias": head.bias.detach()}
        answered = head(answered)
    accuracy = float((answered.argmax(1) == splits.validation.labels[checked]).float().mean())
    _log.info("teacher %s: %.1f %% of %d validation images correct", config.shown, 100 * accuracy, len(checked))
    return tensors, {"accuracy": accuracy}


def _require_knowledge(config: TeacherConfig, splits: Splits, accuracy: float) -> None:
    most_frequent = float(torch.bincount(splits.validation.labels).max()) / len(splits.validation)
    if accuracy <= most_frequent:
        right, by_guessing = apart(100 * accuracy, 100 * most_frequent)
        raise UsageError(
            f"recipe.teacher = {config.shown}: predicts {right} % of validation images correctly; always predicting "
            f"the most frequent class would reach {by_guessing} %. Are its classes in another order than the "
            "data's, or does it need a larger recipe.teacher.resolution?"
        )


def _key(weights: Mapping[str, Tensor], config: TeacherConfig, splits: Splits, student_resolution: int) -> str:
    sha = hashlib.sha256(f"{config.resolution} {student_resolution} {splits.digest}".encode())
    for name, tensor in weights.items():
        sha.update(f"network.{name}".encode())
        sha.update(tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]
