"""Networks of a store in words, as tables and lines name them."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from prunesweep.orchestrator.query.columns import DETAILS, EPOCHS, SETTING_KEY
from prunesweep.sweeps.descriptions import describe_setting, removal_notes
from prunesweep.sweeps.words import counted

HASHES = frozenset({"setting_key", "train_fingerprint", "baseline_weights"})
KEY_DIGITS = 10  # of a key, where people read it; commands take the beginning of a key


def short_keys(row: Mapping[Hashable, Any] | pd.Series) -> str:
    """The first of a setting's keys, and how many more there are."""
    first, *others = row["trial_keys"]
    return str(first)[:KEY_DIGITS] + (f" +{len(others)}" if others else "")


def describe_network(row: Mapping[Hashable, Any] | pd.Series) -> str:
    """A network in words: its setting, and what is worth a word about what pruning left of it."""
    words = {str(name): value for name, value in row.items()}
    notes = removal_notes(words) if "blocks_removed" in words and pd.notna(words["blocks_removed"]) else []
    return f"{describe_setting(words)} ({', '.join(notes)})" if notes else describe_setting(words)


def describe_networks(rows: pd.DataFrame) -> list[str]:
    """Networks in words, each with what tells it from those among them that read the same."""
    labels = [describe_network(row) for _, row in rows.iterrows()]
    details = rows[[name for name in (*DETAILS, EPOCHS, SETTING_KEY) if name in rows]].reset_index(drop=True)
    differing: dict[str, list[str]] = {
        str(label): [str(name) for name in details if alike[name].nunique(dropna=False) > 1]
        for label, alike in details.groupby(pd.Series(labels, dtype=str))
    }
    return [
        ", ".join([label, *_told(row, differing[label])])
        for label, row in zip(labels, details.to_dict("records"), strict=True)
    ]


def _told(row: Mapping[Hashable, Any], differing: list[str]) -> list[str]:
    """The details that differ; the key of the setting only where nothing else tells."""
    told = [name for name in differing if name != SETTING_KEY]
    unused = "?" if pd.isna(row.get(SETTING_KEY)) else "none"
    return [f"{name.replace('_key', '')} {_detail(name, row[name], unused)}" for name in told or differing]


def _detail(name: str, value: Any, unused: str) -> str:
    """A detail of a setting; a hash in short."""
    if pd.isna(value):
        return unused
    if name in HASHES:
        return str(value)[:KEY_DIGITS]
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def fell_with_it(trials: int) -> str:
    """How many trials cannot be done for want of one that failed, to stand behind its name; empty where none."""
    return f" ({counted(trials, 'trial')} fell with it)" if trials else ""
