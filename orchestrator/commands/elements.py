"""The command ``prunesweep elements``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl, console

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
) -> None:
    """Remove each filter or layer alone, and show how many removals raise robustness within a loss of accuracy.

    Nothing is adjusted after a removal. An interrupted command continues where it stopped.
    """
    from prunesweep.orchestrator.analyses.elements import single_elements
    from prunesweep.orchestrator.analyses.loss_curves import loss_curves
    from prunesweep.orchestrator.display.elements import describe_progress, render_loss_curves

    names = [name.strip() for name in attacks.split(",") if name.strip()]
    measured = single_elements(
        store,
        trial,
        structure=structure,
        images=images,
        attacks=names,
        modules=modules,
        progress=lambda event: print(describe_progress(event), flush=True),
    )
    console().print(render_loss_curves(loss_curves(measured)))
