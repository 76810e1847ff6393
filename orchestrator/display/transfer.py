"""Rendering the transfer of adversarial images between networks, for a terminal and as JSON."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.analyses.transfer import TransferMatrix
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.words import counted


def render_transfer(matrix: TransferMatrix) -> Table:
    """Return a view of the accuracies in %, like the paper's Table 4.

    It has one row per source (a network that images were crafted on) and one column per target (a network that
    classifies them). ◆ marks the white-box case, in which source and target are the same network.
    """
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
    """Return one JSON object per source and target, with the columns of the table ``transfer``."""
    return [{str(name): value for name, value in row.items()} for row in matrix.rows.to_dict("records")]


def _name(matrix: TransferMatrix, key: str) -> str:
    return f"{matrix.labels[key]} {key[:KEY_DIGITS]}"
