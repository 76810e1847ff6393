"""The tables and figures that can be reproduced, by name; and the one function that makes them."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from prunesweep.orchestrator.paper import figures, tables
from prunesweep.orchestrator.paper.experiments import Experiments
from prunesweep.orchestrator.paper.reproduction import Reproduction
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.paths import expanded

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
    """Return the paper's table or figure, or all of them, from what a store holds.

    Args:
        store: a folder, an fsspec URL or an open store.
        name: ``table1`` … ``table5``, ``figure1`` … ``figure5``, or ``all``.
        sweep: only the trials of this sweep.
        where: such as ``"dataset == cifar10"``.
        fill: makes first what is missing and takes no training: transfers, and single elements.
        progress: called with lines on the filling.

    Raises:
        UserError: one line about the store, the name or a condition.

    Example:
        >>> from prunesweep import reproduce
        >>> (table,) = reproduce("store", "table1")
        >>> table.title
        'Gains by architecture and structure (PLS, one iteration, fine-tuning)'
    """
    if name not in REPRODUCTIONS and name != ALL:
        raise UserError(unknown_name(name, "a table or figure of the paper", [*REPRODUCTIONS, ALL]))
    opened = existing_store(store)
    made = _make(name, Experiments(opened, sweep=sweep, where=where))
    fillings = [(gap, gap.fill) for each in made for gap in each.missing if gap.fill is not None] if fill else []
    for gap, make in fillings:
        progress(str(gap))
        make(progress)
    return _make(name, Experiments(opened, sweep=sweep, where=where)) if fillings else made


def _make(name: str, experiments: Experiments) -> list[Reproduction]:
    return [make(experiments) for known, make in REPRODUCTIONS.items() if name in (known, ALL)]


def write_figure(reproduction: Reproduction, folder: str | PathLike[str]) -> list[Path]:
    """Write ``NAME.csv``, and of a figure ``NAME.png``, to a folder; nothing where the store has nothing of it.

    Returns:
        what was written.

    Raises:
        UserError: it cannot be written.
    """
    if not len(reproduction.data):
        return []
    place = Path(expanded(folder))
    try:
        place.mkdir(parents=True, exist_ok=True)
        written = [place / f"{reproduction.name}.csv"]
        reproduction.data.to_csv(written[0], index=False)
        if reproduction.draw is not None:
            written.append(place / f"{reproduction.name}.png")
            _save(reproduction, written[-1])
    except OSError as error:
        raise UserError(f"--to {folder}: cannot be written: {error.strerror or error}") from None
    return written


def _save(reproduction: Reproduction, path: Path) -> None:
    from matplotlib.figure import Figure  # without pyplot: no window, no global state

    assert reproduction.draw is not None
    figure = Figure(figsize=(11, 4.2), dpi=130, layout="constrained")
    reproduction.draw(figure)
    figure.suptitle(reproduction.title)
    figure.savefig(path)
