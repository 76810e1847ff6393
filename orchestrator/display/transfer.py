"""The transfer of adversarial images between networks as a table."""

from prunesweep.orchestrator.analyses.transfer import TransferMatrix
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.words import counted


def transfer_view(matrix: TransferMatrix) -> TableView:
    """Return the accuracies in % as a table, like the paper's Table 4.

    It has one row per source (a network that images were crafted on) and one column per target (a network that
    classifies them), whose heading is the target's key. ◆ marks the white-box case, in which source and target are the
    same network.
    """
    first = matrix.rows.iloc[0]
    targets = [
        ViewColumn(
            str(target)[:KEY_DIGITS],
            [f"{'◆ ' if source == target else ''}{100 * accuracy:.2f}" for source, accuracy in column.items()],
            is_number=True,
            rank=rank,
        )
        for rank, (target, column) in enumerate(matrix.accuracies.items())
    ]
    sources = list(matrix.sources)
    only_targets = [target for target in matrix.targets if target not in sources]
    return TableView(
        title=f"Transfer: accuracy (%) of the target on images crafted from the source, {first['attack']} "
        f"{first['headline']}",
        columns=[
            ViewColumn("source", [source[:KEY_DIGITS] for source in sources]),
            ViewColumn("network", [matrix.labels[source] for source in sources], wraps=True),
            *targets,
        ],
        frame=matrix.rows,
        records=matrix.rows.to_dict("records"),
        notes=[
            f"◆ white box: a network's own images. {counted(first['total'], 'test image')}.",
            *(f"Target {target[:KEY_DIGITS]}: {matrix.labels[target]}." for target in only_targets),
        ],
    )
