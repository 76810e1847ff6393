"""Draws a Pareto front, on a terminal and as JSON."""

import json

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.display.widths import FIGURE_WIDTH, NAME_WIDTH
from prunesweep.orchestrator.query.columns import DETAILS, EPOCHS, ON_FRONT, REMOVED
from prunesweep.orchestrator.query.descriptions import describe_networks, short_keys
from prunesweep.orchestrator.selection import Front
from prunesweep.sweeps.words import counted, listed

NEAR_FRONT = 0.05  # a candidate that is on the front in as many resamples cannot be told from it


def front_table(front: Front, *, only_knee: bool = False) -> Table:
    """The Pareto-optimal networks, the knee marked; accuracies as selection half / report half."""
    table = Table(
        title=_front_title(front), caption=_front_caption(front), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    table.add_column("")
    table.add_column("trial", no_wrap=True)
    table.add_column("network", min_width=NAME_WIDTH, overflow="fold")
    names = list(dict.fromkeys([*(objective.name for objective in front.objectives), "flops"]))
    for name in names:
        table.add_column(name.replace("_", " "), justify="right", min_width=FIGURE_WIDTH, overflow="fold")
    if ON_FRONT in front.table:
        table.add_column("on front", justify="right", overflow="fold")
    for (index, row), label in zip(front.table.iterrows(), describe_networks(front.table), strict=True):
        if only_knee and index != front.knee:
            continue
        mark = "◆" if index == front.knee else ""
        table.add_row(mark, short_keys(row), label, *(_figure(row, name) for name in names), *_shares(row))
    return table


def front_records(front: Front, *, only_knee: bool = False) -> dict[str, object]:
    """The front as JSON values: what it was chosen by, and one record a network."""
    chosen = front.table.iloc[[front.knee]] if only_knee else front.table
    chosen = chosen.drop(columns=[name for name in (*DETAILS, EPOCHS, *REMOVED) if name in chosen])
    records = json.loads(chosen.assign(knee=chosen.index == front.knee).to_json(orient="records", double_precision=15))
    return {
        "objectives": {objective.name: objective.kind.direction for objective in front.objectives},
        "candidates": front.candidates,
        "left_out": front.left_out,
        "hypervolume": front.hypervolume,
        "front": records,
        **_membership_records(front),
    }


def _membership_records(front: Front) -> dict[str, object]:
    """How probably each candidate is on the front, also those that are not; nothing where that was not asked."""
    if ON_FRONT not in front.compared:
        return {}
    return {"membership": front.compared[["trial_keys", ON_FRONT]].to_dict("records")}


def _front_title(front: Front) -> str:
    names = listed(objective.name for objective in front.objectives)
    return f"Pareto-optimal in {names}: {len(front.table)} of {counted(front.candidates, 'candidate')}"


def _front_caption(front: Front) -> str:
    left_out = "".join(f" {count} left out: {reason}." for reason, count in front.left_out.items())
    halves = "accuracies: chosen on the selection half / reported on the report half."
    return f"◆ the knee; {halves}{_membership_caption(front)}{left_out}"


def _membership_caption(front: Front) -> str:
    if ON_FRONT not in front.compared:
        return ""
    others = int((front.compared[ON_FRONT] >= NEAR_FRONT).sum() - (front.table[ON_FRONT] >= NEAR_FRONT).sum())
    return (
        " on front: probability when the selection half's images are drawn anew; "
        f"{counted(others, 'other candidate')} {'reaches' if others == 1 else 'reach'} {NEAR_FRONT:g}."
    )


def _shares(row: pd.Series) -> list[str]:
    return [f"{row[ON_FRONT]:.2f}"] if ON_FRONT in row else []


def _figure(row: pd.Series, name: str) -> str:
    halves = [row.get(f"{name}_selection"), row.get(f"{name}_report")]
    if None not in halves:
        return " / ".join("" if pd.isna(value) else f"{value:.3f}" for value in halves)
    value = row[name]
    if pd.isna(value):
        return ""
    return f"{value / 1e6:,.2f} M" if name in ("parameters", "flops") else f"{value:.3f}"
