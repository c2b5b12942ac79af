"""Whether tiers can be made of a latency table, said in words for people."""

from __future__ import annotations

import math
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from tiernas.latency.estimating.agreement import LEAST_INSIDE, TIER_WIDTH, FloatArray, chances_inside, near_pairs
from tiernas.latency.estimating.latency_table import LatencyTable
from tiernas.spaces import PARENT, SPACE_FILE
from tiernas.spaces.catalogue import SPACES

LEAST_IN_ORDER = 0.7
"""Of the pairs of networks that could share such a tier, at least so many must be estimated in the right order.

This is what a mean error of 9 % leaves of the order; chance has 0.5. It falls short alone where errors grow with what
tells the networks of a tier apart, so that a search is led to the wrong edge of its tier."""

_FEWEST_PAIRS = 5
"""Of fewer the order says nothing: in a good table of 8 networks all of two pairs may be wrong."""

_CONFIDENCE = 0.95
"""Of what chance may explain: one table of 20 is off by more, to either side."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share that is known from a few networks.

    Attributes:
        share: As counted.
        low: It is less in one of 20 such cases.
        high: It is more in one of 20 such cases.
    """

    share: float
    low: float
    high: float

    @classmethod
    def of_mean(cls, chances: FloatArray) -> Share:
        """From a chance for each of `n` networks; by Student's t."""
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
    """What a table's estimates of networks that it had not seen say of the table.

    Attributes:
        networks: Networks of the table.
        mape: Mean absolute relative error, in per cent.
        inside: Share of the networks estimated in a tier 20 % wide that are in it (`chances_inside`).
        in_order: Share of the pairs that could share such a tier whose order is right; None where they are too few.
        command: What measures on.
    """

    networks: int
    mape: float
    inside: Share
    in_order: Share | None
    command: str

    @property
    def usable(self) -> bool:
        """Whether a search may run on the table: no limit is missed by more than chance explains."""
        return self.inside.high >= LEAST_INSIDE and (self.in_order is None or self.in_order.high >= LEAST_IN_ORDER)

    @property
    def sure(self) -> bool:
        """Whether the networks are enough to tell: chance does not explain on which side of the limit they are.

        How many are inside decides: the order of the few pairs of a small table would leave it open for too long.
        """
        return not self.usable or self.inside.low >= LEAST_INSIDE

    @property
    def words(self) -> str:
        """The verdict for people, in one or two sentences."""
        if not self.usable:
            return f"{self.reason}. Measure on, on a quieter machine if possible, with: {self.command}"
        return f"{self.reason}." if self.sure else f"{self.reason}. More are measured with: {self.command}"

    @property
    def reason(self) -> str:
        """What was found and what it means, without what to do."""
        off = f"networks it has not seen are estimated {'within ' if self.usable else ''}{_per_cent(self.mape)}"
        if not self.usable:
            found = f"{_of_ten(self.inside.share)} are in it ({10 * LEAST_INSIDE:g} are needed)"
            if self.in_order:
                found += f", and of two in it the faster is known {_of_ten(self.in_order.share)} times"
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
        """The verdict as what JSON can hold."""
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


def judge_table(table: LatencyTable, path: Path) -> Verdict:
    """Judges a table by its estimates of networks that were held out when they were made.

    Pairs share networks, so they count as as many as can be made of different ones (Hoeffding, J. Am. Stat. Assoc. 58,
    1963, section 5).

    Args:
        table: The table.
        path: Its file, for the command that measures on.
    """
    estimated_ms, measured_ms = table.held_out_ms, table.measured_ms
    near = near_pairs(estimated_ms, measured_ms)
    pairs = min(near.pairs, near.networks // 2)
    return Verdict(
        networks=len(measured_ms),
        mape=float(100 * np.abs(estimated_ms / measured_ms - 1).mean()),
        inside=Share.of_mean(chances_inside(estimated_ms, measured_ms)),
        in_order=Share.of_count((1 + near.tau) / 2, pairs) if pairs >= _FEWEST_PAIRS else None,
        command=_build_command(table, path),
    )


def _build_command(table: LatencyTable, path: Path) -> str:
    """What measures as many networks again."""
    header, wanted = table.header, table.header.fingerprint
    offer = SPACES.offer_of(table.space)
    name = str(path.with_name(SPACE_FILE)) if header.space == PARENT else header.space
    space, engine = offer.name if offer else name, wanted.plugin or wanted.engine
    words = ["tiernas", "latency", "build", "--space", space, "--engine", engine]
    words += ["--precision", wanted.precision, "--table", str(path), "--networks", str(2 * len(table.records))]
    for option, value, default in (
        ("--batch", wanted.batch, 1),
        ("--threads", wanted.threads, 1),
        ("--classes", header.num_classes, table.space.num_classes),
    ):
        words += [option, str(value)] if value != default else []
    return shlex.join(words)


def _per_cent(value: float) -> str:
    return f"{value:.1f} %" if value < 9.95 else f"{value:.0f} %"


def _of_ten(share: float) -> str:
    return f"{math.floor(10 * share + 1e-9)} of 10"
