"""Search spaces by name."""

from __future__ import annotations

from pathlib import Path

from tiernas.errors import UsageError
from tiernas.plugins import Kind, UnusableError, is_reference, require_object_of
from tiernas.spaces.consistency import inconsistency
from tiernas.spaces.parent import PARENT, ParentSpace
from tiernas.spaces.space import SearchSpace
from tiernas.spaces.space_file import SPACE_FILE, is_space_file, read_space

_MEMBERS = ("name", "dimensions", "num_classes", "decode", "encode", "canonical", "layer_groups")

_CHECKED = 16
"""Number of random networks for checking a plug-in's space whenever it is loaded, in some milliseconds."""


def _require_space(thing: object) -> None:
    require_object_of(thing, SearchSpace, "a search space", _MEMBERS)
    assert isinstance(thing, SearchSpace)
    if thing.name == PARENT and not isinstance(thing, ParentSpace):
        raise UnusableError(f"its name is {PARENT!r}, which is reserved for spaces around a parent: rename it")
    if wrong := inconsistency(thing, _CHECKED):
        raise UnusableError(f"is inconsistent: {wrong}")


SPACES: Kind[SearchSpace] = Kind(
    "search space",
    "study.space",
    "tiernas.spaces",
    {
        "gpunet": "tiernas.spaces.gpunet:GPUNET",
        "gpunet-wide": "tiernas.spaces.gpunet:GPUNET_WIDE",
        "gpunet-small": "tiernas.spaces.gpunet:GPUNET_SMALL",
        "mobile": "tiernas.spaces.mobile:MOBILE",
        "mobile-small": "tiernas.spaces.mobile:MOBILE_SMALL",
        "vit": "tiernas.spaces.vit:VIT",
        "vit-small": "tiernas.spaces.vit_small:VIT_SMALL",
        "mlp": "tiernas.spaces.mlp:MLP",
        "mlp-small": "tiernas.spaces.mlp:MLP_SMALL",
    },
    _require_space,
    named=True,
)


def space_names() -> tuple[str, ...]:
    """Names that `get_space` accepts: built-in spaces, and those of installed packages."""
    return SPACES.names()


def get_space(name: str | SearchSpace) -> SearchSpace:
    """The search space of a name.

    Args:
        name: One of `space_names()`, `package.module:object`, or the path of the `space.json` of a search around a
            parent; a space is returned as it is.

    Raises:
        UsageError: There is no space of that name, or it cannot be used.
    """
    if name == PARENT:
        raise UsageError(
            f"space {PARENT!r}: needs its parent: give the {SPACE_FILE} in the output folder of a search, or create a "
            "tiernas.spaces.ParentSpace"
        )
    if isinstance(name, str) and is_space_file(name):
        return read_space(Path(name).expanduser())
    return SPACES.load(name)


def referred_space(name: str) -> SearchSpace | None:
    """The space of `package.module:object` or of a file; None for a name, by which files find their space on their own.

    Raises:
        UsageError: The space cannot be used.
    """
    return get_space(name) if is_reference(name) or is_space_file(name) else None
