"""The clock: a network and its anchor take turns, and the reliable result is their ratio."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from tiernas.engines.clock.anchor import Anchor, Trace
from tiernas.engines.clock.level import Level, level_of, undisturbed_of
from tiernas.engines.clock.ratio import Pairs, Ratio, estimate_ratio
from tiernas.engines.clock.rule import TurnRule
from tiernas.engines.clock.turns import Player
from tiernas.engines.lock import device_lock
from tiernas.engines.measurement import WIDE, InTurn, Measurement
from tiernas.engines.other_work import OtherWork
from tiernas.engines.timed import TimedNetwork


class LocalAnchor(Anchor):
    """An anchor on this machine, with its latencies observed in this session.

    Args:
        network: The compiled network; its owner closes it.
        name: Its name in records: `graph_digest` of its ONNX graph.
        known_ms: Its undisturbed latency if known from longer observation than this session.
    """

    def __init__(self, network: TimedNetwork, name: str, known_ms: float | None = None) -> None:
        self.name = name
        self._known_ms = known_ms
        self._player = Player(network)
        self._at_s: list[float] = []
        self._turns_ms: list[float] = []

    @property
    def about_ms(self) -> float:
        return self._player.about_ms

    def measure(self, network: TimedNetwork, rule: TurnRule | None = None) -> Measurement:
        rule = rule or TurnRule()
        with device_lock(network.fingerprint.device_slug), _no_garbage_collection():
            before = network.device_state()
            player = Player(network)
            other_work = OtherWork()
            turns = take_turns(player, self, rule)
            preemptions, other_load = other_work.so_far()
            after = network.device_state()
        level, ratio, anchor_ms = self.level(), turns.ratio, turns.pairs.after_ms
        inferences_ms = np.array(player.inferences_ms)
        p90, p95, p99 = np.percentile(inferences_ms, [90, 95, 99])
        undisturbed_ms = self.undisturbed_ms
        return Measurement(
            latency_ms=ratio.ratio * undisturbed_ms,
            low_ms=ratio.low * undisturbed_ms,
            high_ms=ratio.high * undisturbed_ms,
            p90_ms=float(p90),
            p95_ms=float(p95),
            p99_ms=float(p99),
            cv=float(inferences_ms.std() / inferences_ms.mean()),
            runs=len(inferences_ms),
            preemptions=preemptions,
            unstable=ratio.width > WIDE,
            other_load=other_load,
            device_state={"before": before, "after": after} if before or after else {},
            loads=turns.loads,
            found_ms=float(np.median(inferences_ms)),
            in_turn=InTurn(
                anchor=self.name,
                ratio=ratio.ratio,
                ratio_low=ratio.low,
                ratio_high=ratio.high,
                ratio_found=ratio.found,
                pairs=ratio.pairs,
                quiet_pairs=ratio.quiet_pairs,
                anchor_ms=undisturbed_ms,
                anchor_low_ms=level.low_ms,
                anchor_high_ms=level.high_ms,
                anchor_found_ms=float(np.median(anchor_ms)),
                anchor_quiet_ms=undisturbed_of(anchor_ms),
                measured_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            ),
        )

    def trace(self, network: TimedNetwork, duration_s: float) -> Trace:
        whole = TurnRule(relative_width=0.0, min_s=duration_s, limit_s=duration_s)
        with device_lock(network.fingerprint.device_slug), _no_garbage_collection():
            turns = take_turns(Player(network), self, whole)
        return Trace(turns.pairs, self.level())

    def reload(self) -> None:
        """Reloads it if it is fast."""
        if self._player.is_fast:
            self._player.reload()

    def turn_ms(self) -> float:
        """Runs one turn and records its time."""
        self._at_s.append(time.perf_counter())
        self._turns_ms.append(self._player.turn_ms())
        return self._turns_ms[-1]

    def level(self) -> Level:
        """Its latency in this session so far; requires at least one turn."""
        return level_of(np.array(self._at_s), np.array(self._turns_ms))

    @property
    def seen_ms(self) -> float:
        """Its undisturbed latency in this session so far; fast enough to be called between two turns."""
        return undisturbed_of(np.array(self._turns_ms))

    @property
    def undisturbed_ms(self) -> float:
        """The latency by which ratios are multiplied."""
        return self.seen_ms if self._known_ms is None else self._known_ms


@dataclass(frozen=True)
class Turns:
    """The turns of a network and its anchor.

    Attributes:
        pairs: Their turns.
        ratio: The ratio estimated from them.
        loads: How often the network was loaded.
    """

    pairs: Pairs
    ratio: Ratio
    loads: int


def take_turns(player: Player, anchor: LocalAnchor, rule: TurnRule) -> Turns:
    """Lets a network and its anchor take turns until the rule ends the measurement; call under `device_lock`."""
    rows: list[tuple[float, float, float, float]] = []
    begin = loaded_at = time.perf_counter()
    before_ms = anchor.turn_ms()
    look_at, loads = rule.next_look(0), 1
    while True:
        at = time.perf_counter()
        network_ms, after_ms = player.turn_ms(), anchor.turn_ms()
        rows.append((at - begin, network_ms, before_ms, after_ms))
        before_ms = after_ms
        now = time.perf_counter()
        if len(rows) >= look_at and now - begin >= min(rule.min_s, rule.limit_s):
            pairs = Pairs(*np.array(rows).T)
            ratio = estimate_ratio(pairs, anchor.seen_ms, rule.block_s)
            if rule.is_over(ratio, now - begin):
                return Turns(pairs, ratio, loads)
            look_at = rule.next_look(len(rows))
        if rule.reload_s is not None and player.is_fast and now - loaded_at >= rule.reload_s:
            player.reload()
            anchor.reload()
            loads += 1
            before_ms = anchor.turn_ms()
            loaded_at = time.perf_counter()


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
