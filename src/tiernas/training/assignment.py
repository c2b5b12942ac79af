"""Which image is in which split: as the source says, or drawn from its training images."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tiernas.errors import UsageError
from tiernas.image_files import counted
from tiernas.training.data_config import DataConfig
from tiernas.training.sources import Part, Source
from tiernas.training.sources.source import IntArray
from tiernas.training.splitting import stratified


def assigned_rows(source: Source, config: DataConfig) -> Mapping[str, tuple[Part, IntArray]]:
    """The images of the splits "train", "validation" and "test": where they are read, and their positions there.

    A split that the source provides is used as it is; a missing one is drawn from the training images, stratified and
    fixed by `config.seed`.

    Args:
        source: The images.
        config: The fractions, the seed and the limit of training images.

    Raises:
        UsageError: There is only one class, a class has too few images, or `train_limit` is below the number of
            classes.
    """
    _check_classes(source)
    rng = np.random.default_rng(config.seed)
    train: IntArray = np.arange(len(source.train.labels))
    test, train = _own_or_cut(source.test, source.train, train, config.test_fraction, rng)
    validation, train = _own_or_cut(source.validation, source.train, train, config.validation_fraction, rng)
    if config.train_limit is not None and config.train_limit < len(train):
        if config.train_limit < len(source.classes):
            raise UsageError(
                f"data.train_limit = {config.train_limit}: there are {len(source.classes)} classes and each needs a "
                f"training image; allowed: {len(source.classes)} to {len(train)}"
            )
        train = train[stratified(source.train.labels[train], config.train_limit, rng, leave=0)[0]]
    return {
        "train": (source.train, train),
        "validation": (source.validation or source.train, validation),
        "test": (source.test or source.train, test),
    }


def _own_or_cut(
    own: Part | None, train: Part, rows: IntArray, fraction: float, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows of a split (of `own`, or of `train` if there is none) and the remaining rows of `train`."""
    if own is not None:
        return np.arange(len(own.labels)), rows
    drawn, left = stratified(train.labels[rows], round(fraction * len(rows)), rng, leave=1)
    return rows[drawn], rows[left]


def _check_classes(source: Source) -> None:
    if len(source.classes) < 2:
        raise UsageError(
            f"data: there is only one class, {source.classes[0]!r}; a classifier needs images of at least two"
        )
    cut = [name for name, own in (("validation", source.validation), ("test", source.test)) if own is None]
    needed = max(2, 1 + len(cut))
    counts = np.bincount(source.train.labels, minlength=len(source.classes))
    short = [f"{name!r} has {n}" for name, n in zip(source.classes, counts, strict=True) if n < needed]
    if short:
        parts = " and ".join(["training", *cut])
        passed_over = f". Skipped: {counted(source.passed_over)}" if source.passed_over else ""
        raise UsageError(
            f"data: too few training images in a class: {', '.join(short)}; each needs at least {needed} "
            f"(for {parts}). Add images or remove the class{passed_over}"
        )
