"""``prunesweep elements``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl, console

EXAMPLE = "prunesweep elements --trial 3f2a91c0de --structure filters --modules layer1"


def elements(
    trial: Annotated[str, typer.Option(metavar="TRIAL", help="A trial's key, or the beginning of it.")],
    structure: Annotated[str, typer.Option(metavar="filters|layers", help="Which elements.")],
    store: StoreUrl = DEFAULT_STORE,
    images: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="So many test images, evenly over the classes; of digits and CIFAR the first, which are mixed.",
        ),
    ] = 2000,
    attacks: Annotated[
        str, typer.Option(metavar="NAMES", help="Of fgsm, occlusion and corruptions, with commas between them.")
    ] = "fgsm,occlusion",
    modules: Annotated[
        str, typer.Option(metavar="PREFIX", help="Only modules whose path begins so, for example layer1.")
    ] = "",
) -> None:
    """Remove every filter, or layer, alone and without adjustment: how many may go at no more than a loss.

    Interrupted, the same command goes on where it was.
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
