"""Sources of images by the kind in a TOML file; a library is imported only when its kind is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tiernas.plugins import Kind, require_function

SOURCES: Kind[Callable[..., Any]] = Kind(
    "kind of data",
    "data.kind",
    "tiernas.data",
    {
        "digits": "tiernas.training.sources.digits:open_source",
        "folder": "tiernas.training.sources.folder:open_source",
        "parquet": "tiernas.training.sources.parquet:open_source",
        "huggingface": "tiernas.training.sources.huggingface:open_source",
        "torchvision": "tiernas.training.sources.torchvision_sets:open_source",
        "webdataset": "tiernas.training.sources.webdataset:open_source",
    },
    partial(require_function, noun="a function that returns a tiernas.training.sources.Source"),
)
"""Functions that return a `Source`: the built-in ones from a `DataConfig`, plug-ins from the options of its section."""
