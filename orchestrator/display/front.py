"""Rendering a Pareto front, for a terminal and as JSON."""

import json

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.display.widths import MIN_NAME_WIDTH, MIN_NUMBER_WIDTH
from prunesweep.orchestrator.query.columns import EPOCHS, ON_FRONT, REMOVAL_COUNTS, SETTING_DETAILS
from prunesweep.orchestrator.query.descriptions import describe_networks, short_keys
from prunesweep.orchestrator.selection import Front
from prunesweep.sweeps.words import counted, listed

NEAR_FRONT = 0.05  # a candidate with at least this probability of being on the front is counted in the caption


def render_front(front: Front, *, only_knee: bool = False) -> Table:
    """Return a view of the Pareto-optimal networks, with a mark at the knee (the recommended compromise).

    Each accuracy is given twice: on the selection half of the test images, on which networks are selected, and on the
    report half, which is the rest.

    Args:
        front: the selected front.
        only_knee: whether the view has only the row of the knee.
    """
    view = Table(
        title=_front_title(front), caption=_front_caption(front), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    view.add_column("")
    view.add_column("trial", no_wrap=True)
    view.add_column("network", min_width=MIN_NAME_WIDTH, overflow="fold")
    names = list(dict.fromkeys([*(objective.name for objective in front.objectives), "flops"]))
    for name in names:
        view.add_column(name.replace("_", " "), justify="right", min_width=MIN_NUMBER_WIDTH, overflow="fold")
    if ON_FRONT in front.table:
        view.add_column("on front", justify="right", overflow="fold")
    for (index, row), label in zip(front.table.iterrows(), describe_networks(front.table), strict=True):
        if only_knee and index != front.knee:
            continue
        mark = "◆" if index == front.knee else ""
        values = (_format_value(row, name) for name in names)
        view.add_row(mark, short_keys(row), label, *values, *_membership_cells(row))
    return view


def front_records(front: Front, *, only_knee: bool = False) -> dict[str, object]:
    """Return the front as JSON values: the objectives, the numbers of candidates, and one record per network.

    Args:
        front: the selected front.
        only_knee: whether the knee's record is the only one.
    """
    networks = front.table.iloc[[front.knee]] if only_knee else front.table
    columns = [name for name in (*SETTING_DETAILS, EPOCHS, *REMOVAL_COUNTS) if name in networks]
    networks = networks.drop(columns=columns).assign(knee=networks.index == front.knee)
    records = json.loads(networks.to_json(orient="records", double_precision=15))
    return {
        "objectives": {objective.name: objective.kind.direction for objective in front.objectives},
        "candidates": front.candidates,
        "left_out": front.left_out,
        "hypervolume": front.hypervolume,
        "front": records,
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


def _front_caption(front: Front) -> str:
    """Return the caption: what the mark ◆ and the numbers mean, and how many trials were left out for each reason."""
    left_out = "".join(f" {count} left out: {reason}." for reason, count in front.left_out.items())
    halves = "accuracies: chosen on the selection half / reported on the report half."
    return f"◆ the knee; {halves}{_membership_caption(front)}{left_out}"


def _membership_caption(front: Front) -> str:
    """Return what the column "on front" means; an empty text if there is no such column."""
    if ON_FRONT not in front.compared:
        return ""
    others = int((front.compared[ON_FRONT] >= NEAR_FRONT).sum() - (front.table[ON_FRONT] >= NEAR_FRONT).sum())
    return (
        " on front: probability when the selection half's images are resampled; "
        f"{counted(others, 'other candidate')} {'reaches' if others == 1 else 'reach'} {NEAR_FRONT:g}."
    )


def _membership_cells(row: pd.Series) -> list[str]:
    """Return a list with the cell of the column "on front"; an empty list if there is no such column."""
    return [f"{row[ON_FRONT]:.2f}"] if ON_FRONT in row else []


def _format_value(row: pd.Series, name: str) -> str:
    """Return a network's value of an objective as text, in both halves for an accuracy; empty if it is missing."""
    halves = [row.get(f"{name}_selection"), row.get(f"{name}_report")]
    if None not in halves:
        return " / ".join("" if pd.isna(value) else f"{value:.3f}" for value in halves)
    value = row[name]
    if pd.isna(value):
        return ""
    return f"{value / 1e6:,.2f} M" if name in ("parameters", "flops") else f"{value:.3f}"
