"""The compared networks: those found by searches, and their usual alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.pretrained.setting import Setting
from benchmarks.pretrained.widths import ALL_CHANNELS, evenly_cut

from tiernas.latency.measuring.subject import ArchitectureSubject, Subject, find_subject
from tiernas.spaces import Architecture, architecture_from_json
from tiernas.table import ModelTable

KINDS = FOUND, PARENT, CUT, SCRATCH = "found", "parent", "cut", "scratch"
"""Networks of the search; the parent at other resolutions; the parent with fewer channels; networks from scratch."""

RESOLUTIONS = range(64, 161, 16)
CUT_PERCENTS = (50, 75)
CUT_RESOLUTIONS = (96, 128, 160)
FRESH = ("timm:mobilenetv3_small_100", "timm:resnet18")
FRESH_RESOLUTIONS = (64, 96, 128)


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
    for name in FRESH:
        for resolution in FRESH_RESOLUTIONS:
            yield Contender(SCRATCH, f"{name.removeprefix('timm:')} at {resolution} px", name, resolution)


def found_networks(setting: Setting) -> Iterator[Contender]:
    """The finalists of a completed search, tier by tier; none before it is complete."""
    config = setting.config
    entries = ModelTable(config.table.path).read()[0] if config.table.path.exists() else ()
    for tier in config.tier_list():
        for entry in entries:
            if entry.precision == config.engine.precision and tier.contains(entry.latency_ms):
                network = setting.space.decode(entry.vector)
                name = f"found in {tier.name} ms: {network.digest[:8]} at {network.resolution} px"
                yield _ours(FOUND, name, network, entry.precision)


def _ours(kind: str, name: str, architecture: Architecture, precision: str | None = None) -> Contender:
    return Contender(kind, name, architecture.to_json(), architecture.resolution, precision)
