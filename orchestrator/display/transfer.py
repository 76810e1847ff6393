"""Draws transfer between networks, on a terminal and as JSON."""

from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.analyses.transfer import Transfer
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.words import counted


def transfer_table(found: Transfer) -> Table:
    """Accuracies in %, as in the paper's Table 4: a row a source, a column a target; white-box ones are marked ◆."""
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


def transfer_records(found: Transfer) -> list[dict[str, object]]:
    """The rows as JSON values."""
    return [{str(name): value for name, value in row.items()} for row in found.rows.to_dict("records")]


def _name(found: Transfer, key: str) -> str:
    return f"{found.labels[key]} {key[:KEY_DIGITS]}"
