"""The tables and figures that can be reproduced, by name, and the functions that reproduce and write them."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from prunesweep.orchestrator.paper import figures, tables
from prunesweep.orchestrator.paper.experiments import Experiments
from prunesweep.orchestrator.paper.reproduction import Reproduction
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.paths import expand_home

REPRODUCTIONS: dict[str, Callable[[Experiments], Reproduction]] = {
    "table1": tables.table1,
    "table2": tables.table2,
    "table3": tables.table3,
    "table4": tables.table4,
    "table5": tables.table5,
    "figure1": figures.figure1,
    "figure2": figures.figure2,
    "figure3": figures.figure3,
    "figure4": figures.figure4,
    "figure5": figures.figure5,
}
ALL = "all"


def reproduce(
    store: StoreLike,
    name: str,
    *,
    sweep: str | None = None,
    where: Sequence[str] = (),
    fill: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Reproduction]:
    """Return the paper's table or figure, or all of them, from the results of a store.

    An invalid store, sweep name or condition raises ``UserError`` too.

    Args:
        store: a folder, an fsspec URL or an open store.
        name: ``table1`` … ``table5``, ``figure1`` … ``figure5``, or ``all``.
        sweep: the name of a sweep to which the trials are limited; None means the trials of all sweeps.
        where: conditions on trials, such as ``"dataset == cifar10"``; all must hold.
        fill: whether to compute missing results that need no training: transfers and single elements.
        progress: called with each line on the progress of these computations.

    Raises:
        UserError: the name is unknown.

    Example:
        >>> from prunesweep import reproduce
        >>> (table,) = reproduce("store", "table1")
        >>> table.title
        'Gains by architecture and structure (PLS, one iteration, fine-tuning)'
    """
    if name not in REPRODUCTIONS and name != ALL:
        raise UserError(unknown_name(name, "a table or figure of the paper", [*REPRODUCTIONS, ALL]))
    opened = existing_store(store)
    reproductions = _reproduce_from(name, Experiments(opened, sweep=sweep, where=where))
    fillable = (
        [(gap, gap.fill) for item in reproductions for gap in item.missing if gap.fill is not None] if fill else []
    )
    for gap, compute in fillable:
        progress(str(gap))
        compute(progress)
    return _reproduce_from(name, Experiments(opened, sweep=sweep, where=where)) if fillable else reproductions


def _reproduce_from(name: str, experiments: Experiments) -> list[Reproduction]:
    """Return the table or figure of this name, or all of them."""
    return [make(experiments) for key, make in REPRODUCTIONS.items() if name in (key, ALL)]


def write_reproduction(reproduction: Reproduction, folder: str | PathLike[str]) -> list[Path]:
    """Write the data of a table or figure as ``NAME.csv``, and a figure also as ``NAME.png``.

    If there are no data, nothing is written.

    Args:
        reproduction: the table or figure.
        folder: the folder, which is created if it is missing.

    Returns:
        The paths of the written files.

    Raises:
        UserError: a file cannot be written.
    """
    if not len(reproduction.data):
        return []
    directory = Path(expand_home(folder))
    try:
        directory.mkdir(parents=True, exist_ok=True)
        written = [directory / f"{reproduction.name}.csv"]
        reproduction.data.to_csv(written[0], index=False)
        if reproduction.draw is not None:
            written.append(directory / f"{reproduction.name}.png")
            _save_figure(reproduction, written[-1])
    except OSError as error:
        raise UserError(f"--to {folder}: cannot be written: {error.strerror or error}") from None
    return written


def _save_figure(reproduction: Reproduction, path: Path) -> None:
    """Draw a figure and save it as PNG."""
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    assert reproduction.draw is not None
    figure = Figure(figsize=(11, 4.2), dpi=130, layout="constrained")
    reproduction.draw(figure)
    figure.suptitle(reproduction.title)
    figure.savefig(path)
