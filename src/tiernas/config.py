"""The TOML file of a search: read, checked, and every mistake named with the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tiernas.errors import UsageError
from tiernas.latency.advice import ACCURACY_BUDGET_POINTS
from tiernas.spaces import get_space
from tiernas.study import Screen
from tiernas.tiers import DEFAULT_POOL_NETWORKS, Tier, tiers_between
from tiernas.training import DataConfig, RecipeConfig


def _known_space(name: str) -> str:
    get_space(name)
    return name


class Section(BaseModel):
    """A table of the file: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StudySection(Section):
    """What is searched, and where the results go.

    Attributes:
        name: Name of the study; entries of the model table begin with it.
        space: Name of the search space.
        output: Folder for the ledger, checkpoints, latency table and report.
        seed: Seed of everything that is random.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    space: Annotated[str, AfterValidator(_known_space)] = "gpunet-small"
    output: Path
    seed: Annotated[int, Field(ge=0)] = 0


class EngineSection(Section):
    """What the networks will be deployed on.

    Attributes:
        name: Deployment engine.
        precision: Precision of the engine.
        batch: Images per inference.
        threads: Threads of one inference.
    """

    name: str = "openvino"
    precision: str = "fp32"
    batch: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1)] = 1


class LatencySection(Section):
    """The latency table.

    Attributes:
        table: File of the table; by default `latency-table.jsonl` in the output folder. Built if it is missing.
        networks: Whole networks that a table is built from.
        other_device: Accept a table of another device; finalists are measured here all the same.
    """

    table: Path | None = None
    networks: Annotated[int, Field(ge=10)] = 100
    other_device: bool = False


class TiersSection(Section):
    """The latency tiers.

    Attributes:
        edges: Increasing latencies in ms: [0.2, 0.4, 0.8] makes the tiers 0.2-0.4 and 0.4-0.8.
        pool: Sobol samples that are sorted into the tiers.
    """

    edges: Annotated[list[float], Field(min_length=2)]
    pool: Annotated[int, Field(ge=1, le=2**24)] = DEFAULT_POOL_NETWORKS


def _increasing(epochs: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise(epochs)):
        raise ValueError("must increase")
    return epochs


class ScreenSection(Section):
    """Cheap first: which trainings of the search end early.

    Attributes:
        epochs: Epochs after which a training is compared to the others, such as [2, 6]; increasing, each below
            `recipe.epochs`. Empty: every training goes to its end.
        keep: Part that goes on at each of them.
        audit: Of so many candidates one goes on whatever its accuracy is: they show whether the screen can be relied
            on (`tiernas status`).
    """

    epochs: Annotated[list[Annotated[int, Field(ge=1)]], AfterValidator(_increasing)] = []
    keep: Annotated[float, Field(gt=0, lt=1)] = 1 / 3
    audit: Annotated[int, Field(ge=2)] = 8


class SearchSection(Section):
    """The search of each tier.

    Attributes:
        optimizer: Who proposes networks.
        trainings: Networks that are trained per tier: those that the screen ends early count, those whose accuracy is
            reused do not.
        order: "reproducible": what is proposed depends on results alone, not on timing, so the same file finds the
            same networks again; best for a few workers of one speed. "asynchronous": each proposal uses every result
            that is there, and no worker waits for another one; best for many workers or unequal ones.
        pending: Of the reproducible order: earlier networks of the tier whose result may still be missing when one is
            proposed. At most one worker more is busy; with fewer, proposals know more.
        reuse: Output folders of other searches, or their ledgers, of the same space, data and recipe: their accuracies
            are known from the start, whatever device they were for. Taken over when the search of a tier begins.
        screen: Which trainings end early.
    """

    optimizer: Literal["lamcts", "evolution", "random"] = "lamcts"
    trainings: Annotated[int, Field(ge=1)] = 40
    order: Literal["reproducible", "asynchronous"] = "reproducible"
    pending: Annotated[int, Field(ge=0)] = 3
    reuse: list[Path] = []
    screen: ScreenSection = ScreenSection()

    @property
    def distance(self) -> int | None:
        """How many of the latest candidates may be without a result when one is proposed; None: any number."""
        return self.pending if self.order == "reproducible" else None

    @property
    def screen_rule(self) -> Screen | None:
        """What the screen decides by; None where every training goes to its end."""
        screen = self.screen
        return Screen(tuple(screen.epochs), screen.keep, screen.audit, self.distance) if screen.epochs else None


class FinalistsSection(Section):
    """The best of each tier, which become entries of the model table.

    Attributes:
        per_tier: How many of each tier; 0 ends after the search.
        repeats: Other seeds with which the best are trained once more, by the recipe of the search, before finalists
            are chosen by their mean; 0 chooses by the accuracy of the search.
        repeat_best: How many of each tier are trained with other seeds.
        epochs: Epochs of their training.
        accuracy_budget_points: Accuracy that a low precision of the engine may lose, in percentage points; an entry
            that loses more is kept but never recommended.
    """

    per_tier: Annotated[int, Field(ge=0)] = 2
    repeats: Annotated[int, Field(ge=0)] = 1
    repeat_best: Annotated[int, Field(ge=1)] = 4
    epochs: Annotated[int, Field(ge=1)]
    accuracy_budget_points: Annotated[float, Field(ge=0)] = ACCURACY_BUDGET_POINTS


class WorkersSection(Section):
    """Where candidates are trained.

    Attributes:
        count: Processes of this machine, one thread each; by default one per core.
    """

    count: Annotated[int, Field(ge=1)] = Field(default_factory=lambda: len(os.sched_getaffinity(0)))


class TableSection(Section):
    """The model table.

    Attributes:
        path: Folder of the table; other studies may write to the same one.
    """

    path: Path = Path("model-table")


class SearchConfig(Section):
    """A whole file."""

    study: StudySection
    data: DataConfig
    recipe: RecipeConfig
    engine: EngineSection = EngineSection()
    latency: LatencySection = LatencySection()
    tiers: TiersSection
    search: SearchSection = SearchSection()
    finalists: FinalistsSection
    workers: WorkersSection = Field(default_factory=WorkersSection)
    table: TableSection = TableSection()

    def tier_list(self) -> Sequence[Tier]:
        """The tiers, in order."""
        return tiers_between(self.tiers.edges)

    def check(self) -> None:
        """Checks what more than one key decides.

        Raises:
            UsageError: Names the keys, their values and what is allowed.
        """
        self.tier_list()
        rungs, epochs = self.search.screen.epochs, self.recipe.epochs
        if rungs and rungs[-1] >= epochs:
            raise UsageError(f"search.screen.epochs = {rungs}: each must be below recipe.epochs = {epochs}")

    @property
    def ledger_path(self) -> Path:
        """The ledger, in the output folder."""
        return self.study.output / "ledger.sqlite"

    @property
    def latency_table_path(self) -> Path:
        """The latency table."""
        return self.latency.table or self.study.output / "latency-table.jsonl"


def load_config(path: Path, overrides: Sequence[str] = ()) -> SearchConfig:
    """Reads a TOML file.

    Args:
        path: The file.
        overrides: `section.key=value` each, value as in TOML or a bare word; they replace what the file says.

    Raises:
        UsageError: The file is missing, is no TOML, or has an unknown key or a value that is not allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"no configuration file {path}; examples/ holds some that run") from error
    except OSError as error:
        raise UsageError(f"configuration file {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
    for override in overrides:
        _override(data, override)
    try:
        config = SearchConfig.model_validate(data)
        config.check()
    except ValidationError as error:
        raise UsageError(f"{path}: " + "\n  ".join(_explained(problem) for problem in error.errors())) from error
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return config


def _override(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    *sections, key = name.strip().split(".")
    if not equals or not sections:
        raise UsageError(f"--set {override}: must be section.key=value, such as --set search.trainings=20")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for section in sections:
        data = data.setdefault(section, {})
        if not isinstance(data, dict):
            raise UsageError(f"--set {override}: {section} is no section of the file")
    data[key] = value


def _explained(problem: Any) -> str:
    """One mistake: the key, its value, and what is allowed."""
    keys = [str(key) for key in problem["loc"]]
    where = ".".join(keys)
    match problem["type"]:
        case "extra_forbidden":
            known = _known_keys(keys[:-1])
            near = difflib.get_close_matches(keys[-1], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"unknown key {where}{hint} Known here: {', '.join(known)}."
        case "missing":
            return f"{where} is missing; it must be set."
        case _:
            message = problem["msg"].removeprefix("Value error, ")
            return f"{where} = {problem['input']!r}: {message[0].lower()}{message[1:]}."


def _known_keys(sections: list[str]) -> list[str]:
    model: Any = SearchConfig
    for section in sections:
        model = model.model_fields[section].annotation
    return list(model.model_fields)
