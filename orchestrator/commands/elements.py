"""The command ``prunesweep elements``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsCsv, AsJson, StoreUrl, Wide, console, split_names, table_format

EXAMPLE = "prunesweep elements --trial 3f2a91c0de --structure filters --modules layer1"


def elements(
    trial: Annotated[str, typer.Option(metavar="TRIAL", help="A trial's key, or the beginning of it.")],
    structure: Annotated[str, typer.Option(metavar="filters|layers", help="Which elements are removed, each alone.")],
    store: StoreUrl = DEFAULT_STORE,
    images: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="Number of test images, spread evenly over the classes; of digits and CIFAR the first ones.",
        ),
    ] = 2000,
    attacks: Annotated[
        str, typer.Option(metavar="NAMES", help="Attacks, separated by commas: fgsm, occlusion, corruptions.")
    ] = "fgsm,occlusion",
    modules: Annotated[
        str, typer.Option(metavar="PREFIX", help="Only modules whose path begins with this, such as layer1.")
    ] = "",
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Remove each filter or layer alone, and show how many removals raise robustness within a loss of accuracy.

    Nothing is adjusted after a removal. An interrupted command continues where it stopped.
    """
    from prunesweep.orchestrator.analyses.elements import single_elements
    from prunesweep.orchestrator.analyses.loss_curves import loss_curves
    from prunesweep.orchestrator.display.elements import describe_progress, loss_curves_view
    from prunesweep.orchestrator.display.formats import print_view

    chosen = table_format(wide, as_csv, as_json)
    to_errors = chosen in ("csv", "json")  # standard output has the data alone
    measured = single_elements(
        store,
        trial,
        structure=structure,
        images=images,
        attacks=split_names(attacks),
        modules=modules,
        progress=lambda event: typer.echo(describe_progress(event), err=to_errors),
    )
    print_view(loss_curves_view(loss_curves(measured)), console(), chosen)
