"""Teachers by the kind that a TOML names; torch and a package of networks are imported when one is asked for."""

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
"""Those of tiernas open what a `TeacherConfig` says; others return a network for a number of classes."""
