"""The command ``prunesweep pareto``."""

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

EXAMPLE = (
    "prunesweep pareto --objectives generalization,robustness_fgsm,flops "
    "--constraint 'generalization_gain >= -1' --where 'structure != none'"
)


def pareto(
    store: StoreUrl = DEFAULT_STORE,
    objectives: Annotated[
        str, typer.Option(metavar="NAMES", help="The objectives, separated by commas.")
    ] = "generalization,robustness,flops",
    constraint: Annotated[
        list[str] | None,
        typer.Option(metavar="CONDITION", help="A condition that a network's figures must meet; repeatable."),
    ] = None,
    where: Where = None,
    sweep: SweepFilter = None,
    pick: Annotated[str | None, typer.Option(metavar="knee", help="Print only the knee of the front.")] = None,
    membership: Annotated[
        bool, typer.Option("--membership", help="Add each network's bootstrap probability of being on the front.")
    ] = False,
    verified: Annotated[
        bool,
        typer.Option("--verified", help="Use only networks whose gain holds by `prunesweep verify-robustness`."),
    ] = False,
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    format: TableFormat = None,
) -> None:
    """Select the Pareto-optimal networks on the selection half of the test images, and report them on the report half.

    Raises:
        SelectionError: ``pick`` is not "knee".
    """
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.front import front_view
    from prunesweep.orchestrator.query.errors import SelectionError
    from prunesweep.orchestrator.selection.pareto import pareto_front

    if pick not in (None, "knee"):
        raise SelectionError(f"--pick {pick}: allowed: knee")
    chosen = table_format(wide, as_csv, as_json, format)
    front = pareto_front(
        store,
        objectives=split_names(objectives),
        constraints=constraint or (),
        where=where or (),
        sweep=sweep,
        membership=membership,
        verified=verified,
    )
    print_view(front_view(front, only_knee=pick is not None), console(), chosen)
