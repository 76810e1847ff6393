"""The command ``prunesweep transfer``."""

import json
from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsJson, StoreUrl, console

EXAMPLE = "prunesweep transfer --sources 'iterations == 0' --targets 'architecture == resnet56'"


def transfer(
    sources: Annotated[
        list[str],
        typer.Option(metavar="TRIAL", help="Networks that images are crafted on: keys, or conditions; repeatable."),
    ],
    targets: Annotated[list[str], typer.Option(metavar="TRIAL", help="Networks that classify these images: likewise.")],
    attack: Annotated[str, typer.Option(metavar="fgsm|pgd", help="The attack that crafts the images.")] = "fgsm",
    epsilon: Annotated[str, typer.Option(metavar="E", help="The attack's ε, for pixels in [0, 1].")] = "8/255",
    store: StoreUrl = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show how accurately networks classify images that were crafted on others, as in the paper's Table 4."""
    from prunesweep.orchestrator.analyses.transfer import read_epsilon
    from prunesweep.orchestrator.analyses.transfer import transfer as transfer_between
    from prunesweep.orchestrator.display.transfer import render_transfer, transfer_records

    matrix = transfer_between(
        store,
        sources,
        targets,
        attack=attack,
        epsilon=read_epsilon(epsilon),
        progress=lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print(json.dumps(transfer_records(matrix), indent=1))
    else:
        console().print(render_transfer(matrix))
