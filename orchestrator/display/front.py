"""A Pareto front as a table, and as JSON."""

import pandas as pd

from prunesweep.orchestrator.display.formats import frame_records
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
from prunesweep.orchestrator.query.amounts import format_millions
from prunesweep.orchestrator.query.columns import EPOCHS, ON_FRONT, REMOVAL_COUNTS, SETTING_DETAILS
from prunesweep.orchestrator.query.descriptions import describe_networks, short_keys
from prunesweep.orchestrator.selection import Front
from prunesweep.sweeps.words import counted, listed

NEAR_FRONT = 0.05  # a candidate with at least this probability of being on the front is counted in the notes


def front_view(front: Front, *, only_knee: bool = False) -> TableView:
    """Return the Pareto-optimal networks as a table, with a mark at the knee (the recommended compromise).

    Each accuracy is given twice: on the selection half of the test images, on which networks are selected, and on the
    report half, which is the rest.

    Args:
        front: the selected front.
        only_knee: whether the table has only the row of the knee.
    """
    table = front.table.iloc[[front.knee]] if only_knee else front.table
    rows = [row for _, row in table.iterrows()]
    objectives = [objective.name for objective in front.objectives]
    columns = [
        ViewColumn("", ["◆" if index == front.knee else "" for index in table.index]),
        ViewColumn("trial", [short_keys(row) for row in rows]),
        ViewColumn("network", describe_networks(table), wraps=True),
        *(
            ViewColumn(
                name.replace("_", " "),
                [_format_value(row, name) for row in rows],
                is_number=True,
                rank=1 if name in objectives else 2,
            )
            for name in dict.fromkeys([*objectives, "flops"])
        ),
    ]
    if ON_FRONT in table:
        columns.append(ViewColumn("on front", [f"{row[ON_FRONT]:.2f}" for row in rows], is_number=True, rank=1))
    return TableView(
        title=_front_title(front),
        columns=columns,
        frame=_public_table(front, only_knee=only_knee),
        records=front_records(front, only_knee=only_knee),
        notes=_front_notes(front),
    )


def _public_table(front: Front, *, only_knee: bool) -> pd.DataFrame:
    """Return the table of a front without the settings other than the axes, and with the column ``knee``."""
    networks = front.table.iloc[[front.knee]] if only_knee else front.table
    columns = [name for name in (*SETTING_DETAILS, EPOCHS, *REMOVAL_COUNTS) if name in networks]
    return networks.drop(columns=columns).assign(knee=networks.index == front.knee)


def front_records(front: Front, *, only_knee: bool = False) -> dict[str, object]:
    """Return the front as JSON values: the objectives, the numbers of candidates, and one record per network.

    Args:
        front: the selected front.
        only_knee: whether the knee's record is the only one.
    """
    return {
        "objectives": {objective.name: objective.kind.direction for objective in front.objectives},
        "candidates": front.candidates,
        "left_out": front.left_out,
        "hypervolume": front.hypervolume,
        "front": frame_records(_public_table(front, only_knee=only_knee)),
        **_membership_records(front),
    }


def _membership_records(front: Front) -> dict[str, object]:
    """Return every candidate's probability of being on the front; an empty dict if it was not computed."""
    if ON_FRONT not in front.compared:
        return {}
    return {"membership": front.compared[["trial_keys", ON_FRONT]].to_dict("records")}


def _front_title(front: Front) -> str:
    """Return the title: the objectives, and how many of the candidates are Pareto-optimal."""
    names = listed(objective.name for objective in front.objectives)
    return f"Pareto-optimal in {names}: {len(front.table)} of {counted(front.candidates, 'candidate')}"


def _front_notes(front: Front) -> list[str]:
    """Return what the mark ◆ and the numbers mean, and how many trials were left out for each reason."""
    left_out = [f"{count} left out: {reason}." for reason, count in front.left_out.items()]
    halves = "◆ the knee; accuracies: chosen on the selection half / reported on the report half."
    return [halves, *_membership_notes(front), *left_out]


def _membership_notes(front: Front) -> list[str]:
    """Return a list with the meaning of the column "on front"; an empty list if there is no such column."""
    if ON_FRONT not in front.compared:
        return []
    others = int((front.compared[ON_FRONT] >= NEAR_FRONT).sum() - (front.table[ON_FRONT] >= NEAR_FRONT).sum())
    return [
        "on front: probability when the selection half's images are resampled; "
        f"{counted(others, 'other candidate')} {'reaches' if others == 1 else 'reach'} {NEAR_FRONT:g}."
    ]


def _format_value(row: pd.Series, name: str) -> str:
    """Return a network's value of an objective as text, in both halves for an accuracy; empty if it is missing."""
    halves = [row.get(f"{name}_selection"), row.get(f"{name}_report")]
    if None not in halves:
        return " / ".join("" if pd.isna(value) else f"{value:.3f}" for value in halves)
    value = row[name]
    if pd.isna(value):
        return ""
    return format_millions(value) if name in ("parameters", "flops") else f"{value:.3f}"
