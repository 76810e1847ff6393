"""The command ``prunesweep init``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import StoreUrl

EXAMPLE = "prunesweep init --data photos --from resnet56.th"


def init(
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="The sweep file to write.", show_default="NAME.yaml, after the data set"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="PATH|NAME",
            help="A folder with images, or digits, cifar10, cifar100 or imagenet.",
            show_default="what is found here, else digits",
        ),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from a weights file or torchvision:NAME instead of training a baseline.",
        ),
    ] = None,
    store: StoreUrl = DEFAULT_STORE,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented sweep file with a small first grid for your images.

    The images are in a folder with train/ and test/ or val/, each with one folder per class; or in Parquet files; or in
    the files of CIFAR. How they are read, their classes and sizes, and the architecture of a weights file are found
    out; nothing is asked.
    """
    from prunesweep.orchestrator.display.new_sweep import new_sweep_lines
    from prunesweep.orchestrator.initialization.initialize import init_sweep

    new = init_sweep(file, data=data, weights=from_, store=store, force=force)
    for line in new_sweep_lines(new, store):
        print(line)
