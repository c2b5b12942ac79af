"""Teachers by the kind in a TOML file; torch and a package of networks are imported when one is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from tiernas.plugins import Kind, require_function

TEACHERS: Kind[Callable[..., Any]] = Kind(
    "kind of teacher",
    "recipe.teacher.kind",
    "tiernas.teachers",
    {
        "timm": "tiernas.training.teachers.networks:open_timm",
        "efficientnet-lite": "tiernas.training.teachers.networks:open_lite",
        "entry": "tiernas.training.teachers.networks:open_entry",
        "module": "tiernas.training.teachers.plugin:open_plugin",
    },
    partial(require_function, noun="a function that returns a torch.nn.Module"),
)
"""The built-in ones open what a `TeacherConfig` describes; plug-ins return a network for a number of classes."""
