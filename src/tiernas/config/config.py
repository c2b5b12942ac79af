"""`SearchConfig`: a whole file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from tiernas.config.parent_section import ParentSection
from tiernas.config.rivals_section import RivalsSection
from tiernas.config.search_section import SearchSection
from tiernas.config.section import Section
from tiernas.config.sections import (
    DeviceSection,
    EngineSection,
    FinalistsSection,
    LatencySection,
    LimitsSection,
    StudySection,
    TableSection,
    TiersSection,
)
from tiernas.config.workers_section import WorkersSection
from tiernas.errors import UsageError, about
from tiernas.limits import require_width
from tiernas.plugins import is_reference, top_module
from tiernas.spaces import PARENT, SPACE_FILE, get_space
from tiernas.tiers import Tier, tiers_between
from tiernas.training import DataConfig, RecipeConfig


class SearchConfig(Section):
    """A whole file."""

    study: StudySection
    parent: ParentSection | None = None
    data: DataConfig
    recipe: RecipeConfig
    engine: EngineSection = EngineSection()
    device: DeviceSection = DeviceSection()
    latency: LatencySection = LatencySection()
    tiers: TiersSection
    limits: LimitsSection = LimitsSection()
    search: SearchSection = SearchSection()
    finalists: FinalistsSection
    rivals: RivalsSection = RivalsSection()
    workers: WorkersSection = Field(default_factory=WorkersSection)
    table: TableSection = TableSection()

    @field_validator("data")
    @classmethod
    def _default_image_size(cls, data: DataConfig, info: ValidationInfo) -> DataConfig:
        if data.image_size is not None or "study" not in info.data:
            return data
        parent = info.data.get("parent")
        largest = parent.resolution[-1] if parent else _largest_resolution(info.data["study"].space)
        return data if largest is None else data.model_copy(update={"image_size": largest})

    def tier_list(self) -> Sequence[Tier]:
        """The tiers, in order."""
        return tiers_between(self.tiers.edges)

    def check(self) -> None:
        """Checks rules that involve several keys.

        Raises:
            UsageError: Names the keys, their values and what is allowed.
        """
        self.tier_list()
        rungs, epochs = self.search.screen.epochs, self.recipe.epochs
        if rungs and rungs[-1] >= epochs:
            raise UsageError(f"search.screen.epochs = {rungs}: each must be below recipe.epochs = {epochs}")
        with about("limits"):
            require_width(self.limits.limits, self.engine.precision)
        self._check_parent()
        self._check_start()
        self._check_device()
        self._check_rivals()
        self.workers.check()

    def _check_parent(self) -> None:
        if self.study.space != PARENT and self.parent is not None:
            raise UsageError(
                f"[parent]: only for study.space = {PARENT!r}, not {self.study.space!r}; remove it, or change the "
                "space (in other spaces, recipe.start names the trained network to start from)"
            )
        if self.study.space == PARENT and self.parent is None:
            raise UsageError(
                f"parent.network is missing: study.space = {PARENT!r} consists of the parts of a network; name one, "
                'such as network = "efficientnet-lite0"'
            )
        if self.parent is not None and self.recipe.start is not None:
            raise UsageError(
                f"recipe.start = {self.recipe.start!r}: the networks of study.space = {PARENT!r} start from "
                "parent.network; omit recipe.start"
            )

    def _check_start(self) -> None:
        starts = self.parent is not None or self.recipe.start is not None
        scale = self.recipe.body_learning_rate_scale
        if scale != 1 and not starts:
            raise UsageError(
                f"recipe.body_learning_rate_scale = {scale:g}: only for networks that start from a trained "
                "one; set recipe.start or study.space = 'parent', or set it to 1"
            )
        if starts and (given := self.recipe.model_fields_set & {"input_mean", "input_std"}):
            raise UsageError(
                f"recipe.{min(given)}: networks that start from a trained one use its normalization; omit it"
            )

    def _check_device(self) -> None:
        if self.device.by_kit and self.latency.table is None:
            raise UsageError(
                "device.address = 'kit': the latency table must be of that device: make it with tiernas latency plan "
                "and tiernas latency import, and name it in latency.table"
            )
        if self.device.by_kit and self.parent is not None and self.parent.compared:
            raise UsageError("parent.compared: whole parents are not measured by kits; set it to []")

    def _check_rivals(self) -> None:
        if not self.rivals.names:
            return
        if self.device.by_kit:
            raise UsageError("[rivals]: rivals are not measured by kits; remove the section")
        if self.parent is not None or self.recipe.start is not None:
            raise UsageError(
                "[rivals]: rivals begin with random weights and cannot be judged by the same training as networks that "
                "start from a trained one; remove the section (parent.compared compares with the whole parent)"
            )

    @property
    def kit_results(self) -> Path:
        """Folder of the results of kits that were imported."""
        return self.study.output / "kits"

    @property
    def space_name(self) -> str:
        """The argument of `get_space` once the search has started: a name, or the file in the output folder."""
        return str(self.study.output / SPACE_FILE) if self.study.space == PARENT else self.study.space

    @property
    def finalist_recipe(self) -> RecipeConfig:
        """The recipe of the search, with the epochs and the teacher of finalists."""
        finalists = self.finalists
        return self.recipe.model_copy(
            update={"epochs": finalists.epochs, "teacher": finalists.teacher or self.recipe.teacher}
        )

    @property
    def ledger(self) -> Path | str:
        """The ledger: a file in the output folder, or a URL that may contain a password."""
        return self.study.ledger or self.study.output / "ledger.sqlite"

    @property
    def checkpoints(self) -> str:
        """The folder or URL of checkpoints and weights."""
        return self.study.checkpoints or str(self.study.output / "checkpoints")

    @property
    def uses_hub(self) -> bool:
        """Whether training may download data or a teacher from the Hugging Face Hub."""
        teachers = (self.recipe.teacher, self.finalists.teacher)
        return self.data.kind == "huggingface" or any(teacher and teacher.kind == "timm" for teacher in teachers)

    @property
    def worker_modules(self) -> tuple[str, ...]:
        """Top-level modules of the plug-ins that training imports."""
        teachers = (teacher.reference for teacher in (self.recipe.teacher, self.finalists.teacher) if teacher)
        references = (kind for kind in (self.data.kind, *teachers) if is_reference(kind))
        return tuple(sorted({top_module(reference) for reference in references}))

    @property
    def latency_table_path(self) -> Path:
        """The latency table."""
        return self.latency.table or self.study.output / "latency-table.jsonl"


def _largest_resolution(space: str) -> int | None:
    """The largest resolution of a space, in pixels; None if its parent is missing, which is reported later."""
    return None if space == PARENT else get_space(space).largest_resolution
