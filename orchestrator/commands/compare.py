"""``prunesweep compare``."""

import json
from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsJson, OfSweep, StoreUrl, Where, console

EXAMPLE = "prunesweep compare --over control --where 'architecture == resnet56'"


def compare(
    store: StoreUrl = DEFAULT_STORE,
    where: Where = None,
    sweep: OfSweep = None,
    over: Annotated[
        str, typer.Option(metavar="baseline|control", help="What gains are over; control shows what pruning did.")
    ] = "baseline",
    images: Annotated[
        str, typer.Option(metavar="all|selection|report", help="The test images; report for what was chosen.")
    ] = "all",
    as_json: AsJson = False,
) -> None:
    """Show every setting's gains with intervals over seeds and images, p-values, and what so many images can show."""
    from prunesweep.orchestrator.comparison.compare import compare_settings
    from prunesweep.orchestrator.display.comparison import comparison_records, comparison_table

    compared = compare_settings(store, sweep=sweep, where=where or (), over=over, images=images)
    if as_json:
        print(json.dumps(comparison_records(compared), indent=1))
    else:
        console().print(comparison_table(compared))
