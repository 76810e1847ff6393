"""The command ``prunesweep transfer``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsCsv, AsJson, StoreUrl, Wide, console, table_format

EXAMPLE = "prunesweep transfer --sources 'iterations == 0' --targets 'architecture == resnet56'"


def transfer(
    sources: Annotated[
        list[str],
        typer.Option(
            metavar="TRIAL|CONDITION", help="Networks that images are crafted on: keys, or conditions; repeatable."
        ),
    ],
    targets: Annotated[
        list[str], typer.Option(metavar="TRIAL|CONDITION", help="Networks that classify these images: likewise.")
    ],
    attack: Annotated[str, typer.Option(metavar="fgsm|pgd", help="The attack that crafts the images.")] = "fgsm",
    epsilon: Annotated[str, typer.Option(metavar="E", help="The attack's ε, for pixels in [0, 1].")] = "8/255",
    store: StoreUrl = DEFAULT_STORE,
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show how accurately networks classify images that were crafted on others, as in the paper's Table 4."""
    from prunesweep.orchestrator.analyses.transfer import read_epsilon
    from prunesweep.orchestrator.analyses.transfer import transfer as transfer_between
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.transfer import transfer_view

    chosen = table_format(wide, as_csv, as_json)
    matrix = transfer_between(
        store,
        sources,
        targets,
        attack=attack,
        epsilon=read_epsilon(epsilon),
        progress=lambda line: typer.echo(line, err=True),
    )
    print_view(transfer_view(matrix), console(), chosen)
