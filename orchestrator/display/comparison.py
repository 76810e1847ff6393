"""Rendering a comparison of settings, for a terminal and as JSON."""

import json

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.display.widths import MIN_NAME_WIDTH
from prunesweep.orchestrator.query.columns import EPOCHS, REMOVAL_COUNTS, SETTING_DETAILS
from prunesweep.orchestrator.query.descriptions import describe_networks, short_keys
from prunesweep.sweeps.words import counted

_COLUMNS = ("seeds", "baselines", "mean ± sd", "over seeds", "over images", "p", "p Holm", "detectable")


def render_comparison(compared: pd.DataFrame) -> Table:
    """Return a view of the gains that ``compare_settings`` returns, with one row per setting and accuracy."""
    title = f"Gains over the {compared['over'].iloc[0]}, percentage points"
    view = Table(title=title, caption=_caption(compared), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    view.add_column("trial", no_wrap=True)
    view.add_column("network", min_width=MIN_NAME_WIDTH, overflow="fold")
    view.add_column("figure", no_wrap=True)
    for name in _COLUMNS:
        view.add_column(name, justify="right", overflow="fold")

    is_first = compared["trial_keys"].astype(str) != compared["trial_keys"].astype(str).shift()
    for (_, row), label, first in zip(compared.iterrows(), describe_networks(compared), is_first, strict=True):
        setting = (short_keys(row), label) if first else ("", "")
        view.add_row(
            *setting,
            str(row["figure"]).removeprefix("robustness_"),
            str(row["seeds"]),
            str(row["baselines"]),
            _format_mean(row["mean"], row["sd"]),
            _format_interval(row["seeds_low"], row["seeds_high"]),
            _format_interval(row["images_low"], row["images_high"]),
            _format_p_value(row["p"]),
            _format_p_value(row["p_holm"]),
            "" if pd.isna(row["smallest_gain"]) else f"{row['smallest_gain']:.2f}",
        )
    return view


def comparison_records(compared: pd.DataFrame) -> list[dict[str, object]]:
    """Return the rows of a comparison as JSON objects, with null for values that could not be computed.

    The objects lack the columns of settings other than the axes, of epochs and of removal counts.
    """
    without_details = compared.drop(columns=[*SETTING_DETAILS, EPOCHS, *REMOVAL_COUNTS])
    records: list[dict[str, object]] = json.loads(without_details.to_json(orient="records", double_precision=15))
    return records


def _caption(compared: pd.DataFrame) -> str:
    """Return the caption: what the columns mean, and what the comparison is based on."""
    tested = compared[compared["p"].notna()]
    parts = [
        f"On {_format_range(tested['images'], 'test image')}, the same for both networks.",
        f"Averaged over {_format_range(compared['baselines'], 'baseline')}: trials that share a baseline give no "
        "information on how baselines vary.",
        "over seeds: 95 % t interval; over images: 95 % bootstrap interval for these networks.",
        "p: exact McNemar test for one seed and one kind of attack, else bootstrap clustered by image; p Holm: "
        f"adjusted for the {counted(len(tested), 'comparison')} of this table. p is about these networks on other "
        "images, not about other seeds: a gain holds for other seeds only if the interval over seeds excludes 0.",
        "detectable: the minimum detectable gain at 80 % power with this number of images.",
    ]
    untested = len(compared) - len(tested)
    if untested:
        parts.append(
            f"{counted(untested, 'comparison')} could not be made because the seeds were not tested in the same way."
        )
    return " ".join(parts)


def _format_range(counts: "pd.Series[int]", noun: str) -> str:
    """Return the range of some counts with their noun, such as "2 to 5 baselines"; "2 baselines" if all are equal."""
    if counts.empty:
        return f"no {noun}s"
    smallest, largest = counts.min(), counts.max()
    if smallest != largest:
        return f"{smallest} to {largest} {noun}s"
    return counted(smallest, noun)


def _format_mean(mean: float, sd: float) -> str:
    """Return "mean ± standard deviation": only the mean if the deviation is NaN, and nothing if the mean is NaN."""
    return "" if pd.isna(mean) else f"{mean:+.2f}" + ("" if pd.isna(sd) else f" ± {sd:.2f}")


def _format_interval(low: float, high: float) -> str:
    """Return the bounds of an interval as text, which is empty if they are NaN."""
    return "" if pd.isna(low) else f"{low:+.2f} … {high:+.2f}"


def _format_p_value(p: float) -> str:
    """Return a p-value with four decimals, or an empty text if it is NaN."""
    return "" if pd.isna(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"
