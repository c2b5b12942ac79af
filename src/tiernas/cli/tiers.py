"""`tiernas tiers`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table

_log = logging.getLogger("tiernas.tiers")


def tiers(
    edges: Annotated[str, typer.Option("--edges", help="Tier edges in ms, such as 0.2,0.4,0.8.")],
    space: Annotated[str, typer.Option("--space", help="Search space.")] = "gpunet-small",
    engine: Annotated[str, typer.Option("--engine", help="Engine of the default latency table.")] = "openvino",
    precision: Annotated[str, typer.Option("--precision", help="Precision of the default latency table.")] = "fp32",
    table: Annotated[
        Path | None, typer.Option("--table", help="Latency table [default: latency/SPACE-ENGINE-PRECISION.jsonl].")
    ] = None,
    networks: Annotated[int, typer.Option("--networks", help="Number of networks to sample.")] = 65_536,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the Sobol sequence.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Sample a space and sort its networks into latency tiers."""
    from tiernas.tiers import narrow_tier_warnings, parse_edges, sample_pools

    log_to_stderr()
    wanted = parse_edges(edges)

    from tiernas.latency import LatencyTable, default_path, judge_table
    from tiernas.spaces import get_space, referred_space

    path = table or default_path(space, engine, precision)
    loaded = LatencyTable.load(path, referred_space(space))
    pools = sample_pools(get_space(space), loaded, wanted, networks, seed)
    verdict = judge_table(loaded, path)
    if not verdict.usable:
        _log.warning("%s: %s", path, verdict.words)
    for line in narrow_tier_warnings(wanted, loaded):
        _log.warning("%s", line)
    rows = [pool.summary() for pool in pools.values()]
    if as_json:
        fingerprint = loaded.header.fingerprint.to_dict()
        found = {"space": space, "seed": seed, "sampled": networks, "fingerprint": fingerprint}
        print_json({**found, "verdict": verdict.to_dict(), "tiers": rows})
    else:
        print_table(
            rows,
            {"tier": "tier, ms", "networks": "networks", "fastest_ms": "fastest, ms", "slowest_ms": "slowest, ms"},
            title=f"{networks} networks of {space} on {loaded.header.fingerprint.device}",
        )
