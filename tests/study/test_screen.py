"""The screen: who goes on, what the optimizer is told of the others, and what the report says of it."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import kendalltau
from tests.study.conftest import Simulated, accuracy_of, proposals, trainings

from tiernas.executors import Event, Job, Paused
from tiernas.ledger import Candidate, Ledger, Outcome, Purpose, State, Study
from tiernas.study import Screen, report_screen, train_candidates
from tiernas.study.screen import Forecast
from tiernas.study.screen_report import weighted_tau


def rung_accuracy(architecture: str, epochs: int) -> float:
    """Lower than at the end, and less certain the earlier it is."""
    final = accuracy_of(architecture)
    noise = int.from_bytes(architecture[-20:-12].encode(), "little") % 1000 / 1000 - 0.5
    return final * (0.5 + epochs / 20) + 0.2 / epochs * noise


class Pausing(Simulated):
    """Pauses where it is asked to."""

    def end(self, job: Job) -> Event:
        if job.stop_epoch is not None:
            return Paused(job.id, job.stop_epoch, rung_accuracy(job.architecture, job.stop_epoch))
        return super().end(job)


def screened(
    folder: Path, screen: Screen, wanted: int = 24, executor: Simulated | None = None
) -> tuple[Ledger, Study, list[Candidate]]:
    folder.mkdir(exist_ok=True)
    ledger = Ledger(folder / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    loop = trainings(ledger, executor or Pausing(1, lambda _: 1.0), screen=screen)
    candidates = train_candidates(loop, study, Purpose.SEARCH, proposals(ledger, study, screen.pending).next, wanted)
    return ledger, study, list(candidates)


def candidate(number: int, *accuracies: float, final: float | None = None, kept: bool = True) -> Candidate:
    rungs = [{"epochs": 2 + 2 * i, "accuracy": a, "kept": kept} for i, a in enumerate(accuracies)]
    state = State.PENDING if final is None else State.DONE
    return Candidate(id=number + 1, index=number, rungs=rungs, accuracy=final, state=state, attempts=[])


def test_the_top_third_of_a_rung_goes_on() -> None:
    screen = Screen((2, 4), 1 / 3, 8, None)
    there = [candidate(0, 0.5)]
    assert screen.keeps(candidate(1), 0.1, there)  # of two, nobody is in the top third or below it
    there += [candidate(1, 0.1)]
    assert screen.keeps(candidate(2), 0.6, there)
    assert not screen.keeps(candidate(2), 0.4, there)
    there += [candidate(n, n / 10) for n in range(2, 5)]  # 0.5 0.1 0.2 0.3 0.4, and the sixth: two go on
    assert screen.keeps(candidate(5), 0.45, there)
    assert not screen.keeps(candidate(5), 0.35, there)
    assert screen.keeps(candidate(5, 0.9), 0.01, there)  # the first at the second rung


def test_one_that_is_audited_does_not_make_the_next_rung_easier() -> None:
    screen = Screen((2, 4), 1 / 3, 8, None)
    there = [candidate(n, 0.1, 0.1, kept=False) for n in range(10)] + [candidate(n, 0.5, 0.7) for n in range(10, 13)]
    assert not screen.keeps(candidate(13, 0.5), 0.6, there)


def test_the_reproducible_order_compares_only_to_what_had_ended_for_certain() -> None:
    there = [candidate(n, 0.9) for n in range(5)]
    assert not Screen((2,), 1 / 3, 8, 0).keeps(candidate(5), 0.5, there)
    assert Screen((2,), 1 / 3, 8, 4).keeps(candidate(5), 0.5, there)


def test_each_training_stops_at_its_rungs_and_goes_on_to_the_next(tmp_path: Path) -> None:
    executor = Pausing(3, lambda _: 1.0)
    ledger, study, _ = screened(tmp_path, Screen((2, 6), 0.5, 8, None), executor=executor)
    states = set()
    for c in ledger.candidates(study):
        stops = [job.stop_epoch for job in executor.jobs if job.id == c.id]
        rungs = c.rungs or []
        assert [r["epochs"] for r in rungs] == [2, 6][: len(rungs)]
        assert stops == [2, 6, None][: len(rungs) + (c.state is State.DONE)]
        outcomes = [Outcome.PAUSED] * len(rungs) + [Outcome.DONE] * (c.state is State.DONE)
        assert [a.outcome for a in c.attempts] == outcomes
        all_kept = all(r["kept"] for r in rungs)
        assert (c.state is State.DONE) == (all_kept or c.index % 8 == 7)
        assert (c.accuracy is None) == (c.state is State.PRUNED)
        states.add((c.state, all_kept))
    assert len(states) == 3  # some passed, some were pruned, some audited


@pytest.mark.parametrize("pending", [0, 3])
def test_in_the_reproducible_order_neither_workers_nor_kills_change_what_is_pruned(
    tmp_path: Path, pending: int
) -> None:
    class Mortal(Pausing):
        def end(self, job: Job) -> Event:
            if len(self.jobs) >= 15:
                raise KeyboardInterrupt
            return super().end(job)

    screen = Screen((2, 6), 0.5, 4, pending)
    _, _, calm = screened(tmp_path / "calm", screen)
    unequal = 8, lambda job: 5.0 if job.id % 3 else 1.0
    with pytest.raises(KeyboardInterrupt):
        screened(tmp_path / "killed", screen, executor=Mortal(*unequal))
    with Ledger(tmp_path / "killed" / "ledger.sqlite") as ledger:
        assert ledger.reclaim("the server ended")
    _, _, killed = screened(tmp_path / "killed", screen, executor=Pausing(*unequal))
    assert [(c.vector, c.state, c.rungs, c.accuracy) for c in killed] == [
        (c.vector, c.state, c.rungs, c.accuracy) for c in calm
    ]


def test_storage_that_does_not_answer_when_checkpoints_are_to_be_removed_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    study = ledger.open_study("tier", {})
    screen = Screen((2,), 0.5, 8, None)
    with socket.socket() as refusing:  # it is bound, and does not listen
        refusing.bind(("127.0.0.1", 0))
        url = f"ftp://127.0.0.1:{refusing.getsockname()[1]}/checkpoints"
        loop = replace(trainings(ledger, Pausing(1, lambda _: 1.0), screen=screen), checkpoints=url)
        candidates = train_candidates(loop, study, Purpose.SEARCH, proposals(ledger, study, None).next, 12)
    pruned = [c for c in candidates if c.state is State.PRUNED]
    told = [record.message for record in caplog.records if "is no longer needed" in record.message]
    assert len(told) == len(pruned) > 0
    assert "storage does not answer (ConnectionRefusedError" in told[0]
    assert f"{url}/tier/search/{pruned[0].index:05d}" in told[0]


def test_the_optimizer_is_told_forecasts_of_what_was_pruned(tmp_path: Path) -> None:
    screen = Screen((2,), 0.5, 8, None)
    ledger, study, candidates = screened(tmp_path, screen)
    proposing = proposals(ledger, study, None)
    proposing.next(candidates, 1)  # a fresh optimizer is told the ledger's history
    _, told = proposing._optimizer.told
    ended = sorted(candidates, key=lambda c: c.ended_order or 0)
    forecast = Forecast()
    for c, value in zip(ended, told, strict=True):
        if c.state is State.DONE:
            assert value == c.accuracy
            forecast.add(c)
        else:
            assert value == forecast(c)


def test_a_forecast_follows_the_relation_of_those_that_have_both() -> None:
    forecast = Forecast()
    pruned = candidate(0, 0.3)
    assert forecast(pruned) == 0.3  # nothing is known yet
    forecast.add(candidate(1, 0.5, final=0.8))
    assert forecast(pruned) == pytest.approx(12 / 19)  # odds 3 / 7 times 4, as of the one that has both
    forecast = Forecast()
    for n, odds in enumerate((0.5, 1, 2, 3, 4, 5)):
        forecast.add(candidate(n, odds / (1 + odds), final=4 * odds**2 / (1 + 4 * odds**2)))
    odds = 4 * (3 / 7) ** 2
    assert forecast(pruned) == pytest.approx(odds / (1 + odds))
    assert 0 < forecast(candidate(0, 0.0)) < forecast(pruned) < forecast(candidate(0, 1.0)) < 1


def test_the_report_counts_epochs_and_candidates(tmp_path: Path) -> None:
    screen = Screen((2, 6), 0.5, 8, None)
    _, _, candidates = screened(tmp_path, screen)
    report = report_screen(candidates, screen, epochs=9)
    done = sum(c.state is State.DONE for c in candidates)
    first, second = report.rungs
    assert (first.reached, first.reached - first.pruned, second.reached - second.pruned) == (24, second.reached, done)
    assert first.pairs == second.pairs == done
    assert report.epochs_spent == 2 * first.pruned + 6 * second.pruned + 9 * done
    assert report.epochs_without == 24 * 9
    assert first.tau is not None
    assert first.tau_low is not None
    assert first.tau_high is not None
    assert -1 <= first.tau_low <= first.tau <= first.tau_high <= 1


def test_with_equal_weights_tau_is_the_usual_one() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 8, size=(2, 30)).astype(float)
    found = weighted_tau(x, y, np.full(30, 3.0))
    assert found is not None
    assert found[0] == pytest.approx(kendalltau(x, y).statistic)
    assert weighted_tau(x, np.ones(30), np.ones(30)) is None


def test_six_trainings_in_the_same_order_prove_little() -> None:
    found = weighted_tau(np.arange(6.0), np.arange(6.0), np.ones(6))
    assert found is not None
    tau, low, high = found
    assert tau == high == 1
    assert low == pytest.approx(np.tanh(np.arctanh(1 - 1 / 15) - 1.96 * np.sqrt(0.437 / 2)), abs=1e-3)


def test_tau_of_a_screened_study_estimates_that_of_all_candidates() -> None:
    """500 candidates: of those below the median at the rung one in five goes on. Unweighted, tau would be too low."""
    rng = np.random.default_rng(1)
    errors: list[Any] = []
    for _ in range(20):
        x = rng.normal(size=500)
        y = x + rng.normal(size=500)
        on = (x > np.median(x)) | (rng.random(500) < 0.2)
        weights = np.where(x > np.median(x), 1.0, 5.0)[on]
        found, plain = weighted_tau(x[on], y[on], weights), weighted_tau(x[on], y[on], np.ones(on.sum()))
        assert found is not None
        assert plain is not None
        true = kendalltau(x, y).statistic
        errors.append((found[0] - 0.5, plain[0] - 0.5, found[1] <= true <= found[2]))
    weighted, unweighted, inside = np.mean(errors, axis=0)
    assert abs(weighted) < 0.02
    assert unweighted < -0.05
    assert inside >= 0.85
