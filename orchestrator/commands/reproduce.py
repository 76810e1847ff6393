"""``prunesweep reproduce``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import OfSweep, StoreUrl, Where, console

EXAMPLE = "prunesweep reproduce table1 --store store"


def reproduce(
    name: Annotated[str, typer.Argument(metavar="NAME", help="table1 … table5, figure1 … figure5, or all.")],
    store: StoreUrl = DEFAULT_STORE,
    sweep: OfSweep = None,
    where: Where = None,
    fill: Annotated[
        bool, typer.Option("--fill", help="Make what is missing and takes no training: transfers and single elements.")
    ] = False,
    to: Annotated[
        str, typer.Option(metavar="DIR", help="Where figures (PNG) and all data (CSV) are written.")
    ] = "reproduced",
) -> None:
    """Print the paper's table or figure with a store's results beside it, and what is missing."""
    from prunesweep.orchestrator.display.frame import frame_table
    from prunesweep.orchestrator.paper.registry import reproduce as reproduced
    from prunesweep.orchestrator.paper.registry import write_figure

    shown_on = console()
    makings = reproduced(
        store,
        name,
        sweep=sweep,
        where=where or (),
        fill=fill,
        progress=lambda line: typer.echo(line, err=True),
    )
    for made in makings:
        shown_on.print(frame_table(made.shown, title=f"{made.name}: {made.title}"))
        for note in made.notes:
            print(f"  {note}")
        for gap in made.missing:
            print(f"  missing: {gap}")
        written = ", ".join(str(path) for path in write_figure(made, to))
        print(f"  written: {written}\n" if written else "  nothing is written: the store holds nothing of it\n")
