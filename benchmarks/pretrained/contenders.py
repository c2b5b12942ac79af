"""The compared networks: those found by searches, and their usual alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.pretrained.widths import ALL_CHANNELS, evenly_cut

from tiernas.latency.measuring.subject import ArchitectureSubject, Subject, find_subject
from tiernas.spaces import Architecture, ParentSpace, architecture_from_json
from tiernas.table import ModelTable

KINDS = FOUND, PARENT, CUT, SCRATCH = "found", "parent", "cut", "scratch"
"""Networks of the search; the parent at other resolutions; the parent with fewer channels; networks from scratch."""

RESOLUTIONS = range(64, 161, 16)
CUT_PERCENTS = (50, 75)
CUT_RESOLUTIONS = (96, 128, 160)
FRESH = {"timm:mobilenetv3_small_100": (64, 96, 128), "timm:resnet18": (48, 64)}
"""Resolutions at which they take at most as long as the slowest tier."""

_TIER = ", tier "
"""Separates study and tier in `Entry.study`."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A network to train and measure.

    Attributes:
        kind: Its origin.
        name: Its unique name.
        network: The JSON of its architecture, or `timm:NAME`.
        resolution: Resolution of its images, in pixels.
        precision: The precision that it was found for; None if it is compared in all.
    """

    kind: str
    name: str
    network: str
    resolution: int
    precision: str | None = None

    def subject(self, num_classes: int) -> Subject:
        """The network as a subject to measure."""
        if self.kind == SCRATCH:
            return find_subject(self.network, resolution=self.resolution, num_classes=num_classes)
        return ArchitectureSubject(self.name, self.kind, architecture_from_json(self.network), num_classes)


def rivals(whole: Architecture) -> Iterator[Contender]:
    """The usual alternatives: the parent with smaller images or fewer channels, and small networks."""
    for resolution in RESOLUTIONS:
        yield _ours(PARENT, f"parent at {resolution} px", whole.resized(resolution))
    for percent in CUT_PERCENTS:
        for resolution in CUT_RESOLUTIONS:
            cut = evenly_cut(whole, resolution, percent, ALL_CHANNELS)
            yield _ours(CUT, f"{percent} % of the channels at {resolution} px", cut)
    for name, resolutions in FRESH.items():
        for resolution in resolutions:
            yield Contender(SCRATCH, f"{name.removeprefix('timm:')} at {resolution} px", name, resolution)


def found_networks(table: Path, space: ParentSpace, precision: str) -> Iterator[Contender]:
    """The finalists of a completed search for a precision; none before it is complete.

    Args:
        table: Its model table.
        space: Its space.
        precision: The precision.
    """
    for entry in ModelTable(table).read()[0] if table.exists() else ():
        if entry.precision == precision and _TIER in entry.study:
            network = space.decode(entry.vector)
            tier = entry.study.partition(_TIER)[2]
            name = f"found for {precision} in {tier}: {network.digest[:8]} at {network.resolution} px"
            yield _ours(FOUND, name, network, precision)


def _ours(kind: str, name: str, architecture: Architecture, precision: str | None = None) -> Contender:
    return Contender(kind, name, architecture.to_json(), architecture.resolution, precision)
