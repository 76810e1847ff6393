"""A comparison of settings as a table."""

import pandas as pd

from prunesweep.orchestrator.display.statistics_cells import (
    format_interval,
    format_mean,
    format_p_value,
    format_size,
)
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn
from prunesweep.orchestrator.query.columns import EPOCHS, REMOVAL_COUNTS, SETTING_DETAILS
from prunesweep.orchestrator.query.descriptions import describe_networks, short_keys
from prunesweep.sweeps.words import counted


def comparison_view(compared: pd.DataFrame) -> TableView:
    """Return the gains that ``compare_settings`` returns as a table, with one row per setting and accuracy."""
    rows = [row for _, row in compared.iterrows()]
    first = compared["trial_keys"].astype(str) != compared["trial_keys"].astype(str).shift()
    labels = describe_networks(compared)
    cells: dict[str, tuple[int, list[str]]] = {
        "mean ± sd" if compared["sd"].notna().any() else "mean": (
            0,
            [format_mean(row["mean"], row["sd"]) for row in rows],
        ),
        "over images": (1, [format_interval(row["images_low"], row["images_high"]) for row in rows]),
        "over seeds": (3, [format_interval(row["seeds_low"], row["seeds_high"]) for row in rows]),
        "p": (5, [format_p_value(row["p"]) for row in rows]),
        "p Holm": (2, [format_p_value(row["p_holm"]) for row in rows]),
        "detectable": (4, [format_size(row["smallest_gain"]) for row in rows]),
        "seeds": (6, [str(row["seeds"]) for row in rows]),
        "baselines": (7, [str(row["baselines"]) for row in rows]),
    }
    return TableView(
        title=f"Gains over the {compared['over'].iloc[0]}, percentage points",
        columns=[
            ViewColumn("figure", [f"  {str(row['figure']).removeprefix('robustness_')}" for row in rows]),
            *(ViewColumn(name, column, is_number=True, rank=rank) for name, (rank, column) in cells.items()),
        ],
        frame=_public_columns(compared),
        notes=_notes(compared),
        headings={index: f"{short_keys(rows[index])}  {labels[index]}" for index, starts in enumerate(first) if starts},
    )


def _public_columns(compared: pd.DataFrame) -> pd.DataFrame:
    """Return a comparison without the columns of settings other than the axes, of epochs and of removal counts."""
    return compared.drop(columns=[*SETTING_DETAILS, EPOCHS, *REMOVAL_COUNTS])


def _notes(compared: pd.DataFrame) -> list[str]:
    """Return what the columns mean, and what the comparison is based on."""
    tested = compared[compared["p"].notna()]
    parts = [
        f"On {_format_range(tested['images'], 'test image')}, the same for both networks.",
        f"Averaged over {_format_range(compared['baselines'], 'baseline')}: trials that share a baseline give no "
        "information on how baselines vary.",
        "over seeds: 95 % t interval; over images: 95 % bootstrap interval for these networks.",
        "p: exact McNemar test for one seed and one kind of attack, else bootstrap clustered by image; p Holm: "
        f"adjusted for {_format_comparisons(compared['comparisons'].iloc[0], len(tested))}. p is about these networks "
        "on other images, not about other seeds: a gain holds for other seeds only if the interval over seeds excludes "
        "0.",
        "detectable: the minimum detectable gain at 80 % power with this number of images.",
    ]
    untested = len(compared) - len(tested)
    if untested:
        parts.append(
            f"{counted(untested, 'comparison')} could not be made because the seeds were not tested in the same way."
        )
    return parts


def _format_comparisons(comparisons: int, shown: int) -> str:
    """Return how many comparisons were made, and whether some of them are not in the table."""
    if comparisons == shown:
        return f"the {counted(comparisons, 'comparison')} of this table"
    return f"all {counted(comparisons, 'comparison')}, of which this table shows {shown:,}"


def _format_range(counts: "pd.Series[int]", noun: str) -> str:
    """Return the range of some counts with their noun, such as "2 to 5 baselines"; "2 baselines" if all are equal."""
    if counts.empty:
        return f"no {noun}s"
    smallest, largest = counts.min(), counts.max()
    if smallest != largest:
        return f"{smallest} to {largest} {noun}s"
    return counted(smallest, noun)
