"""The few best are trained with other seeds: which, with which seeds, and what is made of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.study.conftest import Simulated, accuracy_of, proposals, trainings

from tiernas.executors import Event, Failed, Finished, Job
from tiernas.ledger import Candidate, Known, Ledger, Purpose, Study
from tiernas.study import repeat_best, train_candidates
from tiernas.study.repeats import summarize


class Noisy(Simulated):
    """Trainings whose accuracy depends on the seed; that of study is 7."""

    def end(self, job: Job) -> Event:
        return Finished(job.id, accuracy_of(job.architecture) - 0.01 * (job.seed - 7) ** 2, {"seed": job.seed})


def searched(folder: Path) -> tuple[Ledger, Study]:
    ledger = Ledger(folder / "ledger.sqlite")
    study = ledger.open_study("tier", {"study.seed": 7})
    train_candidates(
        trainings(ledger, Noisy(1, lambda _: 1.0)), study, Purpose.SEARCH, proposals(ledger, study, 0).next, 8
    )
    return ledger, study


def best_first(ledger: Ledger, study: Study) -> list[Candidate]:
    return sorted(ledger.candidates(study), key=lambda c: c.accuracy or 0.0, reverse=True)


def test_the_best_are_trained_with_the_seeds_after_that_of_the_study(tmp_path: Path) -> None:
    ledger, study = searched(tmp_path)
    executor = Noisy(2, lambda _: 1.0)
    repeat_best(ledger, study, trainings(ledger, executor), best=3, repeats=2)
    best = best_first(ledger, study)
    assert sorted(job.seed for job in executor.jobs) == [8, 8, 8, 9, 9, 9]
    assert len({job.checkpoint_dir for job in executor.jobs}) == 6
    assert {c.digest for c in ledger.candidates(study, Purpose.REPEAT)} == {c.digest for c in best[:3]}
    for c in best[:3]:
        assert c.accuracy is not None
        assert c.repeated is not None
        assert c.repeated["accuracy"] == pytest.approx(c.accuracy - 0.025)  # of the repeats alone
        assert c.repeated["rank_accuracy"] == pytest.approx(c.accuracy - 0.05 / 3)  # of all
        assert c.repeated["standard_error"] == pytest.approx(0.015)  # of each two, 0.03 apart
        assert c.repeated["seeds"] == 2
    assert all(c.repeated is None for c in best[3:])


def test_repeats_that_are_there_are_not_done_again_and_more_can_be_asked_for(tmp_path: Path) -> None:
    class Mortal(Noisy):
        def end(self, job: Job) -> Event:
            if len(self.jobs) == 3:
                raise KeyboardInterrupt
            return super().end(job)

    ledger, study = searched(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        repeat_best(ledger, study, trainings(ledger, Mortal(1, lambda _: 1.0)), best=4, repeats=1)
    ledger.reclaim("the server ended")
    executor = Noisy(1, lambda _: 1.0)
    for best in (4, 4, 5):
        repeat_best(ledger, study, trainings(ledger, executor), best=best, repeats=1)
    assert len(executor.jobs) == 2 + 1
    assert [c.repeated is not None for c in best_first(ledger, study)] == [True] * 5 + [False] * 3


def test_those_with_repeats_come_first_by_the_mean_of_all() -> None:
    def candidate(accuracy: float, mean: float | None = None) -> Candidate:
        return Candidate(accuracy=accuracy, repeated=None if mean is None else {"rank_accuracy": mean})

    ranked = [candidate(0.90, 0.89), candidate(0.93, 0.85), candidate(0.88), candidate(0.87)]
    shuffled = [ranked[i] for i in (2, 1, 3, 0)]
    assert sorted(shuffled, key=lambda c: c.merit, reverse=True) == ranked


def test_a_network_that_only_one_seed_can_train_comes_after_the_others(tmp_path: Path) -> None:
    ledger, study = searched(tmp_path)
    first, *_ = best_first(ledger, study)

    class Fragile(Noisy):
        def end(self, job: Job) -> Event:
            if accuracy_of(job.architecture) == first.accuracy:
                return Failed(job.id, "diverged", retry=False)
            return super().end(job)

    repeat_best(ledger, study, trainings(ledger, Fragile(1, lambda _: 1.0)), best=3, repeats=1)
    merits = [c.merit for c in best_first(ledger, study)]
    assert merits[1] > merits[2] > merits[0] > merits[3]


def test_an_accuracy_that_was_taken_over_is_not_repeated_with_its_own_seed(tmp_path: Path) -> None:
    ledger, study = searched(tmp_path)
    (tmp_path / "other").mkdir()
    other = Ledger(tmp_path / "other" / "ledger.sqlite")
    new = other.open_study("tier", {"study.seed": 7})
    one = best_first(ledger, study)[0]
    other.adopt(new, [Known(one.vector, one.digest, 0.5, True, 0.9, {"seed": 8}, "elsewhere")], {"elsewhere": 1})
    executor = Noisy(1, lambda _: 1.0)
    repeat_best(other, new, trainings(other, executor), best=1, repeats=2)
    assert sorted(job.seed for job in executor.jobs) == [7, 9]


def test_the_standard_error_is_that_of_the_spread_between_seeds() -> None:
    rng = np.random.default_rng(1)
    means = rng.normal(0.8, 0.02, size=2000)
    values = {str(i): (mean + rng.normal(0, 0.01, size=2)).tolist() for i, mean in enumerate(means)}
    found = summarize(values)
    assert found["0"]["standard_error"] == pytest.approx(0.01 / np.sqrt(2), rel=0.05)
    errors = [found[str(i)]["accuracy"] - mean for i, mean in enumerate(means)]
    assert np.std(errors) == pytest.approx(found["0"]["standard_error"], rel=0.05)
    assert summarize({"a": [0.5], "b": []}) == {"a": {"accuracy": 0.5, "standard_error": None, "seeds": 1}}
