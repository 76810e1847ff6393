"""What ``prunesweep compare`` prints."""

import json

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table

from prunesweep.orchestrator.display.widths import NAME_WIDTH
from prunesweep.orchestrator.query.columns import DETAILS, EPOCHS, REMOVED
from prunesweep.orchestrator.query.descriptions import describe_networks, short_keys
from prunesweep.sweeps.words import counted

_COLUMNS = ("seeds", "baselines", "mean ± sd", "over seeds", "over images", "p", "p Holm", "shows")


def comparison_table(compared: pd.DataFrame) -> Table:
    """What ``compare_settings`` returns, for a terminal: a row a setting and figure."""
    title = f"Gains over the {compared['over'].iloc[0]}, percentage points"
    table = Table(title=title, caption=_caption(compared), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("trial", no_wrap=True)
    table.add_column("network", min_width=NAME_WIDTH, overflow="fold")
    table.add_column("figure", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", overflow="fold")

    is_first = compared["trial_keys"].astype(str) != compared["trial_keys"].astype(str).shift()
    for (_, row), label, first in zip(compared.iterrows(), describe_networks(compared), is_first, strict=True):
        setting = (short_keys(row), label) if first else ("", "")
        table.add_row(
            *setting,
            str(row["figure"]).removeprefix("robustness_"),
            str(row["seeds"]),
            str(row["baselines"]),
            _mean(row["mean"], row["sd"]),
            _interval(row["seeds_low"], row["seeds_high"]),
            _interval(row["images_low"], row["images_high"]),
            _p_value(row["p"]),
            _p_value(row["p_holm"]),
            "" if pd.isna(row["smallest_gain"]) else f"{row['smallest_gain']:.2f}",
        )
    return table


def comparison_records(compared: pd.DataFrame) -> list[dict[str, object]]:
    """The same as JSON values, one record a row; what cannot be told is null."""
    told = compared.drop(columns=[*DETAILS, EPOCHS, *REMOVED])
    records: list[dict[str, object]] = json.loads(told.to_json(orient="records", double_precision=15))
    return records


def _caption(compared: pd.DataFrame) -> str:
    told = compared[compared["p"].notna()]
    parts = [
        f"On {_range(told['images'], 'test image')}, the same for both networks.",
        f"Averaged over {_range(compared['baselines'], 'baseline')}: trials that share a baseline say nothing of how "
        "baselines vary.",
        "over seeds: 95 % t interval; over images: 95 % bootstrap of these networks.",
        "p: exact McNemar for one seed and one kind of attack, else bootstrap clustered by image; Holm over the "
        f"{counted(len(told), 'comparison')} of this table. It tells of these networks on other images, and nothing of "
        "other seeds: for that the interval over seeds has to leave out 0.",
        "shows: the gain that so many images would show four times in five.",
    ]
    if len(told) < len(compared):
        parts.append(f"{len(compared) - len(told)} cannot be told: their seeds were not tested alike.")
    return " ".join(parts)


def _range(counts: "pd.Series[int]", what: str) -> str:
    if counts.empty:
        return f"no {what}s"
    fewest, most = counts.min(), counts.max()
    if fewest != most:
        return f"{fewest} to {most} {what}s"
    return counted(fewest, what)


def _mean(mean: float, sd: float) -> str:
    return "" if pd.isna(mean) else f"{mean:+.2f}" + ("" if pd.isna(sd) else f" ± {sd:.2f}")


def _interval(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{low:+.2f} … {high:+.2f}"


def _p_value(p: float) -> str:
    return "" if pd.isna(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"
