"""The command ``prunesweep export``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl

EXAMPLE = "prunesweep export 3f2a91c0de --to my_network"


def export(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="The key of a trial, or the beginning of it.")],
    to: Annotated[str, typer.Option(metavar="DIR", help="The folder to write to.")],
    store: StoreUrl = DEFAULT_STORE,
    format: Annotated[
        str, typer.Option(metavar="FORMAT", help="safetensors, torch_export (.pt2) or onnx.")
    ] = "safetensors",
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty, and replace an earlier export.")
    ] = False,
) -> None:
    """Write a network to a folder, and print the line of Python that loads it."""
    from prunesweep.orchestrator.export import export_network, loading_line

    folder = export_network(store, trial, to, format=format, force=force)
    print(f"{folder}: {loading_line(folder, format)}")
