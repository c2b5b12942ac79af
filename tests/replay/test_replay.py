"""Both loops on a simulated clock: they ask the same optimizer for the same rows."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tiernas.errors import UsageError
from tiernas.executors import Job
from tiernas.ledger import Ledger, State
from tiernas.replay import Levy, Trials, best_so_far_regret, incumbent_regret, replay, replay_study
from tiernas.replay.executor import SimulatedExecutor
from tiernas.replay.space import LatticeSpace
from tiernas.replay.workers import SimulatedWorkers
from tiernas.search import LaMctsOptimizer, Optimizer, RandomSearch, RegularizedEvolution
from tiernas.search.lattice import BoolArray, FloatArray, IntArray
from tiernas.study import Screen

LEVY = Levy(6)


class Tiny(Levy):
    """Nine rows, six of them feasible; a row takes as many seconds as its first level, plus one."""

    @property
    def levels(self) -> tuple[int, ...]:
        return (3, 3)

    def feasible(self, rows: IntArray) -> BoolArray:
        mask: BoolArray = rows[:, 1] < 2
        return mask

    def duration_s(self, rows: IntArray) -> FloatArray:
        return 1.0 + rows[:, 0].astype(np.float64)


def evolution(seed: int = 0) -> Optimizer:
    """Follows the order of what it is told from its fourth proposal on."""
    return RegularizedEvolution(LEVY.levels, seed=seed, population_size=3, sample_size=2)


def test_the_clock_gives_ends_in_order_and_the_earlier_begun_first() -> None:
    clock = SimulatedWorkers(3)
    for key, duration_s in enumerate([5.0, 2.0, 2.0]):
        clock.start(key, duration_s)
    with pytest.raises(ValueError, match="all 3 workers are busy"):
        clock.start(3, 1.0)
    assert (clock.next_end(), clock.now_s, clock.free) == (1, 2.0, 1)
    clock.start(3, 3.0)
    assert [(clock.next_end(), clock.now_s) for _ in range(3)] == [(2, 2.0), (0, 5.0), (3, 5.0)]
    assert clock.next_end() is None
    with pytest.raises(ValueError, match="workers must be 1 or more, got 0"):
        SimulatedWorkers(0)


def test_a_trial_depends_on_seeds_and_row_alone() -> None:
    trials = Trials(LEVY, seed=3, noise_sd=0.5)
    row, other = np.full((2, 6), [[40], [41]])
    assert trials.train(row) == trials.train(row.copy())
    assert len({trials.train(row).value, trials.train(row, 1).value, Trials(LEVY, 4, 0.5).train(row).value}) == 3
    assert trials.train(other).duration_s != trials.train(row).duration_s
    exact = Trials(LEVY, jitter=0.0).train(row)
    assert (exact.value, exact.duration_s) == (LEVY.value(row[None])[0], 3600.0)


def test_noise_failures_and_jitter_have_the_size_that_is_asked_for() -> None:
    trials = Trials(LEVY, noise_sd=0.3, failing_share=0.2, jitter=0.1)
    row = np.full(6, 55)
    found = [trials.train(row, seed) for seed in range(2000)]
    values = np.array([trial.value for trial in found])
    log_h = np.log([trial.duration_s / 3600 for trial in found])
    assert np.isnan(values).mean() == pytest.approx(0.2, abs=0.03)  # standard error 0.009
    assert np.nanstd(values) == pytest.approx(0.3, abs=0.02)  # 0.005
    assert np.nanmean(values) == pytest.approx(0.0, abs=0.03)  # 0.008
    assert (log_h.mean(), log_h.std()) == (pytest.approx(0.0, abs=0.01), pytest.approx(0.1, abs=0.01))


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("optimizer", [RegularizedEvolution, LaMctsOptimizer])
def test_the_bare_loop_proposes_what_the_study_proposes(
    tmp_path: Path, workers: int, optimizer: type[Optimizer]
) -> None:
    trials = Trials(LEVY, seed=1, noise_sd=0.1, failing_share=0.1)
    wanted = 40
    bare = replay(optimizer(LEVY.levels, seed=5), trials, workers=workers, evaluations=wanted)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        studied = replay_study(optimizer(LEVY.levels, seed=5), trials, ledger, workers=workers, evaluations=wanted)
    assert bare.rows.tolist() == [c.vector for c in studied]
    order = sorted(range(wanted), key=lambda i: studied[i].ended_order or 0)
    assert bare.ended.tolist() == order
    assert [None if math.isnan(v) else v for v in bare.values] == [c.accuracy for c in studied]
    assert {c.state for c in studied} == {State.DONE, State.FAILED}
    assert (order != sorted(order)) == (workers > 1)


def test_a_study_that_is_continued_goes_on(tmp_path: Path) -> None:
    trials = Trials(LEVY)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        replay_study(evolution(), trials, ledger, workers=1, evaluations=6)
        continued = replay_study(evolution(), trials, ledger, workers=1, evaluations=12)
    whole = replay(evolution(), trials, workers=1, evaluations=12)
    assert [c.vector for c in continued] == whole.rows.tolist()


class Staged(Levy):
    """Twelve epochs, after which the value is between 0 and 1; half of it is there after three of them."""

    @property
    def epochs(self) -> int:
        return 12

    def value(self, rows: IntArray) -> FloatArray:
        return 1.0 / (1.0 - Levy.value(self, rows))

    def value_after(self, rows: IntArray, epochs: int) -> FloatArray:
        return self.value(rows) * (0.5 if epochs == 3 else 1.0)


def test_a_screen_is_replayed(tmp_path: Path) -> None:
    staged = Staged(6)
    trials = Trials(staged, jitter=0.0)
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        study = replay_study(
            evolution(),
            trials,
            ledger,
            workers=1,
            evaluations=30,
            screen=Screen((3,), keep=0.3, audit=100, pending=None),
        )
        done = [c for c in study if c.state is State.DONE]
        pruned = [c for c in study if c.state is State.PRUNED]
        for c in study:
            (value,) = staged.value(np.array([c.vector]))
            assert c.accuracy == (value if c.state is State.DONE else None)
            assert [(r["epochs"], r["accuracy"]) for r in c.rungs or []] == [(3, value / 2)]
    assert len(done) + len(pruned) == 30
    assert len(done) < len(pruned)
    with pytest.raises(ValueError, match="Levy knows only complete training, not values after 3 epochs"):
        Trials(LEVY).train(np.zeros(6, dtype=np.int64), epochs=3)


def test_what_was_trained_before_a_rung_is_not_trained_again() -> None:
    trials = Trials(Staged(6), jitter=0.0)
    executor = SimulatedExecutor(LatticeSpace(LEVY.levels, LEVY.categorical), trials, workers=1)
    network = LatticeSpace(LEVY.levels, LEVY.categorical).decode(np.zeros(6, dtype=np.int64)).to_json()
    hours = []
    for stop in (3, None):
        executor.submit(Job(0, network, {}, {}, 0, "", "", test=False, stop_epoch=stop))
        assert len(executor.poll(0.0)) == 1
        hours.append(executor.now_s / 3600)
    assert hours == pytest.approx([0.25, 1.0])


def test_an_exhausted_lattice_ends_both_loops(tmp_path: Path) -> None:
    tiny = Tiny(2)
    trials = Trials(tiny, jitter=0.0)

    def optimizer() -> Optimizer:
        return RandomSearch(tiny.levels, feasible=tiny.feasible)

    bare = replay(optimizer(), trials, workers=4, evaluations=100)
    assert sorted(bare.rows.tolist()) == [[i, j] for i in range(3) for j in range(2)]
    assert len(bare.proposal_cpu_s) == len(bare.values) == 6
    assert bare.ended_s.max() <= 1 + 2 + 3
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        studied = replay_study(optimizer(), trials, ledger, workers=4, evaluations=100)
    assert [c.vector for c in studied] == bare.rows.tolist()


def test_nothing_feasible_is_an_empty_replay() -> None:
    optimizer = RandomSearch([3, 3], feasible=lambda rows: np.zeros(len(rows), dtype=np.bool_))
    bare = replay(optimizer, Trials(Tiny(2)), workers=4, evaluations=10)
    assert bare.rows.shape == (0, 2)
    assert len(bare.ended) == 0


def test_many_workers_shorten_the_simulated_time() -> None:
    hours = [
        replay(evolution(), Trials(LEVY, jitter=0.0), workers=n, evaluations=60).ended_s.max() / 3600 for n in (1, 30)
    ]
    assert hours == pytest.approx([60.0, 2.0])


def test_regret_of_the_best_found_falls_and_that_of_the_incumbent_may_rise() -> None:
    true = np.array([1.0, 3.0, 2.0, 4.0])
    observed = np.array([math.nan, 3.0, 5.0, 4.5])
    assert best_so_far_regret(true, 4.0).tolist() == [3.0, 1.0, 1.0, 0.0]
    assert incumbent_regret(true, observed, 4.0).tolist() == [math.inf, 1.0, 2.0, 2.0]


def test_rows_and_the_networks_that_stand_for_them_are_one_for_one() -> None:
    space = LatticeSpace((2, 3, 2), (False, True, False))
    rows = np.array([[i, j, k] for i in range(2) for j in range(3) for k in range(2)])
    networks = [space.decode(row) for row in rows]
    assert len({network.digest for network in networks}) == 12
    assert [space.encode(network).tolist() for network in networks] == rows.tolist()
    assert space.from_levels(space.to_levels(rows)).tolist() == rows.tolist()
    with pytest.raises(UsageError, match="dimension 1"):
        space.decode([0, 3, 0])
    with pytest.raises(UsageError, match="have 3 integers"):
        space.encode(LatticeSpace((2, 2), (False, False)).decode([0, 1]))
