"""The command ``prunesweep reproduce``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl, SweepFilter, Where, Wide, console, table_format

EXAMPLE = "prunesweep reproduce table1 --store store"


def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME", help="table1 … table5, figure1 … figure5, or all.")],
    store: StoreUrl = DEFAULT_STORE,
    sweep: SweepFilter = None,
    where: Where = None,
    fill: Annotated[
        bool,
        typer.Option(
            "--fill", help="First compute what is missing and takes no training: transfers and single elements."
        ),
    ] = False,
    to: Annotated[
        str, typer.Option(metavar="DIR", help="The folder to which figures (PNG) and all data (CSV) are written.")
    ] = "reproduced",
    wide: Wide = False,
) -> None:
    """Print the paper's table or figure beside a store's results, and what is missing."""
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.frame import frame_view
    from prunesweep.orchestrator.paper.registry import reproduce as reproduce_from_store
    from prunesweep.orchestrator.paper.registry import write_reproduction

    output = console()
    reproductions = reproduce_from_store(
        store,
        name,
        sweep=sweep,
        where=where or (),
        fill=fill,
        progress=lambda line: typer.echo(line, err=True),
    )
    for reproduction in reproductions:
        view = frame_view(reproduction.shown, title=f"{reproduction.name}: {reproduction.title}")
        print_view(view, output, table_format(wide))
        for note in reproduction.notes:
            print(f"  {note}")
        for gap in reproduction.missing:
            print(f"  missing: {gap}")
        paths = ", ".join(str(path) for path in write_reproduction(reproduction, to))
        print(f"  written: {paths}\n" if paths else "  nothing was written: the store has none of its results\n")
