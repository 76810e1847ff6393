"""The command ``prunesweep effects``."""

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
    split_names,
    table_format,
)

EXAMPLE = "prunesweep effects --axis criterion,ratio --figure robustness,generalization --where 'structure == filters'"


def effects(
    store: StoreUrl = DEFAULT_STORE,
    axis: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="The axes, or other settings such as quota, separated by commas; without it, all that vary.",
        ),
    ] = "",
    figure: Annotated[
        str, typer.Option(metavar="NAMES", help="The figures whose gains are compared, separated by commas.")
    ] = "robustness",
    over: Annotated[
        str,
        typer.Option(
            metavar="baseline|control",
            help="What the gains are over; control shows the effect of pruning alone.",
        ),
    ] = "control",
    images: Annotated[str, typer.Option(metavar="all|selection|report", help="The test images to compare on.")] = "all",
    where: Where = None,
    sweep: SweepFilter = None,
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    format: TableFormat = None,
) -> None:
    """Show which value of an axis is the best, on trials that are equal in the seed and in every other setting."""
    from prunesweep.orchestrator.comparison.effects import main_effects
    from prunesweep.orchestrator.display.effects import effects_view
    from prunesweep.orchestrator.display.formats import print_view

    chosen = table_format(wide, as_csv, as_json, format)
    found = main_effects(
        store,
        axes=split_names(axis),
        figures=split_names(figure),
        over=over,
        images=images,
        where=where or (),
        sweep=sweep,
    )
    print_view(effects_view(found), console(), chosen)
