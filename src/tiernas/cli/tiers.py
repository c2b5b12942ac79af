"""`tiernas tiers`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.options import EngineOption, PrecisionOption, SpaceOption
from tiernas.cli.output import JsonOption, log_to_stderr, print_json, print_table

_log = logging.getLogger("tiernas.tiers")


def tiers(
    edges: Annotated[
        str | None,
        typer.Option("--edges", help="Tier edges in ms, such as 0.2,0.4,0.8.", show_default="proposed by the command"),
    ] = None,
    space: SpaceOption = "gpunet-small",
    engine: EngineOption = "openvino",
    precision: PrecisionOption = "fp32",
    table: Annotated[
        Path | None, typer.Option("--table", help="Latency table [default: latency/SPACE-ENGINE-PRECISION.jsonl].")
    ] = None,
    networks: Annotated[int, typer.Option("--networks", help="Number of networks to sample.")] = 65_536,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the Sobol sequence.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Sample a space and sort its networks into latency tiers. Without edges, show where they are and propose some."""
    from tiernas.tiers import narrow_tier_warnings, parse_edges, sample_pools

    log_to_stderr()
    wanted = None if edges is None else parse_edges(edges)

    from tiernas.latency import LatencyTable, default_path, judge_table
    from tiernas.spaces import get_space, referred_space
    from tiernas.tier_edges import (
        ALL_LATENCIES,
        edges_text,
        few_networks_warnings,
        latency_quantiles,
        proposed_edges,
    )
    from tiernas.tiers import tiers_between

    path = table or default_path(space, engine, precision)
    loaded = LatencyTable.load(path, referred_space(space))
    sampled = get_space(space)
    quantiles: dict[float, float] = {}
    if wanted is None:
        everything = sample_pools(sampled, loaded, [ALL_LATENCIES], networks, seed)[ALL_LATENCIES]
        quantiles = latency_quantiles(everything.latency_ms)
        wanted = tiers_between(proposed_edges(everything.latency_ms))
    pools = sample_pools(sampled, loaded, wanted, networks, seed)
    verdict = judge_table(loaded, path)
    if not verdict.usable:
        _log.warning("%s: %s", path, verdict.words)
    for line in (*narrow_tier_warnings(wanted, loaded), *few_networks_warnings(pools.values(), networks)):
        _log.warning("%s", line)
    rows = [pool.summary() for pool in pools.values()]
    device = loaded.header.fingerprint.device
    edges_ms = [wanted[0].low_ms, *(tier.high_ms for tier in wanted)]
    if as_json:
        fingerprint = loaded.header.fingerprint.to_dict()
        found = {"space": space, "seed": seed, "sampled": networks, "fingerprint": fingerprint}
        shares = [{"share": share, "latency_ms": latency_ms} for share, latency_ms in quantiles.items()]
        print_json({**found, "verdict": verdict.to_dict(), "quantiles": shares, "edges_ms": edges_ms, "tiers": rows})
        return
    if quantiles:
        shown = [{"share": f"{share:.0%}", "latency_ms": latency_ms} for share, latency_ms in quantiles.items()]
        print_table(shown, {"share": "faster networks", "latency_ms": "ms"}, title=f"{space} on {device}")
    print_table(
        rows,
        {"tier": "tier, ms", "networks": "networks", "fastest_ms": "fastest, ms", "slowest_ms": "slowest, ms"},
        title=f"{networks} networks of {space} on {device}",
    )
    if quantiles:
        typer.echo(f"Proposed: --edges {edges_text(edges_ms)}, in a TOML file: edges = {edges_ms}")
