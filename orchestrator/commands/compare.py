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
    split_names,
    table_format,
)
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.words import listed

EXAMPLE = "prunesweep compare 'structure == filters and criterion == l1' 'structure == filters and criterion == pls'"


def compare(
    groups: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY|SWEEP|CONDITION]...",
            help="Trials to compare with the first: keys of trials or settings, sweeps, or conditions. Without any, "
            "every setting is compared with its baseline or control.",
        ),
    ] = None,
    store: StoreUrl = DEFAULT_STORE,
    where: Where = None,
    sweep: SweepFilter = None,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="baseline|control",
            help="What every setting is compared with: baseline, unless given; control shows the effect of pruning "
            "alone.",
        ),
    ] = None,
    images: Annotated[
        str,
        typer.Option(
            metavar="all|selection|report",
            help="The test images to compare on; report for settings that were chosen on the selection half.",
        ),
    ] = "all",
    figure: Annotated[str, typer.Option(metavar="NAMES", help="Only these figures, separated by commas.")] = "",
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Sort settings by a figure's mean gain, greatest first, or by mean, sd, images_low, seeds_low, p, "
            "p_holm or smallest_gain of the robustness, or of the first figure shown.",
        ),
    ] = None,
    top: Annotated[int | None, typer.Option(metavar="N", help="Show only the first N settings.")] = None,
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    format: TableFormat = None,
) -> None:
    """Compare settings with their baseline or control, or trials, settings and sweeps with each other, image by image.

    Every difference has intervals over seeds and images, a p-value, and the minimum detectable gain.

    Raises:
        UserError: an option has no meaning for what is compared.
    """
    from prunesweep.orchestrator.display.formats import print_view

    chosen = table_format(wide, as_csv, as_json, format)
    figures = split_names(figure)
    if groups:
        from prunesweep.orchestrator.comparison.compare_groups import compare_groups
        from prunesweep.orchestrator.display.group_comparison import group_comparison_view

        given = {"--over": over, "--sort": sort, "--top": top}
        unused = [option for option, value in given.items() if value is not None]
        if unused:
            raise UserError(f"{listed(unused)}: only for comparing every setting, without {listed(groups)}")
        compared = compare_groups(store, groups=groups, figures=figures, images=images, where=where or (), sweep=sweep)
        view = group_comparison_view(compared)
    else:
        from prunesweep.orchestrator.comparison.compare import compare_settings
        from prunesweep.orchestrator.display.comparison import comparison_view

        settings = compare_settings(
            store,
            sweep=sweep,
            where=where or (),
            over=over or "baseline",
            images=images,
            figures=figures,
            sort=sort,
            top=top,
        )
        view = comparison_view(settings)
    print_view(view, console(), chosen)
