from __future__ import annotations

from tiernas.study.overdue import Overdue


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_with_a_limit_a_whole_attempt_counts() -> None:
    clock = Clock()
    overdue = Overdue(90.0, clock)
    overdue.begins(1)
    clock.now_s += 60
    overdue.begins(2)
    overdue.got_ahead(1)
    clock.now_s += 31
    assert overdue.overdue() == [(1, "took longer than workers.time_limit_minutes = 1.5")]
    overdue.ends(1)
    overdue.begins(1)
    assert overdue.overdue() == []


def test_without_a_limit_an_attempt_hangs_that_brings_no_epoch_for_twenty_times_the_longest() -> None:
    clock = Clock()
    overdue = Overdue(None, clock)
    for candidate in (1, 2):
        overdue.begins(candidate)
    clock.now_s += 600
    overdue.got_ahead(1)
    clock.now_s += 20 * 600 - 600
    overdue.got_ahead(1)  # it takes 190 minutes
    clock.now_s += 20 * 600
    assert overdue.overdue() == []
    clock.now_s += 19 * 20 * 600
    ((hanging, reason), *others) = overdue.overdue()
    assert (hanging, others) == (1, [(2, reason)])
    assert reason == (
        "hangs: no epoch for 3800 minutes, and the longest so far took 190; workers.time_limit_minutes sets a limit"
    )


def test_short_epochs_leave_an_hour_and_unknown_ones_a_day() -> None:
    clock = Clock()
    overdue = Overdue(None, clock)
    overdue.begins(1)
    clock.now_s += 86400
    assert overdue.overdue() == []
    clock.now_s += 1
    assert overdue.overdue() == [(1, "hangs: no epoch for 1440 minutes; workers.time_limit_minutes sets a limit")]
    overdue.ends(1)
    overdue.begins(1)
    clock.now_s += 1
    overdue.got_ahead(1)
    clock.now_s += 3600
    assert overdue.overdue() == []
    clock.now_s += 1
    ((_, reason),) = overdue.overdue()
    assert reason.startswith("hangs: no epoch for 60 minutes")
