from __future__ import annotations

from pathlib import Path

import pytest
from tests.study.conftest import SPACE, Simulated, trainings

from tiernas.errors import UsageError
from tiernas.job.finalist_weights import finalist_network
from tiernas.ledger import Ledger, Purpose, State
from tiernas.networks import build
from tiernas.study import train_candidates
from tiernas.training.checkpoint import WEIGHTS, CheckpointFolder, Identity
from tiernas.training.result import TrainingResult

RESULT = TrainingResult(0.9, 9, 0.1, 2.0, 100.0, 50.0, "recipe", "data", 7)


@pytest.mark.parametrize("what", ["damaged", "gone"])
def test_a_finalist_whose_weights_are_damaged_or_gone_is_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    vector = SPACE.sample(1, seed=0)[0]
    architecture = SPACE.decode(vector)
    measured = {"latency_ms": 0.3, "deployment": {"accuracy": 0.9}}
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        study = ledger.open_study("0.2-0.4", {})
        finalist = ledger.propose(study, vector, architecture.digest, 0.3, purpose=Purpose.FINAL, measurement=measured)
        ledger.start(finalist, "host:1")
        ledger.finish(finalist, 0.9, {"test_accuracy": 0.9})
        executor = Simulated(1, lambda _: 1.0)
        loop = trainings(ledger, executor)
        folder = Path(loop.place(study, finalist))
        identity = Identity(architecture.to_json(), ("a", "b"), "recipe", "data", 7)
        CheckpointFolder(folder, identity, TrainingResult).finish(build(architecture, 2).state_dict(), RESULT)
        assert finalist_network(ledger, study, finalist, loop).architecture == architecture

        content = bytearray((folder / WEIGHTS).read_bytes())
        content[-1] ^= 1
        (folder / WEIGHTS).write_bytes(content) if what == "damaged" else (folder / WEIGHTS).unlink()
        with pytest.raises(UsageError, match=r"finalist 1: no trained network: .*Run the same command again"):
            finalist_network(ledger, study, finalist, loop)
        (row,) = ledger.candidates(study, Purpose.FINAL)
        assert (row.state, row.accuracy, row.result, row.ended_order) == (State.PENDING, None, None, None)
        assert row.measurement == {"latency_ms": 0.3}
        train_candidates(loop, study, Purpose.FINAL)
        assert [job.id for job in executor.jobs] == [finalist.id]
        assert [c.state for c in ledger.candidates(study, Purpose.FINAL)] == [State.DONE]
