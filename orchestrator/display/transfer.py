"""Draws transfer between networks, on a terminal and as JSON."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.analyses.transfer import TransferMatrix
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.words import counted


def render_transfer(matrix: TransferMatrix) -> Table:
    """Return the accuracies in % as in the paper's Table 4: a row per source, a column per target, ◆ for white box."""
    first = matrix.rows.iloc[0]
    table = Table(
        title=f"Transfer: accuracy (%) of the target on images crafted from the source, {first['attack']} "
        f"{first['headline']}",
        caption=f"◆ white box: a network's own images. {counted(first['total'], 'test image')}.",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("source \\ target")
    for target in matrix.targets:
        table.add_column(_name(matrix, target), justify="right")
    for source, row in matrix.accuracies.iterrows():
        cells = (f"{'◆ ' if source == target else ''}{100 * row[target]:.2f}" for target in matrix.targets)
        table.add_row(_name(matrix, str(source)), *cells)
    return table


def transfer_records(matrix: TransferMatrix) -> list[dict[str, object]]:
    """Return the rows as JSON values."""
    return [{str(name): value for name, value in row.items()} for row in matrix.rows.to_dict("records")]


def _name(matrix: TransferMatrix, key: str) -> str:
    return f"{matrix.labels[key]} {key[:KEY_DIGITS]}"
