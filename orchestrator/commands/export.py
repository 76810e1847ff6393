"""``prunesweep export``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl

EXAMPLE = "prunesweep export 3f2a91c0de --to my_network"


def export(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial's key, or the beginning of it.")],
    to: Annotated[str, typer.Option(metavar="DIR", help="The folder to write.")],
    store: StoreUrl = DEFAULT_STORE,
    format: Annotated[
        str, typer.Option(metavar="FORMAT", help="safetensors, torch_export (.pt2) or onnx.")
    ] = "safetensors",
) -> None:
    """Write a network to a folder that prunesweep.load_network reads."""
    from prunesweep.orchestrator.export import export_network

    folder = export_network(store, trial, to, format=format)
    print(f"{folder}: from prunesweep import load_network; network = load_network({str(folder)!r})")
