"""The whole job of `tiernas search`: latency table, tiers, a study per tier, finalists, model table.

Every step is skipped where its result is there already, so the same call continues where an earlier one stopped.
"""

from __future__ import annotations

import hashlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from tiernas.config import SearchConfig
from tiernas.deployment import try_deployment
from tiernas.engines import Engine, get_engine
from tiernas.entries import make_entry
from tiernas.errors import UsageError
from tiernas.executors import Executor, LocalExecutor
from tiernas.finalists import choose_finalists
from tiernas.job.tier_search import search_tiers
from tiernas.latency import LatencyTable, build_table
from tiernas.ledger import Candidate, Ledger, Purpose, State, Study
from tiernas.spaces import SearchSpace, get_space
from tiernas.study import Trainings, checkpoint_dir, has_begun, repeat_best, require_reusable
from tiernas.table import Entry, ModelTable
from tiernas.training import Splits, load_data, load_trained

_log = logging.getLogger(__name__)

Watch = Callable[[Study, Purpose, Sequence[Candidate]], None]


def run_search(config: SearchConfig, *, stop: Callable[[], bool], watch: Watch) -> Sequence[Entry]:
    """Does the whole job, or what is left of it.

    Args:
        config: What to search.
        stop: Whether the user asked to stop.
        watch: Called with the candidates of a study whenever one of them changed.

    Returns:
        The entries of the model table that come of this configuration, tier by tier, best first.

    Raises:
        UsageError: Something in the configuration, the data or the environment must be mended first.
        StoppedError: The user asked to stop; everything is saved.
    """
    output = config.study.output
    space = get_space(config.study.space)
    wanted = config.engine
    engine = get_engine(wanted.name, precision=wanted.precision, batch=wanted.batch, threads=wanted.threads)
    with ExitStack() as stack:
        stack.enter_context(_sole_server(output))
        splits = load_data(config.data, cache_dir=output / "cache")
        _log.info("data: %s images", ", ".join(f"{n} {part}" for part, n in splits.counts.items()))
        ledger = stack.enter_context(Ledger(config.ledger_path))
        if taken_back := ledger.reclaim("the server ended"):
            _log.info("%d trainings were cut off; they continue from their last checkpoint", taken_back)
        _check_reuse(config, ledger, splits)
        searched = _searched(config, ledger)
        table = None if searched else _latency_table(config, space, engine, len(splits.classes))
        settings = _settings(config, splits, engine)
        studies = {tier: ledger.open_study(tier.name, settings) for tier in config.tier_list()}
        executor = stack.enter_context(LocalExecutor(config.workers.count, output / "logs"))
        trainings = _trainings(config, ledger, executor, space, stop, watch)
        if table is not None:
            search_tiers(config, ledger, studies, space, table, trainings)
        _repeat_best(config, ledger, list(studies.values()), trainings)
        for tier, study in studies.items():  # the workers are idle: nothing trains while networks are measured
            choose_finalists(ledger, study, tier, space, len(splits.classes), engine, config.finalists.per_tier)
        for study in studies.values():
            trainings.run(study, Purpose.FINAL)
        for study in studies.values():
            _try_deployments(config, ledger, study, splits, engine)
        return _enter(config, ledger, list(studies.values()), space, splits)


def _check_reuse(config: SearchConfig, ledger: Ledger, splits: Splits) -> None:
    """Refuses other searches that do not fit, before anything is measured or a study is begun with wrong settings."""
    begun = {study.name for study in ledger.studies() if has_begun(ledger, study)}
    if any(tier.name not in begun for tier in config.tier_list()):
        for path in config.search.reuse:
            require_reusable(path, _training_settings(config, splits))


def _latency_table(config: SearchConfig, space: SearchSpace, engine: Engine, num_classes: int) -> LatencyTable:
    path = config.latency_table_path
    if config.latency.table is None:

        def progress(done: int, wanted: int | None, _: object) -> None:
            if done % 10 == 0 or done == wanted:
                _log.info("latency table: %d of %s networks measured", done, wanted)

        return build_table(
            space, engine, path, networks=config.latency.networks, num_classes=num_classes, progress=progress
        )
    table = LatencyTable.load(path)
    table.require_space(space)
    table.require_device(engine.fingerprint(), allow_other=config.latency.other_device)
    return table


def _training_settings(config: SearchConfig, splits: Splits) -> dict[str, object]:
    """What the accuracy of a network depends on, but for the seed."""
    recipe = {f"recipe.{key}": value for key, value in config.recipe.model_dump(mode="json").items()}
    return {"study.space": config.study.space, "data": splits.digest, **recipe}


