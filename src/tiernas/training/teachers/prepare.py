"""`prepare_teacher`: a configuration to a network that knows the data, made once for all trainings that want it."""

from __future__ import annotations

import hashlib
import logging
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
"""Validation images that a teacher's accuracy is taken on; its standard error is then below 1.6 points."""

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
    """Opens a teacher and sees to it that it knows the classes of the data.

    An ImageNet network of timm or EfficientNet-Lite whose classes are not as many as the data's gets a new head: a
    logistic regression of its features of the training images, un-augmented. The head and the accuracy are kept in
    `cache_dir` and used by every training that wants the same teacher on the same data at the same resolution.

    Args:
        config: Which teacher.
        splits: The head learns from the training part; the accuracy is that on the validation part.
        student_resolution: Size that the student takes, in pixels.
        cache_dir: Where the head is kept.
        device: Where the teacher will lie.
        images_change: Whether training images look different every time. If not, the teacher answers each once.
        normalization: What is done to images before the student sees them.

    Raises:
        UsageError: It cannot be had, has other classes and no way to learn them, or gets no more images right than
            one that always says the most frequent class.
        NotInstalledError: Its package is not installed.
    """
    found = open_pretrained(config, splits.classes)
    view = View(found.network, Normalization(found.mean, found.std), config.resolution, normalization)
    network: nn.Module = view.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval().requires_grad_(False)
    path = cache_dir / f"teacher-{_key(network, config, splits, student_resolution)}.safetensors"
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
    """Weight and bias of a new head, if there must be one, and the accuracy."""
    checked = torch.linspace(0, len(splits.validation) - 1, min(_CHECKED, len(splits.validation))).round().long()
    answered = answers(network, splits.validation, checked, student_resolution, normalization)
    if has_head and answered.shape[1:] != (len(splits.classes),):
        raise UsageError(
            f"recipe.teacher = {config.shown}: gives an output of shape {tuple(answered.shape[1:])} for each image, "
            f"but there are {len(splits.classes)} classes; it must give one logit for each"
        )
    tensors: dict[str, Tensor] = {}
    if not has_head:
        from tiernas.training.teachers.head import fit_head  # brings scikit-learn's linear models: a second

        _log.info("teacher %s: learns the %d classes of the data", config.shown, len(splits.classes))
        rows = torch.arange(len(splits.train))
        features = answers(network, splits.train, rows, student_resolution, normalization)
        head = fit_head(features, splits.train.labels)
        tensors = {"weight": head.weight.detach(), "bias": head.bias.detach()}
        answered = head(answered)
    accuracy = float((answered.argmax(1) == splits.validation.labels[checked]).float().mean())
    _log.info("teacher %s: %.1f %% of %d validation images right", config.shown, 100 * accuracy, len(checked))
    return tensors, {"accuracy": accuracy}


def _require_knowledge(config: TeacherConfig, splits: Splits, accuracy: float) -> None:
    most_frequent = float(torch.bincount(splits.validation.labels).max()) / len(splits.validation)
    if accuracy <= most_frequent:
        right, by_guessing = apart(100 * accuracy, 100 * most_frequent)
        raise UsageError(
            f"recipe.teacher = {config.shown}: gets {right} % of validation images right; saying always "
            f"the most frequent class gets {by_guessing} %. Are its classes in another order than the "
            "data's, or does it want a larger recipe.teacher.resolution?"
        )


def _key(network: nn.Module, config: TeacherConfig, splits: Splits, student_resolution: int) -> str:
    sha = hashlib.sha256(f"{config.resolution} {student_resolution} {splits.digest}".encode())
    for name, tensor in network.state_dict().items():
        sha.update(name.encode())
        sha.update(tensor.cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()[:16]
