"""`open_source`: the images of a configuration, from any source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tiernas.errors import UsageError
from tiernas.plugins import call, checked_options
from tiernas.training.data_config import DataConfig
from tiernas.training.sources.catalogue import SOURCES
from tiernas.training.sources.source import Part, Source, require_labels


def open_source(config: DataConfig) -> Source:
    """Lists the images of a configuration, without decoding any.

    Raises:
        UsageError: The folder is missing, empty or not laid out as its kind requires, or a named data set is not
            available; or a plug-in cannot be used, gets wrong options, or does not return a source.
        NotInstalledError: A library that reads this kind of data is not installed.
    """
    function = SOURCES.load(config.kind)
    if config.kind in SOURCES.built_in:
        opened: Source = function(config)
        return opened
    if config.path is not None and not config.path.exists():
        raise UsageError(f"data.path = {str(config.path)!r}: does not exist; give what {config.kind} reads")
    what = f"data.kind = {config.kind!r}"
    options = checked_options(function, config.options, section="data.options", beside={"path": config.path})
    return _checked(call(function, what=what, **options), what)


def _checked(source: object, what: str) -> Source:
    """Checks what a plug-in returned, and converts its labels to tiernas' type.

    Raises:
        UsageError: It is not a source, or its parts do not fit together.
    """
    if not isinstance(source, Source):
        raise UsageError(f"{what}: returned a {type(source).__name__}; must return a tiernas.training.sources.Source")
    listed = isinstance(source.classes, Sequence) and not isinstance(source.classes, str)
    if not listed or not source.classes or not all(isinstance(name, str) for name in source.classes):
        raise UsageError(f"{what}: classes = {source.classes!r:.80}: must be names, one for each label")
    validation, test = (
        None if part is None else _checked_part(part, name, source, what)
        for name, part in (("validation", source.validation), ("test", source.test))
    )
    train = _checked_part(source.train, "train", source, what)
    return Source(tuple(source.classes), train, validation, test, source.flip_safe, source.passed_over)


def _checked_part(part: object, name: str, source: Source, what: str) -> Part:
    if not isinstance(part, Part):
        raise UsageError(f"{what}: its {name} split is {type(part).__name__}; must be a tiernas.training.sources.Part")
    labels = np.asarray(part.labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise UsageError(
            f"{what}: labels of its {name} split are {labels.dtype} of shape {labels.shape}; must be n integers"
        )
    if not isinstance(part.names, Sequence | np.ndarray) or len(part.names) != len(labels):
        raise UsageError(
            f"{what}: its {name} split has {len(labels)} labels and names = {part.names!r:.80}; must be a name for each"
        )
    if not callable(part.read):
        raise UsageError(
            f"{what}: read of its {name} split is a {type(part.read).__name__}; must open the image at a position"
        )
    checked = replace(part, labels=labels.astype(np.int64))
    require_labels(checked.labels, checked.names, source.classes, name, what)
    return checked
