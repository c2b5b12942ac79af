"""Teachers from plug-ins: a function returns the network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tiernas.errors import UsageError
from tiernas.plugins import call, checked_options
from tiernas.training.teachers.catalogue import TEACHERS
from tiernas.training.teachers.config import TeacherConfig

if TYPE_CHECKING:
    from torch import nn


def teacher_function(config: TeacherConfig) -> Callable[[int], nn.Module]:
    """Returns a function that makes a plug-in teacher's network from the number of classes.

    Raises:
        UsageError: The plug-in cannot be used, or an option is wrong; the returned function raises it if it fails.
    """
    name = config.reference
    function = TEACHERS.load(name)
    options = checked_options(
        function, config.options, section="recipe.teacher.options", positional=1, beside={"path": config.path}
    )
    return partial(_made, function, f"recipe.teacher, {name}", options)


def _made(function: Callable[..., object], what: str, options: dict[str, object], num_classes: int) -> nn.Module:
    from torch import nn

    network = call(function, num_classes, what=what, **options)
    if not isinstance(network, nn.Module):
        raise UsageError(f"{what}: returned a {type(network).__name__}; it must return a torch.nn.Module")
    return network
