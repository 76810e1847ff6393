"""Draws transfer between networks, on a terminal and as JSON."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.analyses.transfer import TransferMatrix
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.words import counted


def render_transfer(found: TransferMatrix) -> Table:
    """Return the accuracies in % as in the paper's Table 4: a row per source, a column per target, ◆ for white box."""
    first = found.rows.iloc[0]
    table = Table(
        title=f"Transfer: accuracy (%) of the target on images crafted from the source, {first['attack']} "
        f"{first['headline']}",
        caption=f"◆ white box: a network's own images. {counted(first['total'], 'test image')}.",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("source \\ target")
    for target in found.targets:
        table.add_column(_name(found, target), justify="right")
    for source, row in found.accuracies.iterrows():
        cells = (f"{'◆ ' if source == target else ''}{100 * row[target]:.2f}" for target in found.targets)
        table.add_row(_name(found, str(source)), *cells)
    return table


def transfer_records(found: TransferMatrix) -> list[dict[str, object]]:
    """Return the rows as JSON values."""
    return [{str(name): value for name, value in row.items()} for row in found.rows.to_dict("records")]


def _name(found: TransferMatrix, key: str) -> str:
    return f"{found.labels[key]} {key[:KEY_DIGITS]}"
