"""The `[search]` section of the file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tiernas.config.section import Section
from tiernas.ledger import is_meant_as_url
from tiernas.search import Optimizer
from tiernas.search.catalogue import OPTIMIZERS, optimizer_factory
from tiernas.study import Screen


def _no_url(path: Path) -> Path:
    if is_meant_as_url(str(path)):
        raise ValueError("is a URL; give the output folder of the other search, or the ledger.sqlite in it")
    return path


def _increasing(epochs: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise(epochs)):
        raise ValueError("must increase")
    return epochs


class ScreenSection(Section):
    """Early stopping of candidates.

    Attributes:
        epochs: Epochs after which a candidate is compared with the others, such as [2, 6]; increasing, each below
            `recipe.epochs`. Empty: every candidate is trained to the end.
        keep: Fraction that continues at each of them.
        audit: One in this many candidates continues whatever its accuracy: they show whether the screen can be relied
            on (`tiernas status`).
    """

    epochs: Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(_increasing)] = Field(default_factory=list)
    keep: Annotated[float, Field(gt=0, lt=1)] = 1 / 3
    audit: Annotated[int, Field(ge=2)] = 8


class SearchSection(Section):
    """The search of each tier.

    Attributes:
        optimizer: Proposes networks; "tpe" needs the extra `optuna`. Or `package.module:Class`, or a name that an
            installed package offers.
        options: Arguments of its constructor, such as `n_initial` of "lamcts".
        trainings: Networks that are trained per tier, including those that the screen ends early, but not those with a
            reused accuracy. `tiernas control trainings` changes it while a search runs.
        order: "reproducible": proposals depend on results alone, not on timing, so the same file finds the same
            networks again; best for a few equally fast workers. "asynchronous": each proposal uses every result so
            far, and no worker waits for another one; best for many or unequal workers.
        pending: For the reproducible order: how many earlier networks of the tier may still be without a result when
            one is proposed. At most one worker more is busy; with fewer, proposals know more.
        reuse: Output folders of other searches, or their ledgers, of the same space, data and recipe: their accuracies
            are known from the start, whatever device they were for. Read when the search of a tier begins.
        screen: Early stopping.
    """

    optimizer: Annotated[str, BeforeValidator(OPTIMIZERS.as_text), AfterValidator(OPTIMIZERS.require_known)] = "lamcts"
    options: dict[str, Any] = Field(default_factory=dict)
    trainings: Annotated[int, Field(ge=1)] = 40
    order: Literal["reproducible", "asynchronous"] = "reproducible"
    pending: Annotated[int, Field(ge=0)] = 3
    reuse: list[Annotated[Path, AfterValidator(_no_url)]] = Field(default_factory=list)
    screen: ScreenSection = ScreenSection()

    def optimizer_factory(self) -> Callable[..., Optimizer]:
        """A function that makes the optimizer, see `tiernas.search.catalogue.optimizer_factory`; imports it now.

        Raises:
            UsageError: It cannot be used, or an option is wrong.
            NotInstalledError: It needs a package that is missing.
        """
        return optimizer_factory(self.optimizer, self.options)

    @property
    def distance(self) -> int | None:
        """How many of the latest candidates may be without a result when one is proposed; None: any number."""
        return self.pending if self.order == "reproducible" else None

    @property
    def screen_rule(self) -> Screen | None:
        """The rule for early stopping; None if every candidate is trained to the end."""
        screen = self.screen
        return Screen(tuple(screen.epochs), screen.keep, screen.audit, self.distance) if screen.epochs else None
