from __future__ import annotations

import pytest

from tiernas.executors import Blocked, EpochDone, Event, Failed, Finished, Lost
from tiernas.executors.machines import Machines

HERE, THERE = "here", "there"


def failed(job: int) -> Event:
    return Failed(job, "RuntimeError: no GPU", retry=True)


def test_a_machine_alone_blocks_after_three_losses_in_a_row() -> None:
    machines = Machines(0.0)
    assert machines.judged(HERE, Lost(1, "a"), [HERE]) == Lost(1, "a")
    assert machines.judged(HERE, Lost(1, "a"), [HERE]) == Lost(1, "a")
    blocked = machines.judged(HERE, Lost(1, "storage is away"), [HERE])
    assert isinstance(blocked, Blocked)
    assert blocked.reason.startswith("3 training runs in a row ended")
    assert "storage is away" in blocked.reason
    assert "tiernas control requeue CONFIG.toml --failed" in blocked.reason
    assert machines.judged(HERE, Lost(1, "a"), [HERE]) == Lost(1, "a"), "it begins anew"


@pytest.mark.parametrize(
    "ahead", [EpochDone(7, 1), Finished(7, 0.5, {}), Failed(7, "diverged in epoch 1", retry=False)], ids=str
)
def test_a_training_that_gets_ahead_shows_that_the_machine_works(ahead: Event) -> None:
    machines = Machines(0.0)
    for job in range(9):
        event = Lost(job, "a") if job % 2 else failed(job)
        assert machines.judged(HERE, event, [HERE]) is event
        assert machines.judged(HERE, ahead, [HERE]) is ahead


def test_one_network_that_kills_its_workers_does_not_speak_against_the_machine_but_three_do() -> None:
    machines = Machines(0.0)
    for job in (1, 1, 1, 2, 2, 2):
        assert machines.judged(HERE, failed(job), [HERE]) == failed(job)
    assert isinstance(machines.judged(HERE, failed(3), [HERE]), Blocked)


def test_of_several_one_is_set_aside_until_it_has_rested_and_a_job_has_got_ahead_there() -> None:
    machines = Machines(1000.0)
    both = [HERE, THERE]
    assert machines.judged(HERE, Blocked(1, "the disk is full"), both) == Lost(1, "the disk is full")
    assert machines.rests(HERE)
    assert not machines.rests(THERE)
    machines.judged(HERE, EpochDone(2, 1), both)  # of a job that began before: it says little
    assert machines.judged(THERE, Blocked(3, "the disk is full"), both) == Blocked(3, "the disk is full")
    assert not machines.rests(HERE), "whoever goes on has mended it"

    machines = Machines(0.0)
    assert machines.judged(HERE, Blocked(1, "full"), both) == Lost(1, "full")
    assert not machines.rests(HERE)
    machines.judged(HERE, EpochDone(2, 1), both)
    assert machines.judged(THERE, Blocked(3, "full"), both) == Lost(3, "full")


def test_rows_of_two_machines_are_counted_apart() -> None:
    machines = Machines(1000.0)
    for job in (1, 2):
        for machine in (HERE, THERE):
            assert machines.judged(machine, Lost(job, "a"), [HERE, THERE]) == Lost(job, "a")
    lost = machines.judged(HERE, Lost(3, "a"), [HERE, THERE])
    assert isinstance(lost, Lost)
    assert "3 training runs in a row" in lost.reason
    assert isinstance(machines.judged(THERE, Lost(3, "a"), [HERE, THERE]), Blocked)
