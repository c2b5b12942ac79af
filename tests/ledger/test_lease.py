from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from tiernas.errors import UsageError
from tiernas.ledger import LeaseLostError, Ledger, Server, Serving

KILLED = """
import sys, time
from tiernas.ledger import Ledger, Server
with Ledger(sys.argv[1]) as ledger, ledger.serve(Server.here(), 600):
    print("serves", flush=True)
    time.sleep(600)
"""


def elsewhere(lease: int = 0) -> Server:
    return Server("node7", "boot of node7", 4711 + lease, 1000.0)


def serving(ledger: Ledger) -> Serving:
    found = ledger.serving()
    assert found is not None
    return found


def test_one_server_at_a_time(ledger: Ledger, location: Path | str) -> None:
    with Ledger(location) as second:
        with ledger.serve(Server.here(), 60) as lease:
            lease.renew(clients=8, idle=2)
            seen = serving(second)
            assert (seen.server, seen.alive, seen.clients, seen.idle) == (Server.here(), True, 8, 2)
            assert 0 < seen.remaining_s <= 60
            named = rf"process {os.getpid()} on {re.escape(Server.here().host)}.* [1-6]?\d s more"
            with pytest.raises(UsageError, match=named), second.serve(Server.here(), 60):
                pass
        assert second.serving() is None
        with second.serve(Server.here(), 60):
            assert serving(ledger).alive


def test_a_server_killed_on_this_machine_is_replaced_at_once(ledger: Ledger, location: Path | str) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(location)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"serves\n"
    with pytest.raises(UsageError, match=f"process {process.pid}"), ledger.serve(Server.here(), 60):
        pass
    process.send_signal(signal.SIGKILL)
    deadline_s = time.monotonic() + 20
    while serving(ledger).alive and time.monotonic() < deadline_s:
        time.sleep(0.01)  # a killed process is there until it has ended
    with ledger.serve(Server.here(), 60):
        assert serving(ledger).server == Server.here()
    process.communicate()


def test_a_number_of_a_process_that_another_one_has_now_is_no_server(ledger: Ledger, location: Path | str) -> None:
    earlier = replace(Server.here(), began_s=Server.here().began_s - 100)
    with ledger.serve(earlier, 600), Ledger(location) as second, second.serve(Server.here(), 60):
        assert serving(second).server == Server.here()


def test_a_lease_that_ran_out_goes_to_the_next_and_the_loser_writes_nothing(
    ledger: Ledger, location: Path | str
) -> None:
    study = ledger.open_study("0.1-0.2", {})
    with Ledger(location) as second, ledger.serve(elsewhere(), 0.5) as lease:
        candidate = ledger.propose(study, [1], "a", 0.1)
        deadline_s = time.monotonic() + 20
        while time.monotonic() < deadline_s:
            try:
                with second.serve(elsewhere(1), 60):
                    for write in (
                        lambda: lease.renew(1, 0),
                        lambda: ledger.start(candidate, "host:1"),
                        lambda: ledger.propose(study, [2], "b", 0.1),
                    ):
                        with pytest.raises(LeaseLostError, match="process 4712 on node7 has taken over"):
                            write()
                    assert [(c.state, c.attempts) for c in second.candidates(study)] == [("pending", [])]
                break
            except UsageError:
                time.sleep(0.05)
        else:
            pytest.fail("the lease never ran out")
        with pytest.raises(LeaseLostError, match="took over and has ended"):
            lease.renew(1, 0)


def test_a_server_that_renews_keeps_its_lease(ledger: Ledger, location: Path | str) -> None:
    with ledger.serve(elsewhere(), 3) as lease, Ledger(location) as second:
        lease.renew(1, 1)
        renewal = Timer(0.2, lease.renew, (1, 1))  # while the other one watches, on SQLite
        renewal.start()
        with pytest.raises(UsageError, match="process 4711 on node7"), second.serve(Server.here(), 3):
            pass
        renewal.join()


def test_sqlite_does_not_trust_the_clock_of_another_machine(tmp_path: Path) -> None:
    """The other machine's clock is a day ahead: its lease ends after the time it lasts, not a day later."""
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger, Ledger(path) as second, ledger.serve(elsewhere(), 0.5):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE lease SET expires_at = datetime('now', '+1 day') || '.000000'")
        begin_s = time.monotonic()
        with second.serve(Server.here(), 60):
            assert time.monotonic() - begin_s >= 0.5