def _settings(config: SearchConfig, splits: Splits, engine: Engine) -> dict[str, object]:
    """Everything that proposals and accuracies of a study depend on; the number of trainings may grow."""
    screen = config.search.screen.model_dump(mode="json")
    return {
        **_training_settings(config, splits),
        "study.seed": config.study.seed,
        **{f"engine.{key}": value for key, value in config.engine.model_dump(mode="json").items()},
        "device": engine.fingerprint().device,
        "latency table": hashlib.sha256(config.latency_table_path.read_bytes()).hexdigest()[:16],
        "tiers.pool": config.tiers.pool,
        "search.optimizer": config.search.optimizer,
        **_order(config),
        **({f"search.screen.{key}": value for key, value in screen.items()} if screen["epochs"] else {}),
        "finalists.epochs": config.finalists.epochs,
    }


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
) -> Trainings:
    longer = config.recipe.model_copy(update={"epochs": config.finalists.epochs})
    recipes = {Purpose.SEARCH: config.recipe, Purpose.REPEAT: config.recipe, Purpose.FINAL: longer}
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
    )


def _repeat_best(config: SearchConfig, ledger: Ledger, studies: Sequence[Study], trainings: Trainings) -> None:
    """Trains the best of every tier that has yet to choose finalists with other seeds."""
    wanted = config.finalists
    for study in studies:
        if wanted.repeats and len(ledger.candidates(study, Purpose.FINAL)) < wanted.per_tier:
            repeat_best(ledger, study, trainings, best=wanted.repeat_best, repeats=wanted.repeats)


def _try_deployments(config: SearchConfig, ledger: Ledger, study: Study, splits: Splits, engine: Engine) -> None:
    """Runs trained finalists in the engine's precision, where that is not its most exact one, and records it."""
    exact = engine.more_exact()
    if exact is None:
        return
    for finalist in ledger.candidates(study, Purpose.FINAL):
        measured, result = finalist.measurement, finalist.result
        if finalist.state is not State.DONE or measured is None or result is None or "deployment" in measured:
            continue
        network = load_trained(checkpoint_dir(config.study.output, study, finalist))
        budget_points = config.finalists.accuracy_budget_points
        found = try_deployment(network, splits, engine, exact, result["test_accuracy"], budget_points)
        _log.info("tier %s ms: finalist %d: %s", study.name, finalist.number, found.reason)
        ledger.record_measurement(finalist, {**measured, "deployment": asdict(found)})


def _enter(
    config: SearchConfig,
    ledger: Ledger,
    studies: Sequence[Study],
    space: SearchSpace,
    splits: Splits,
) -> Sequence[Entry]:
    table = ModelTable(config.table.path)
    there = {entry.name: entry for entry in table.entries()}
    entries = []
    for study in studies:
        searched = {c.digest: c for c in ledger.candidates(study)}
        finalists = [c for c in ledger.candidates(study, Purpose.FINAL) if c.state is State.DONE]
        if not finalists and config.finalists.per_tier:
            _log.warning("tier %s ms has no entry: none of its best networks measured inside it", study.name)
        for finalist in finalists:
            architecture = space.decode(finalist.vector)
            entry = make_entry(config, study, finalist, architecture, splits, searched[finalist.digest])
            if there.get(entry.name) != entry:
                table.add(entry, load_trained(checkpoint_dir(config.study.output, study, finalist)))
            entries.append(entry)
    return entries


def _searched(config: SearchConfig, ledger: Ledger) -> bool:
    """Whether every tier has its trainings, so that neither the latency table nor an optimizer is needed."""
    names = {tier.name for tier in config.tier_list()}
    studies = [study for study in ledger.studies() if study.name in names]
    ended = [sum(c.ended and c.origin is None for c in ledger.candidates(study)) for study in studies]
    there = config.latency_table_path.exists() and len(studies) == len(names)
    return there and all(n >= config.search.trainings for n in ended)


@contextmanager
def _sole_server(output: Path) -> Iterator[None]:
    """Sees to it that one process at a time works in an output folder.

    Raises:
        UsageError: Another process works in it, or the folder cannot be written.
    """
    owner = output / "server.txt"
    lock = FileLock(output / "server.lock")
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(f"output folder {output}: {owner.read_text(encoding='utf-8').strip()} works in it") from error
    except OSError as error:
        raise UsageError(f"output folder {output}: cannot be written ({error.strerror})") from error
    try:
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()
