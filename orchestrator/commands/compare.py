"""The command ``prunesweep compare``."""

import json
from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsJson, StoreUrl, SweepFilter, Where, console

EXAMPLE = "prunesweep compare --over control --where 'architecture == resnet56'"


def compare(
    store: StoreUrl = DEFAULT_STORE,
    where: Where = None,
    sweep: SweepFilter = None,
    over: Annotated[
        str,
        typer.Option(
            metavar="baseline|control",
            help="What every setting is compared with; control shows the effect of pruning alone.",
        ),
    ] = "baseline",
    images: Annotated[
        str,
        typer.Option(
            metavar="all|selection|report",
            help="The test images to compare on; report for settings that were chosen on the selection half.",
        ),
    ] = "all",
    as_json: AsJson = False,
) -> None:
    """Show every setting's gains with intervals over seeds and images, p-values, and the minimum detectable gain."""
    from prunesweep.orchestrator.comparison.compare import compare_settings
    from prunesweep.orchestrator.display.comparison import comparison_records, render_comparison

    compared = compare_settings(store, sweep=sweep, where=where or (), over=over, images=images)
    if as_json:
        print(json.dumps(comparison_records(compared), indent=1))
    else:
        console().print(render_comparison(compared))
