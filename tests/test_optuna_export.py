from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError
from tiernas.ledger import Ledger
from tiernas.optuna_export import export_optuna
from tiernas.spaces import get_space

SPACE = get_space("gpunet-small")


@pytest.fixture
def config(tmp_path: Path) -> SearchConfig:
    """A search with a candidate in every state."""
    file = tmp_path / "mine.toml"
    file.write_text(
        f'[study]\nname = "mine"\noutput = "{tmp_path}"\n[data]\nkind = "digits"\n[recipe]\nepochs = 3\n'
        "[tiers]\nedges = [0.2, 0.4]\n[finalists]\nepochs = 9\n"
    )
    config = load_config(file)
    with Ledger(config.ledger) as ledger:
        study = ledger.open_study("0.2-0.4", {})
        rows = SPACE.sample(5, seed=0)
        done, failed, pruned, running, _ = [ledger.propose(study, x, SPACE.decode(x).digest, 0.3) for x in rows]
        for candidate in (done, failed, pruned, running):
            ledger.start(candidate, "node:1")
        ledger.finish(done, 0.8, {})
        ledger.fail(failed, "diverged in epoch 2", retry=False)
        ledger.pause(pruned, 1, 0.4, kept=False, prune=True)
    return config


@pytest.mark.parametrize("name", ["optuna.db", "optuna.log"])
def test_every_candidate_is_a_trial_and_a_second_export_replaces_the_first(
    config: SearchConfig, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    for _ in range(2):
        assert export_optuna(config, path) == {"mine 0.2-0.4 ms": 5}
    storage: BaseStorage = (
        RDBStorage(f"sqlite:///{path}") if name.endswith("db") else JournalStorage(JournalFileBackend(str(path)))
    )
    assert optuna.get_all_study_names(storage) == ["mine 0.2-0.4 ms"]
    study = optuna.load_study(study_name="mine 0.2-0.4 ms", storage=storage)
    done, failed, pruned, running, waiting = study.trials
    states = TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED, TrialState.RUNNING, TrialState.WAITING
    assert tuple(trial.state for trial in study.trials) == states
    assert study.best_trial.number == done.number == 0
    assert done.value == 0.8
    assert done.duration is not None
    assert failed.user_attrs["reason"] == "diverged in epoch 2"
    assert (pruned.value, pruned.intermediate_values) == (0.4, {1: 0.4})
    assert (running.datetime_complete, waiting.datetime_start) == (None, None)
    for trial, vector in zip(study.trials, SPACE.sample(5, seed=0), strict=True):
        assert [trial.params[d.name] for d in SPACE.dimensions] == vector.tolist()
        assert trial.user_attrs["candidate"] == trial.number + 1
        assert trial.user_attrs["estimated_latency_ms"] == 0.3


def test_a_file_of_something_else_is_left_alone(config: SearchConfig, tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear reader, " * 100)
    with pytest.raises(UsageError, match=r"letter\.db: cannot be written as an Optuna storage"):
        export_optuna(config, path)
    assert path.read_text().startswith("Dear reader")
    with pytest.raises(UsageError, match="cannot be written as an Optuna storage"):
        export_optuna(config, tmp_path / "nowhere" / "optuna.db")
