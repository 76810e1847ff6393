"""The command ``prunesweep verify-robustness``."""

import json
from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsJson, StoreUrl, Wide, console, table_format

EXAMPLE = "prunesweep verify-robustness 3f2a91c0de 'architecture == resnet56'"


def verify_robustness(
    trials: Annotated[
        list[str], typer.Argument(metavar="TRIAL|CONDITION", help="Keys, or conditions that trials must meet.")
    ],
    images: Annotated[int, typer.Option(metavar="N", help="Number of images of the selection half.")] = 300,
    autoattack: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of these images for AutoAttack, if nothing else fools them; minutes per network on a CPU. "
            "The default is 50 if the extra autoattack is installed, else 0.",
        ),
    ] = None,
    store: StoreUrl = DEFAULT_STORE,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Check with stronger attacks whether a gain in robustness is real: a verdict with its evidence.

    The network, its baseline and its control are attacked on the same images.
    """
    from prunesweep.orchestrator.analyses.robustness.verify import verify_robustness as verify
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.verdict import verdict_view

    chosen = table_format(wide, as_json=as_json)
    verdicts = verify(
        store, trials, images=images, autoattack=autoattack, progress=lambda line: typer.echo(line, err=True)
    )
    if as_json:
        print(json.dumps(verdicts, indent=1))
        return
    for verdict in verdicts:
        print_view(verdict_view(verdict), console(), chosen)
