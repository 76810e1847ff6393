"""``prunesweep transfer``."""

import json
from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsJson, StoreUrl, console

EXAMPLE = "prunesweep transfer --sources 'iterations == 0' --targets 'architecture == resnet56'"


def transfer(
    sources: Annotated[
        list[str], typer.Option(metavar="TRIAL", help="Keys, or conditions that trials must meet; repeatable.")
    ],
    targets: Annotated[list[str], typer.Option(metavar="TRIAL", help="Likewise.")],
    attack: Annotated[str, typer.Option(metavar="fgsm|pgd", help="What images are crafted by.")] = "fgsm",
    epsilon: Annotated[str, typer.Option(metavar="E", help="How far pixels in [0, 1] may go.")] = "8/255",
    store: StoreUrl = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Show the images that fool some networks to others, as in the paper's Table 4."""
    from prunesweep.orchestrator.analyses.transfer import read_epsilon
    from prunesweep.orchestrator.analyses.transfer import transfer as between
    from prunesweep.orchestrator.display.transfer import render_transfer, transfer_records

    found = between(
        store,
        sources,
        targets,
        attack=attack,
        epsilon=read_epsilon(epsilon),
        progress=lambda line: typer.echo(line, err=True),
    )
    if as_json:
        print(json.dumps(transfer_records(found), indent=1))
    else:
        console().print(render_transfer(found))
