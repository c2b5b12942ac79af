"""Data sets of the library `datasets`: by name from the Hugging Face Hub, or from a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from tiernas.errors import NotInstalledError, UsageError
from tiernas.image_files import PassedOver
from tiernas.training.data_config import DataConfig
from tiernas.training.sources.labels import Labelled, lack, numbered, read_labels
from tiernas.training.sources.source import Part, Source, existing_folder, open_stored, require_classes
from tiernas.training.sources.split_names import split_of


def open_source(config: DataConfig) -> Source:
    """Lists the images of a data set.

    Raises:
        UsageError: The data set is not available, has no images or no labels, several columns of either with none
            chosen, or labels outside the classes.
        NotInstalledError: `datasets` is not installed.
    """
    if config.path is not None:
        existing_folder(config.path)
    try:
        import datasets  # type: ignore[import-untyped]
    except ImportError as error:
        raise NotInstalledError("datasets, Hugging Face's library,", "huggingface") from error
    splits, passed_over = _named_splits(_load(datasets, config), config)
    columns = splits["train"].features
    image = _column(columns, config.image_column, "image_column", datasets.Image, "image", config)
    label = _column(columns, config.label_column, "label_column", datasets.ClassLabel, "label", config)
    feature = columns[label]
    declared = tuple(map(str, feature.names)) if isinstance(feature, datasets.ClassLabel) else None
    labelled: dict[str, Labelled] = {}
    for name, split in splits.items():
        values = split.with_format(None)[label][:]
        if name != "train" and lack(values):
            passed_over.append(PassedOver(f"{name} split", "splits without labels", f"{len(values)} images"))
            continue
        labelled[name] = read_labels(values, name, f"column {label}")
        require_classes(getattr(split.features[label], "names", declared or ()), declared or (), name, config.shown)
    classes, labels = numbered(labelled, declared, config.shown)
    parts = {
        name: Part(labels[name], found.names, _Reader(splits[name], image, datasets.Image(decode=False)))
        for name, found in labelled.items()
    }
    return Source(classes, parts["train"], parts.get("validation"), parts.get("test"), passed_over=tuple(passed_over))


def _load(datasets: Any, config: DataConfig) -> Any:
    """A `DatasetDict`, or a `Dataset` if it has no splits."""
    try:
        if config.path is not None and _is_saved(config.path):
            return datasets.load_from_disk(str(config.path))
        with _no_network(datasets, wanted=not config.download):
            return datasets.load_dataset(config.name or str(config.path), config.subset)
    except ConnectionError as error:
        if config.download:
            remedy = "check the network and the name, or give path, a folder that it was saved to"
        else:
            remedy = "set data.download = true to download it, or give path, a folder that it was saved to"
        raise UsageError(f"data.name = {config.name!r}: not in this machine's Hugging Face cache; {remedy}") from error
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        # ValueError: no such configuration, or several and none chosen; the message lists them
        raise UsageError(f"data: Hugging Face's datasets cannot load {config.shown!r}: {error}") from error


def _is_saved(path: Path) -> bool:
    """Whether a folder was written by `save_to_disk`; other kinds of folders are read by `load_dataset`."""
    return (path / "dataset_dict.json").exists() or (path / "state.json").exists()


@contextmanager
def _no_network(datasets: Any, *, wanted: bool) -> Iterator[None]:
    """The offline mode of `datasets`, which otherwise only an environment variable sets, before the first import."""
    before = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = before or wanted
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before


def _named_splits(loaded: Any, config: DataConfig) -> tuple[dict[str, Any], list[PassedOver]]:
    if not isinstance(loaded, Mapping):
        return {"train": loaded}, []
    found: dict[str, str] = {}
    passed_over: list[PassedOver] = []
    for name, rows in loaded.items():
        split = split_of(name)
        if split is None:
            passed_over.append(PassedOver(f"split {name}", "splits of other names", f"{len(rows)} rows"))
        elif split in found:
            raise UsageError(
                f"data: the splits {found[split]} and {name} of {config.shown!r} are both the {split} split; keep one, "
                "save the set with save_to_disk, and give that path"
            )
        else:
            found[split] = name
    if "train" not in found:
        raise UsageError(
            f"data: {config.shown!r} has no split train; its splits are {', '.join(loaded)}. Save the ones that you "
            "want under the names train, validation and test with save_to_disk, and give that path"
        )
    return {split: loaded[name] for split, name in found.items()}, passed_over


def _column(
    columns: Mapping[str, Any], wanted: str | None, key: str, kind: type, usual: str, config: DataConfig
) -> str:
    """The column of images or of labels: the one chosen, else the only one of its type, else the usual one."""
    fitting = [name for name, feature in columns.items() if isinstance(feature, kind)]
    if wanted is not None and wanted in columns:
        return wanted
    if wanted is not None:
        raise UsageError(f"data.{key} = {wanted!r}: {config.shown!r} has no such column; it has {', '.join(columns)}")
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and usual in columns:
        return usual
    what = f"several columns of type {kind.__name__}" if fitting else f"no column of type {kind.__name__}"
    raise UsageError(
        f"data: {config.shown!r} has {what}; choose one with data.{key}, of {', '.join(fitting or columns)}"
    )


class _Reader:
    """Opens the images of a split, one by one."""

    def __init__(self, split: Any, column: str, encoded: Any) -> None:
        self._rows = split.select_columns([column]).cast_column(column, encoded)
        self._column = column

    def __call__(self, row: int) -> Image.Image:
        return open_stored(self._rows[row][self._column])
