"""The `[rivals]` section of the file."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from tiernas.closest import require_known
from tiernas.config.section import Section
from tiernas.errors import UsageError
from tiernas.rivals.names import RivalName
from tiernas.rivals.sets import rival_sets


def _well_named(name: str) -> str:
    try:
        return str(RivalName.parse(name))
    except UsageError as error:
        raise ValueError(str(error)) from None


def _several(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


class RivalsSection(Section):
    """Known networks that are trained and measured like the finalists, so that the search can be judged by them.

    Attributes:
        networks: Their names: `timm:NAME`, "resnet20", "mobilenetv2-0.5", a released GPUNet; each with `@PIXELS` for
            another resolution than that of the data.
        sets: Name of a set of rivals, or several: "mobile", "cifar" or "small" (`tiernas/rivals/sets.toml`).
    """

    networks: tuple[Annotated[str, AfterValidator(_well_named)], ...] = ()
    sets: Annotated[
        tuple[Annotated[str, AfterValidator(lambda name: require_known(name, rival_sets(), "set of rivals"))], ...],
        BeforeValidator(_several),
    ] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all rivals, each once."""
        return tuple(dict.fromkeys((*self.networks, *(name for chosen in self.sets for name in rival_sets()[chosen]))))
