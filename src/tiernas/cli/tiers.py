"""`tiernas tiers`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tiernas.cli.limits import MaxActivationsMb, MaxMacs, MaxParams, MaxWeightsMb
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
    max_params: MaxParams = None,
    max_macs: MaxMacs = None,
    max_weights_mb: MaxWeightsMb = None,
    max_activations_mb: MaxActivationsMb = None,
    as_json: JsonOption = False,
) -> None:
    """Sample a space and sort its networks into latency tiers, without those beyond a limit.

    Without edges, show where the networks are, and propose edges.
    """
    from tiernas.limits import Limits
    from tiernas.tiers import narrow_tier_warnings, parse_edges, sample_pools

    log_to_stderr()
    wanted = None if edges is None else parse_edges(edges)
    limits = Limits(max_params, max_macs, max_weights_mb, max_activations_mb)

    from tiernas.latency import LatencyTable, default_path, judge_table
    from tiernas.limits import WithinLimits
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
    loaded, searched = LatencyTable.load(path, referred_space(space)), get_space(space)
    classes, target = loaded.header.num_classes, loaded.header.fingerprint
    within = WithinLimits(limits, searched, num_classes=classes, precision=target.precision, batch=target.batch)
    quantiles: dict[float, float] = {}
    if wanted is None:
        everything = sample_pools(searched, loaded, [ALL_LATENCIES], networks, seed, within)[ALL_LATENCIES]
        quantiles = latency_quantiles(everything.latency_ms)
        wanted = tiers_between(proposed_edges(everything.latency_ms))
    pools = sample_pools(searched, loaded, wanted, networks, seed, within)
    verdict = judge_table(loaded, path)
    if not verdict.usable:
        _log.warning("%s: %s", path, verdict.words)
    for line in (*narrow_tier_warnings(wanted, loaded), *few_networks_warnings(pools.values(), networks)):
        _log.warning("%s", line)
    rows = [pool.summary() for pool in pools.values()]
    edges_ms = [wanted[0].low_ms, *(tier.high_ms for tier in wanted)]
    if as_json:
        found = {"space": space, "seed": seed, "sampled": networks, "fingerprint": target.to_dict()}
        shares = [{"share": share, "latency_ms": latency_ms} for share, latency_ms in quantiles.items()]
        found |= {"limits": limits.given, "verdict": verdict.to_dict()}
        print_json({**found, "quantiles": shares, "edges_ms": edges_ms, "tiers": rows})
        return
    if quantiles:
        shown = [{"share": f"{share:.0%}", "latency_ms": latency_ms} for share, latency_ms in quantiles.items()]
        print_table(shown, {"share": "faster networks", "latency_ms": "ms"}, title=f"{space} on {target.device}")
    columns = {"tier": "tier, ms", "networks": "networks", "excluded": "beyond the limits"}
    columns |= {"fastest_ms": "fastest, ms", "slowest_ms": "slowest, ms"}
    if not limits.given:
        del columns["excluded"]
    print_table(rows, columns, title=f"{networks} networks of {space} on {target.device}")
    if quantiles:
        typer.echo(f"Proposed: --edges {edges_text(edges_ms)}, in a TOML file: edges = {edges_ms}")
