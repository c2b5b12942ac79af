"""`Draft`: the configuration file of a search, and what the search will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiernas.config import SearchConfig
from tiernas.drafting.output import require_new
from tiernas.errors import UsageError
from tiernas.plan import Basis, Resources, SearchPlan
from tiernas.text_file import replace_text


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted search.

    Attributes:
        config: The configuration.
        toml: The configuration file, as text.
        basis: The size of the data, and how fast this machine is.
        plan: What the search will do, and how long that takes.
        found: What was found out about the device and the networks, a line each.
        doubts: What the user should know before starting it, a line each.
    """

    config: SearchConfig
    toml: str
    basis: Basis
    plan: SearchPlan
    found: Sequence[str]
    doubts: Sequence[str] = ()

    @property
    def lines(self) -> Iterator[str]:
        """Describes what the search will do."""
        yield from self.found
        yield from searched(self.config)
        yield f"this takes {self.plan.words}; {Resources.of(self.config, self.basis, self.plan).words}"

    @property
    def warnings(self) -> Iterator[str]:
        """What the user should know before starting it, a line each."""
        yield from self.doubts
        yield from Resources.of(self.config, self.basis, self.plan).warnings

    def write(self, output: Path) -> None:
        """Writes the configuration file; an existing file is never overwritten.

        Raises:
            UsageError: The file exists, or cannot be written.
        """
        require_new(output)
        try:
            replace_text(output, self.toml)
        except OSError as error:
            raise UsageError(f"--output {output}: cannot be written ({error.strerror}); choose another file") from error


def searched(config: SearchConfig) -> Iterator[str]:
    """What is searched and trained, in words, a line each."""
    parent, wanted = config.parent, config.finalists
    tiers = ", ".join(f"{tier.name} ms" for tier in config.tier_list())
    what, trained = (f"parts of {parent.network}", "fine-tuned") if parent else (config.study.space, "trained")
    yield (
        f"searching {what} in the tiers {tiers}: {config.search.trainings} networks per tier are {trained} for "
        f"{config.recipe.epochs} epochs, the best {wanted.per_tier} for {wanted.epochs}"
    )
    if parent and parent.compared:
        sizes = ", ".join(map(str, parent.compared))
        yield f"for comparison: the whole network at {sizes} px, {trained} for {wanted.epochs} epochs"
