"""The command ``prunesweep compare``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import (
    AsCsv,
    AsJson,
    StoreUrl,
    SweepFilter,
    TableFormat,
    Where,
    Wide,
    console,
    table_format,
)

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
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    format: TableFormat = None,
) -> None:
    """Show every setting's gains with intervals over seeds and images, p-values, and the minimum detectable gain."""
    from prunesweep.orchestrator.comparison.compare import compare_settings
    from prunesweep.orchestrator.display.comparison import comparison_view
    from prunesweep.orchestrator.display.formats import print_view

    chosen = table_format(wide, as_csv, as_json, format)
    compared = compare_settings(store, sweep=sweep, where=where or (), over=over, images=images)
    print_view(comparison_view(compared), console(), chosen)
