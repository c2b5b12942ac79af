"""Plans a search around a pretrained network: its configuration file, and a description of what it will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiernas.config import SearchConfig
from tiernas.config.file import checked_config, override
from tiernas.drafting.choices import compared_resolutions, edges_up_to, search_values
from tiernas.drafting.duration import Duration, estimated_duration, training_image_s
from tiernas.drafting.reach import Reach, measure_reach
from tiernas.drafting.toml_text import toml_text
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.job.start import opened_parent, search_space
from tiernas.spaces import ParentSpace
from tiernas.training.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Adaptation:
    """A planned search.

    Attributes:
        photos: The data.
        reach: The latencies that are possible.
        config: The configuration.
        toml: The configuration file, as text.
        duration: The estimated duration.
    """

    photos: Inspection
    reach: Reach
    config: SearchConfig
    toml: str
    duration: Duration

    @property
    def lines(self) -> Iterator[str]:
        """Describes what the search will do."""
        config, parent = self.config, self.config.parent
        assert parent is not None
        whole = ", ".join(f"{ms:.3g} ms at {px} px" for px, ms in self.reach.whole_ms.items())
        yield f"{parent.network} takes {whole}; its fastest part takes {self.reach.fastest_ms:.3g} ms"
        tiers = ", ".join(f"{tier.name} ms" for tier in config.tier_list())
        yield (
            f"searching its parts in the tiers {tiers}: {config.search.trainings} networks per tier are fine-tuned for "
            f"{config.recipe.epochs} epochs, the best {config.finalists.per_tier} for {config.finalists.epochs}"
        )
        if parent.compared:
            sizes = ", ".join(map(str, parent.compared))
            yield f"for comparison: the whole network at {sizes} px, fine-tuned for {config.finalists.epochs} epochs"
        yield f"this takes {self.duration.words} with {config.workers.local_processes} workers"

    def write(self, output: Path) -> None:
        """Writes the configuration file; an existing file is never overwritten.

        Raises:
            UsageError: The file exists, or cannot be written.
        """
        require_new(output)
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            with output.open("x", encoding="utf-8") as file:
                file.write(self.toml)
        except OSError as error:
            raise UsageError(f"--output {output}: cannot be written ({error.strerror}); choose another file") from error


def require_new(output: Path) -> None:
    """Refuses to overwrite a configuration file.

    Raises:
        UsageError: The file exists; the message says how to resume its search.
    """
    if output.exists() or output.is_symlink():
        raise UsageError(
            f"--output {output}: exists and is not overwritten. Resume its search with: tiernas search {output}; or "
            "choose another --output"
        )


def plan_adaptation(
    photos: Inspection,
    max_latency_ms: float,
    output: Path,
    overrides: Sequence[str] = (),
    *,
    engine: str = "openvino",
    precision: str = "fp32",
    threads: int = 1,
) -> Adaptation:
    """Measures the parent on the device and plans the search. Nothing is written.

    Args:
        photos: The data.
        max_latency_ms: The latency budget.
        output: The configuration file to be written; results go to folders next to it.
        overrides: Settings as `section.key=value`, instead of the chosen ones; they become part of the file.
        engine: Name of the deployment engine.
        precision: Precision of the engine.
        threads: Threads per inference.

    Raises:
        UsageError: No network is within the budget, the engine does not support this, or an override is invalid.
        NotInstalledError: The pretrained network or the engine is not installed.
    """

    def values(edges: Sequence[float], compared: Sequence[int]) -> dict[str, dict[str, Any]]:
        found = search_values(
            photos,
            edges=edges,
            compared=compared,
            engine=engine,
            precision=precision,
            threads=threads,
            output=output,
        )
        for assignment in overrides:
            override(found, assignment)
        return found

    unmeasured = checked_config(values([0.0, max_latency_ms], []), output)
    parent = opened_parent(unmeasured)
    space = search_space(unmeasured, parent)
    assert parent is not None
    assert isinstance(space, ParentSpace)
    target = unmeasured.engine
    runtime = get_engine(target.name, precision=target.precision, batch=target.batch, threads=target.threads)
    num_classes = len(photos.counts)
    reach = measure_reach(unmeasured, max_latency_ms, space, runtime, num_classes)
    chosen = values(edges_up_to(max_latency_ms, reach), compared_resolutions(max_latency_ms, reach))
    config = checked_config(chosen, output)
    smallest = min(reach.whole_ms)
    image_s = training_image_s(parent.network.architecture.resized(smallest), num_classes, config.recipe)
    duration = estimated_duration(config, reach, image_s / reach.whole_ms[smallest], photos.splits["train"])
    return Adaptation(photos, reach, config, toml_text(chosen), duration)
