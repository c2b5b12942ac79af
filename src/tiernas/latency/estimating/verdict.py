"""The verdict: whether a latency table is accurate enough for tiers, in words."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from tiernas.devices.address import KIT
from tiernas.latency.estimating.agreement import LEAST_INSIDE, TIER_WIDTH, FloatArray, chances_inside, near_pairs
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.spaces import PARENT, SPACE_FILE
from tiernas.spaces.catalogue import SPACES

LEAST_IN_ORDER = 0.7
"""Minimum share of the pairs of networks that could share such a tier whose estimates must be in the right order.

It corresponds to a mean error of 9 %; chance gives 0.5. This limit alone is missed if errors correlate with what
distinguishes the networks of a tier, which would lead a search to the wrong edge of its tier."""

_FEWEST_PAIRS = 5
"""Minimum number of pairs for judging their order: in a good table of 8 networks, both of two pairs may be wrong."""

_CONFIDENCE = 0.95
"""Confidence of each bound of a share: the true value is beyond it in one of 20 tables."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share estimated from a few networks.

    Attributes:
        share: The observed share.
        low: Lower bound, which is too high in one of 20 cases.
        high: Upper bound, which is too low in one of 20 cases.
    """

    share: float
    low: float
    high: float

    @classmethod
    def of_mean(cls, chances: FloatArray) -> Share:
        """From a probability for each of `n` networks; by Student's t."""
        n, mean = len(chances), float(chances.mean())
        half = float(student_t.ppf(_CONFIDENCE, n - 1) * chances.std(ddof=1) / math.sqrt(n))
        return cls(mean, max(mean - half, 0.0), min(mean + half, 1.0))

    @classmethod
    def of_count(cls, share: float, n: int) -> Share:
        """From a share of `n` cases; the score interval of Wilson (J. Am. Stat. Assoc. 22, 1927)."""
        z = NormalDist().inv_cdf(_CONFIDENCE)
        middle, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
        return cls(share, (middle - half) / (1 + z**2 / n), (middle + half) / (1 + z**2 / n))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The quality of a table, judged by its estimates of unseen networks.

    Attributes:
        networks: Number of networks of the table.
        mape: Mean absolute relative error, in percent.
        inside: Share of the networks estimated in a tier 20 % wide that are in it (`chances_inside`).
        in_order: Share of the pairs that could share such a tier whose order is right; None if there are too few pairs.
        command: Command that continues the table.
    """

    networks: int
    mape: float
    inside: Share
    in_order: Share | None
    command: str

    @property
    def usable(self) -> bool:
        """Whether a search may use the table: no limit is missed by more than chance can explain."""
        return self.inside.high >= LEAST_INSIDE and (self.in_order is None or self.in_order.high >= LEAST_IN_ORDER)

    @property
    def sure(self) -> bool:
        """Whether there are enough networks to decide: chance cannot explain on which side of the limit they are.

        Only the share inside counts: the order of the few pairs of a small table would leave it open for too long.
        """
        return not self.usable or self.inside.low >= LEAST_INSIDE

    @property
    def words(self) -> str:
        """The verdict in one or two sentences."""
        if not self.usable:
            return f"{self.reason}. Measure more, on a quieter machine if possible, with: {self.command}"
        return f"{self.reason}." if self.sure else f"{self.reason}. Measure more with: {self.command}"

    @property
    def reason(self) -> str:
        """The findings and their meaning, without advice."""
        off = f"networks it has not seen are estimated {'within ' if self.usable else ''}{_per_cent(self.mape)}"
        if not self.usable:
            found = f"{_of_ten(self.inside.share)} are in it ({10 * LEAST_INSIDE:g} are needed)"
            if self.in_order:
                found += f", and the faster of two in it is identified {_of_ten(self.in_order.share)} times"
                found += f" ({10 * LEAST_IN_ORDER:g} are needed)"
            return (
                f"This table of {self.networks} networks is not good enough for a search: {off} off on average; of "
                f"those estimated in a tier {_per_cent(100 * TIER_WIDTH)} wide {found}"
            )
        found = f"{off} on average"
        if self.in_order:
            found += f" and in the right order inside a tier {_of_ten(self.in_order.share)} times"
        if self.sure:
            return f"This table is good for a search: {found}"
        return f"This table may be good for a search: {found}, but its {self.networks} networks are too few to be sure"

    def to_dict(self) -> dict[str, Any]:
        """The verdict, serializable as JSON."""
        return {
            "usable": self.usable,
            "sure": self.sure,
            "reason": self.reason,
            "command": self.command,
            "networks": self.networks,
            "mape": self.mape,
            "inside": {**asdict(self.inside), "least": LEAST_INSIDE},
            "in_order": self.in_order and {**asdict(self.in_order), "least": LEAST_IN_ORDER},
        }


def judge_table(table: LatencyTable, path: Path, device: str | None = None) -> Verdict:
    """Judges a table by its estimates of held-out networks.

    Pairs share networks, so their effective number is the number of disjoint pairs (Hoeffding, J. Am. Stat. Assoc. 58,
    1963, section 5).

    Args:
        table: The table.
        path: Its file, for the command that continues it.
        device: Address of the device that it is of, for that command, or `KIT`; None for this machine.
    """
    estimated_ms, measured_ms = table.held_out_ms, table.measured_ms
    near = near_pairs(estimated_ms, measured_ms)
    pairs = min(near.pairs, near.networks // 2)
    return Verdict(
        networks=len(measured_ms),
        mape=float(100 * np.abs(estimated_ms / measured_ms - 1).mean()),
        inside=Share.of_mean(chances_inside(estimated_ms, measured_ms)),
        in_order=Share.of_count((1 + near.tau) / 2, pairs) if pairs >= _FEWEST_PAIRS else None,
        command=_build_command(table, path, device),
    )


def _build_command(table: LatencyTable, path: Path, device: str | None) -> str:
    """The command that doubles the number of networks."""
    header, wanted = table.header, table.header.fingerprint
    offer = SPACES.offer_of(table.space)
    is_parent = header.space == PARENT
    name = str(path.with_name(SPACE_FILE)) if is_parent else header.space
    space, engine = offer.name if offer else name, wanted.plugin or wanted.engine
    words = ["tiernas", "latency", "plan" if device == KIT else "build", "--space", space, "--engine", engine]
    if device is not None and device != KIT:
        words += ["--device", device]
    words += ["--precision", wanted.precision, "--table", str(path), "--networks", str(2 * len(table.records))]
    for option, value, default in (
        ("--batch", wanted.batch, 1),
        ("--threads", wanted.threads, 1),
        ("--classes", header.num_classes, None if is_parent else table.space.num_classes),
    ):
        words += [option, str(value)] if value != default else []
    return shlex.join(words)


def _per_cent(value: float) -> str:
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def _of_ten(share: float) -> str:
    return f"{math.floor(10 * share + 1e-9)} of 10"
