"""`load_data`: a configuration to images in memory, in three disjoint parts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from tiernas.errors import UsageError
from tiernas.training.cache import DataCache
from tiernas.training.data_config import DataConfig
from tiernas.training.decoding import decode
from tiernas.training.images import Splits, digest_of
from tiernas.training.sources import Part, Source, open_source
from tiernas.training.sources.source import IntArray
from tiernas.training.splitting import stratified


def load_data(config: DataConfig, cache_dir: Path | None = None) -> Splits:
    """Loads the images of a configuration.

    A split that the source brings is used as it is; one that it does not bring is cut from its training images,
    stratified and fixed by `config.seed`.

    Args:
        config: The images.
        cache_dir: Where decoded images are kept for the next call, also from other processes. A file there is used
            as long as the configuration and the names, sizes and times of the image files are the same. If None,
            images are decoded anew.

    Raises:
        UsageError: The data cannot be trained on; says why, where and what to do.
        NotInstalledError: Parquet files, and pyarrow is not installed.
    """
    if cache_dir is None:
        return _load(config)
    return DataCache(cache_dir).get(config, _load)


def _load(config: DataConfig) -> Splits:
    source = open_source(config)
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
    read = partial(decode, classes=source.classes, size=config.storage_size, on_corrupt=config.on_corrupt)
    train_set, unread_train = read(source.train, train)
    validation_set, unread_validation = read(source.validation or source.train, validation)
    test_set, unread_test = read(source.test or source.train, test)
    splits = Splits(
        train_set,
        validation_set,
        test_set,
        source.flip_safe,
        unread_train + unread_validation + unread_test,
        digest_of((train_set, validation_set, test_set)),
    )
    _check_after_skipping(splits)
    return splits


def _own_or_cut(
    own: Part | None, train: Part, rows: IntArray, fraction: float, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Rows of a split (of `own`, or of `train` where there is none) and the rows of `train` that remain."""
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
        raise UsageError(
            f"data: too few training images of a class: {', '.join(short)}; each needs at least {needed} "
            f"(for {parts}). Add images or remove the class"
        )


def _check_after_skipping(splits: Splits) -> None:
    present = np.bincount(splits.train.labels.numpy(), minlength=len(splits.classes))
    empty = [name for name, n in zip(splits.classes, present, strict=True) if n == 0]
    if empty:
        raise UsageError(f"data: no readable training image of class {empty[0]!r} is left; replace the damaged files")
    for name, count in splits.counts.items():
        if count == 0 and name != "skipped":
            raise UsageError(f"data: no readable image of the {name} split is left; replace the damaged files")
