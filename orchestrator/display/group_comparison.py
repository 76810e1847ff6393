"""A comparison of trials, settings or sweeps with each other as a table."""

from collections.abc import Mapping, Sequence

import pandas as pd

from prunesweep.orchestrator.comparison.compare_groups import ComparedGroup, GroupComparison
from prunesweep.orchestrator.display.formats import frame_records
from prunesweep.orchestrator.display.statistics_cells import format_interval, format_p_value, format_size
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
from prunesweep.orchestrator.query.amounts import format_millions
from prunesweep.orchestrator.query.descriptions import HASH_COLUMNS, KEY_DIGITS
from prunesweep.sweeps.words import counted, listed

_RANKS = {
    "difference": 0,
    "over images": 1,
    "over seeds": 2,
    "over baselines": 2,
    "reference": 3,
    "group": 3,
    "p Holm": 4,
    "p": 5,
    "detectable": 6,
    "ahead": 7,
}
"""The columns after the figure, in their order, with their ranks as in ``ViewColumn``."""

_COSTS = ("flops", "parameters")
_MAX_VALUES = 3  # of a column in which groups differ, in a heading


def group_comparison_view(compared: GroupComparison) -> TableView:
    """Return what ``compare_groups`` returns as a table, with the costs of the networks below their figures."""
    names: list[str] = []
    cells: list[Mapping[str, str]] = []
    headings: dict[int, str] = {}
    groups = {each.group.text: each for each in compared.others}
    for _, of_group in compared.table.groupby(["group", "networks"], sort=False):
        first = of_group.iloc[0]
        headings[len(names)] = _heading(groups[first["group"]], first["networks"], of_group["pairs"].max())
        names += [f"  {figure.removeprefix('robustness_')}" for figure in of_group["figure"]]
        names += [f"  {cost}" for cost in _COSTS]
        cells += [_figure_cells(row) for _, row in of_group.iterrows()]
        cells += [_cost_cells(first, cost) for cost in _COSTS]
    return TableView(
        title=f"Compared with {compared.reference.description}",
        columns=[
            ViewColumn("figure", names),
            *(
                ViewColumn(heading, [row.get(heading, "") for row in cells], is_number=True, rank=rank)
                for heading, rank in _RANKS.items()
            ),
        ],
        frame=compared.table,
        records=group_comparison_records(compared),
        notes=_notes(compared),
        headings=headings,
    )


def group_comparison_records(compared: GroupComparison) -> dict[str, object]:
    """Return a comparison of groups as JSON values: the rows, and for each group what differs and what is left out."""
    return {
        "reference": compared.reference.description,
        "images": compared.images,
        "comparisons": frame_records(compared.table),
        "groups": [
            {
                "group": each.group.text,
                "description": each.group.description,
                "differing": {name: [*map(list, values)] for name, values in each.pairing.differing.items()},
                "left_out": list(each.left_out),
            }
            for each in compared.others
        ],
    }


def _figure_cells(row: pd.Series) -> dict[str, str]:
    return {
        "difference": f"{row['mean']:+.2f}",
        "over images": format_interval(row["images_low"], row["images_high"]),
        f"over {row['interval']}": format_interval(row["low"], row["high"]),
        "reference": f"{row['reference_accuracy']:.3f}",
        "group": f"{row['accuracy']:.3f}",
        "p": format_p_value(row["p"]),
        "p Holm": format_p_value(row["p_holm"]),
        "detectable": format_size(row["smallest_gain"]),
        "ahead": f"{row['ahead']} of {row['pairs']}" if row["pairs"] > 1 else "",
    }


def _cost_cells(row: pd.Series, cost: str) -> dict[str, str]:
    """Return the cells of a cost: both networks' means, and the relative difference."""
    theirs, ours = row[f"reference_{cost}"], row[cost]
    return {
        "difference": f"{100 * (ours / theirs - 1):+.1f} %",
        "reference": format_millions(theirs),
        "group": format_millions(ours),
    }


def _heading(compared: ComparedGroup, networks: str, number: int) -> str:
    """Return a group in words, with the number of its pairs, what these are of, and in which settings they differ."""
    differing = [f"{name} {_change(name, *values)}" for name, values in compared.pairing.differing.items()]
    pairs = f"{counted(number, 'pair')} of {networks} networks"
    return f"{compared.group.description}: {pairs}; {', '.join(differing) or 'no setting differs'}"


def _change(name: str, theirs: Sequence[str], ours: Sequence[str]) -> str:
    return " → ".join(_format_values(name, values) for values in (theirs, ours))


def _format_values(name: str, values: Sequence[str]) -> str:
    """Return the values of a column in one group as text, with hashes shortened and long lists cut."""
    shown = [(value[:KEY_DIGITS] if name in HASH_COLUMNS else value) or "unused" for value in values]
    more = [f"{len(shown) - _MAX_VALUES} more"] if len(shown) > _MAX_VALUES else []
    return listed(shown[:_MAX_VALUES] + more)


def _notes(compared: GroupComparison) -> list[str]:
    """Return what the columns mean, what cannot be told, and what was left out."""
    table = compared.table
    half = "" if compared.images == "all" else f" of the {compared.images} half"
    notes = [
        f"difference: group minus reference, in percentage points, on {counted(table['images'].max(), 'test image')}"
        f"{half}; costs in percent.",
        "over images: 95 % bootstrap interval for these networks; p: exact McNemar test for one pair and one kind of "
        f"attack, else bootstrap; p Holm: adjusted for the {counted(len(table), 'comparison')} of this table.",
    ]
    if table["low"].isna().any():
        notes.append("With one baseline, this cannot tell how other seeds would turn out.")
    if table["low"].notna().any():
        independent = listed(dict.fromkeys(table.loc[table["low"].notna(), "interval"]), last="or")
        notes.append(f"over {independent}: 95 % t interval; it tells how other {independent} would turn out.")
    return [*notes, *(sentence for each in compared.others for sentence in each.left_out)]
