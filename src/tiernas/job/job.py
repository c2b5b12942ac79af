"""Everything that `tiernas search` does: latency table, tiers, a study per tier, finalists, model table.

A step whose result exists already is skipped, so the same call resumes a search that was stopped.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec

from pydantic import BaseModel

from tiernas.config import SearchConfig
from tiernas.config.sections import EngineSection
from tiernas.deployment import try_deployment
from tiernas.devices.carried import WaitsForKitError
from tiernas.engines import Engine
from tiernas.entries import artefact_folder
from tiernas.errors import NotInstalledError
from tiernas.executors import Executor, LocalExecutor, RayExecutor
from tiernas.executors.environment import training_environment
from tiernas.executors.mirror import CheckpointMirror, is_url
from tiernas.finalists import choose_finalists
from tiernas.inheritance.start_file import remove_kept
from tiernas.job.baselines import baselines_of, propose_baselines, warn_of_failed
from tiernas.job.checked_data import checked_data
from tiernas.job.device import device_clock, device_engine
from tiernas.job.entering import SearchResult, enter
from tiernas.job.finalist_weights import finalist_network
from tiernas.job.latency_table import built_table, given_table, require_same_classes, require_usable
from tiernas.job.planned import tell_plan
from tiernas.job.seeds import propose_seeds
from tiernas.job.start import begun, opened_parent, search_space
from tiernas.job.tier_search import search_tiers
from tiernas.latency import LatencyTable
from tiernas.ledger import BASELINES, Candidate, Ledger, Purpose, State, Study
from tiernas.limits import WithinLimits
from tiernas.networks.plugin_layers import require_declared_shapes
from tiernas.rivals import open_rivals
from tiernas.spaces import SearchSpace, get_space
from tiernas.spaces.catalogue import SPACES
from tiernas.spaces.consistency import random_vectors
from tiernas.study import (
    SPACE_DIGEST,
    Curves,
    Heartbeat,
    Trainings,
    has_begun,
    repeat_best,
    require_reusable,
    serving,
    train_candidates,
)
from tiernas.tier_clock import TierClock
from tiernas.tiers import Tier, require_some_within
from tiernas.training import RecipeConfig, Splits
from tiernas.training.data_config import DEFAULT_SIZE
from tiernas.training.data_size import DataSize
from tiernas.training.teachers.plugin import teacher_function

_log = logging.getLogger(__name__)

_CALLED = {Purpose.FINAL: "finalist", Purpose.PARENT: "whole parent", Purpose.RIVAL: "rival"}

_CHECKED_NETWORKS = 16
"""Number of random networks by which the blocks of a plug-in are checked when a search begins."""

Watch = Callable[[Study, Purpose, Sequence[Candidate], int], None]


def run_search(config: SearchConfig, *, stop: Callable[[], bool], watch: Watch) -> SearchResult:
    """Runs the whole search, or what is left of it.

    Args:
        config: The search.
        stop: Whether the user asked to stop.
        watch: Called with the candidates of a study whenever one of them changed.

    Raises:
        UsageError: Something in the configuration, the data or the environment must be fixed first.
        StoppedError: The user asked to stop; everything is saved.
    """
    output = config.study.output
    parent = opened_parent(config)
    space = search_space(config, parent)
    with ExitStack() as stack:
        engine = stack.enter_context(device_engine(config, space))
        _check_cluster(config)
        _check_networks(space)
        _check_optimizer(config, space)
        _check_teachers(config)
        open_rivals(config.rivals.names, DEFAULT_SIZE)
        given = given_table(config, space, engine)
        splits = checked_data(config, space)
        ledger = stack.enter_context(Ledger(config.ledger))
        heartbeat = stack.enter_context(serving(ledger, output))
        config = begun(config, parent, space, len(splits.classes))
        _log.info("data: %s images", ", ".join(f"{n} {part}" for part, n in splits.counts.items()))
        if taken_back := ledger.reclaim("the server ended"):
            _log.info("%d training runs were interrupted; they resume from their last checkpoint", taken_back)
        _check_reuse(config, ledger, splits)
        data, precision, batch = DataSize.of(splits), engine.precision, engine.batch
        within = WithinLimits(config.limits.limits, space, num_classes=data.classes, precision=precision, batch=batch)
        searched = _searched(config, ledger)
        if not searched:
            require_some_within(within, space, config.tiers.pool, config.study.seed)
        tell_plan(config, ledger, space, engine, data)
        table = None if searched else _table(config, ledger, given, space, engine, splits, stop)
        settings = _settings(config, splits, engine)
        studies = {tier: ledger.open_study(tier.name, settings, _defaults()) for tier in config.tier_list()}
        executor = stack.enter_context(_executor(config))
        curves = stack.enter_context(Curves(output / "tensorboard")) if config.study.tensorboard else None
        trainings = _trainings(config, ledger, executor, space, stop, watch, heartbeat, curves)
        if table is not None:
            search_tiers(config, ledger, studies, space, table, within, trainings, data)
        for study in studies.values():  # candidates requeued after the search of their tier had ended
            train_candidates(trainings, study, Purpose.SEARCH)
        _repeat_best(config, ledger, list(studies.values()), trainings)
        clock = stack.enter_context(device_clock(config, lambda: table or _saved_table(config, space), engine))
        baselines = baselines_of(config, space, open_rivals(config.rivals.names, data.image_size))
        propose_baselines(baselines, ledger, studies, len(splits.classes), clock, within)
        waiting: dict[str, str] = {}
        while True:  # the workers are idle: nothing trains while networks are measured
            chosen = [
                _choose(config, ledger, study, tier, space, len(splits.classes), clock, waiting)
                for tier, study in studies.items()
            ]
            for study in studies.values():
                train_candidates(trainings, study, Purpose.FINAL)
            if not any(chosen):  # a failed finalist is replaced by another candidate
                break
        for study in studies.values():
            for purpose in BASELINES:
                train_candidates(trainings, study, purpose)
        warn_of_failed(ledger, studies.values())
        for study in studies.values():
            propose_seeds(ledger, study, config.finalists.seeds)
            train_candidates(trainings, study, Purpose.SEED)
        for tier, study in studies.items():
            _try_deployments(config, ledger, study, tier, splits, clock, trainings)
        result = enter(config, ledger, studies, space, splits, trainings, waiting)
        remove_kept(output / "cache")  # nothing is left to train; a search that is extended writes it again
        return result


def _choose(
    config: SearchConfig,
    ledger: Ledger,
    study: Study,
    tier: Tier,
    space: SearchSpace,
    num_classes: int,
    clock: TierClock,
    waiting: dict[str, str],
) -> int:
    """The number of new finalists of a tier; a tier that waits for a kit has none, and is noted with what it needs."""
    try:
        return choose_finalists(ledger, study, tier, space, num_classes, clock, per_tier=config.finalists.per_tier)
    except WaitsForKitError as error:
        waiting[study.name] = f"{error}: tiernas finalists plan, and import what the kit writes"
        return 0


def _check_cluster(config: SearchConfig) -> None:
    """Refuses settings that cannot work before anything is measured."""
    if config.workers.executor == "ray" and find_spec("ray") is None:
        raise NotInstalledError("Ray", "ray")
    if is_url(config.checkpoints):
        CheckpointMirror(config.checkpoints)


def _check_networks(space: SearchSpace) -> None:
    """Refuses a plug-in space whose layers contradict their modules, before anything is measured."""
    for vector in random_vectors(space, _CHECKED_NETWORKS, seed=0):
        require_declared_shapes(space.decode(vector), space.num_classes)


def _check_optimizer(config: SearchConfig, space: SearchSpace) -> None:
    """Refuses an optimizer that cannot be made, before anything is measured; the default one always can."""
    if config.search.model_fields_set & {"optimizer", "options"}:
        config.search.optimizer_factory()(space.levels, seed=config.study.seed)


def _check_teachers(config: SearchConfig) -> None:
    """Refuses unsuitable plug-in functions, before anything is measured."""
    for teacher in (config.recipe.teacher, config.finalists.teacher):
        if teacher is not None and teacher.is_plugin:
            teacher_function(teacher)


def _executor(config: SearchConfig) -> Executor:
    logs = config.study.output / "logs"
    environment = training_environment(
        checkpoints=config.checkpoints,
        ledger=str(config.ledger),
        hub=config.uses_hub,
        names=(*config.workers.environment, *(("RAY_",) if config.workers.executor == "ray" else ())),
    )
    if config.workers.executor == "ray":
        settings = replace(config.workers.ray_settings, modules=config.worker_modules)
        return RayExecutor(settings, logs, environment=environment)
    return LocalExecutor(config.workers.local_processes, logs, environment)


def _check_reuse(config: SearchConfig, ledger: Ledger, splits: Splits) -> None:
    """Refuses other searches that do not fit, before anything is measured or a study starts with wrong settings."""
    begun = {study.name for study in ledger.studies() if has_begun(ledger, study)}
    if any(tier.name not in begun for tier in config.tier_list()):
        for path in config.search.reuse:
            require_reusable(path, _training_settings(config, splits))


def _table(
    config: SearchConfig,
    ledger: Ledger,
    given: LatencyTable | None,
    space: SearchSpace,
    engine: Engine,
    splits: Splits,
    stop: Callable[[], bool],
) -> LatencyTable:
    begun = bool({tier.name for tier in config.tier_list()} & {study.name for study in ledger.studies()})
    grow = not (begun or config.latency.inaccurate)
    if given is not None:
        require_same_classes(config, given, len(splits.classes), begun=begun)
    table = given or built_table(config, space, engine, len(splits.classes), stop=stop, grow=grow)
    require_usable(config, table, begun=begun)
    return table


def _training_settings(config: SearchConfig, splits: Splits) -> dict[str, object]:
    """Everything that the accuracy of a network depends on, except the seed."""
    recipe = {f"recipe.{key}": value for key, value in config.recipe.model_dump(mode="json").items()}
    name = config.study.space
    own = {} if name in SPACES.built_in else {SPACE_DIGEST: get_space(config.space_name).digest}
    return {"study.space": name, **own, "data": splits.digest, **recipe}


def _settings(config: SearchConfig, splits: Splits, engine: Engine) -> dict[str, object]:
    """Everything that proposals and accuracies of a study depend on; the number of candidates may grow."""
    screen = config.search.screen.model_dump(mode="json")
    teacher = config.finalists.teacher
    return {
        **_training_settings(config, splits),
        "study.seed": config.study.seed,
        **{f"engine.{key}": value for key, value in config.engine.model_dump(mode="json").items()},
        "device": engine.fingerprint().device,
        "latency table": hashlib.sha256(config.latency_table_path.read_bytes()).hexdigest()[:16],
        "tiers.pool": config.tiers.pool,
        **{f"limits.{name}": limit for name, limit in config.limits.limits.given.items()},
        "search.optimizer": config.search.optimizer,
        **{f"search.options.{key}": value for key, value in config.search.options.items()},
        **_order(config),
        **({f"search.screen.{key}": value for key, value in screen.items()} if screen["epochs"] else {}),
        "finalists.epochs": config.finalists.epochs,
        **({"finalists.teacher": teacher.model_dump(mode="json")} if teacher is not None else {}),
    }


def _defaults() -> dict[str, object]:
    """Values of the settings that the ledger of an earlier version does not have."""
    sections: dict[str, type[BaseModel]] = {"recipe": RecipeConfig, "engine": EngineSection}
    return {f"{name}.{key}": f.default for name, kind in sections.items() for key, f in kind.model_fields.items()}


def _order(config: SearchConfig) -> dict[str, object]:
    search = config.search
    return {"search.pending": search.pending} if search.order == "reproducible" else {"search.order": search.order}


def _trainings(
    config: SearchConfig,
    ledger: Ledger,
    executor: Executor,
    space: SearchSpace,
    stop: Callable[[], bool],
    watch: Watch,
    heartbeat: Heartbeat,
    curves: Curves | None,
) -> Trainings:
    minutes = config.workers.time_limit_minutes
    short, long = config.recipe, config.finalist_recipe
    recipes = {purpose: long if purpose.is_final else short for purpose in Purpose}
    return Trainings(
        ledger=ledger,
        executor=executor,
        space=space,
        data=config.data.model_dump(mode="json"),
        recipes={purpose: recipe.model_dump(mode="json") for purpose, recipe in recipes.items()},
        seed=config.study.seed,
        output=config.study.output,
        stop=stop,
        watch=watch,
        screen=config.search.screen_rule,
        checkpoints=config.checkpoints,
        time_limit_s=minutes * 60 if minutes is not None else None,
        report=heartbeat,
        curves=curves,
    )


def _repeat_best(config: SearchConfig, ledger: Ledger, studies: Sequence[Study], trainings: Trainings) -> None:
    """Trains the best of every tier without finalists so far with other seeds."""
    wanted = config.finalists
    for study in studies:
        if wanted.repeats and len(ledger.candidates(study, Purpose.FINAL)) < wanted.per_tier:
            repeat_best(ledger, study, trainings, best=wanted.repeat_best, repeats=wanted.repeats)


def _try_deployments(
    config: SearchConfig,
    ledger: Ledger,
    study: Study,
    tier: Tier,
    splits: Splits,
    clock: TierClock,
    trainings: Trainings,
) -> None:
    """Saves trained finalists as the engine deploys them, evaluates and measures those files, and records it."""
    entered = (purpose for purpose in Purpose if purpose.is_entered)
    for finalist in (each for purpose in entered for each in ledger.candidates(study, purpose)):
        measured, result = finalist.measurement, finalist.result
        artefact = artefact_folder(config, study, finalist)
        if finalist.state is not State.DONE or measured is None or result is None:
            continue
        if "deployment" in measured and artefact.exists():
            continue
        network = finalist_network(ledger, study, finalist, trainings)
        engine, exact_accuracy = clock.engine, result["test_accuracy"]
        budget_points = config.finalists.accuracy_budget_points
        found = try_deployment(
            network,
            splits,
            engine,
            exact_accuracy,
            budget_points,
            partial(clock.measure, tier=tier if finalist.rival is None else None),
            clock.rule,
            artefact,
            config.recipe.normalization,
        )
        _log.info(
            "tier %s ms: %s %s: %s, test accuracy %s in %s %s, %s in torch%s",
            study.name,
            _CALLED[finalist.purpose],
            finalist.rival["name"] if finalist.rival else finalist.number,
            f"{found.latency['latency_ms']:.3f} ms with its trained weights"
            if found.latency
            else f"{measured['latency_ms']:.3f} ms with random weights",
            f"{found.accuracy:.2%}",
            engine.name,
            engine.precision,
            f"{exact_accuracy:.2%}",
            f"; {found.reason}" if found.reason else "",
        )
        if finalist.purpose is Purpose.FINAL and found.latency and not tier.contains(found.latency["latency_ms"]):
            _log.warning(
                "tier %s ms: finalist %d takes %.4g ms with its trained weights, outside its tier; its entry has "
                "that latency (%.4g ms with random weights, by which the tier was decided)",
                study.name,
                finalist.number,
                found.latency["latency_ms"],
                measured["latency_ms"],
            )
        ledger.record_measurement(finalist, {**measured, "deployment": asdict(found)})


def _searched(config: SearchConfig, ledger: Ledger) -> bool:
    """Whether every tier has all its candidates, so that neither the latency table nor an optimizer is needed."""
    names = {tier.name for tier in config.tier_list()}
    studies = [study for study in ledger.studies() if study.name in names]
    wanted = ledger.orders().trainings or config.search.trainings
    there = config.latency_table_path.exists() and len(studies) == len(names)
    return there and all(ledger.count(study).total() >= wanted for study in studies)


def _saved_table(config: SearchConfig, space: SearchSpace) -> LatencyTable:
    """The latency table of a search whose candidates are all trained."""
    return LatencyTable.load(config.latency_table_path, space)
