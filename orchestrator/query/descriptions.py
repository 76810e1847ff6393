"""Short descriptions of a store's networks, for tables and messages."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from prunesweep.orchestrator.query.columns import EPOCHS, SETTING_DETAILS, SETTING_KEY
from prunesweep.sweeps.descriptions import describe_setting, removal_notes
from prunesweep.sweeps.words import counted

HASH_COLUMNS = frozenset({"setting_key", "train_fingerprint", "baseline_weights"})
KEY_DIGITS = 10  # number of digits of a key that are shown; commands accept the beginning of a key


def short_keys(row: Mapping[Hashable, Any] | pd.Series) -> str:
    """Return a candidate's first trial key, shortened, and the number of its other trials, as in ``3f2a91c0de +2``.

    Args:
        row: a row with the column ``trial_keys``.
    """
    first, *others = row["trial_keys"]
    return str(first)[:KEY_DIGITS] + (f" +{len(others)}" if others else "")


def describe_network(row: Mapping[Any, Any] | pd.Series) -> str:
    """Return a network's setting in words, with notes on anything unusual that pruning left behind.

    Args:
        row: a row with the columns of the axes. The notes also need the columns of ``REMOVAL_COUNTS``.
    """
    words = {str(name): value for name, value in row.items()}
    notes = removal_notes(words) if "blocks_removed" in words and pd.notna(words["blocks_removed"]) else []
    return f"{describe_setting(words)} ({', '.join(notes)})" if notes else describe_setting(words)


def describe_networks(rows: pd.DataFrame) -> list[str]:
    """Return a description of each network, with details where several networks would be described alike.

    Args:
        rows: rows as in ``describe_network``. Details are taken from ``epochs``, ``setting_key`` and the columns of
            ``SETTING_DETAILS``, if the rows have them.
    """
    labels = [describe_network(row) for _, row in rows.iterrows()]
    details = rows[[name for name in (*SETTING_DETAILS, EPOCHS, SETTING_KEY) if name in rows]].reset_index(drop=True)
    differing: dict[str, list[str]] = {
        str(label): [str(name) for name in details if group[name].nunique(dropna=False) > 1]
        for label, group in details.groupby(pd.Series(labels, dtype=str))
    }
    return [
        ", ".join([label, *_distinguishing_details(row, differing[label])])
        for label, row in zip(labels, details.to_dict("records"), strict=True)
    ]


def _distinguishing_details(row: Mapping[Hashable, Any], differing: list[str]) -> list[str]:
    """Return the details of a row in which it differs from rows of the same description, in words.

    The key of the setting is included only if nothing else differs.
    """
    names = [name for name in differing if name != SETTING_KEY]
    null_text = "?" if pd.isna(row.get(SETTING_KEY)) else "none"  # unknown, or, if the setting is known, not used
    return [f"{name.replace('_key', '')} {_format_detail(name, row[name], null_text)}" for name in names or differing]


def _format_detail(name: str, value: Any, null_text: str) -> str:
    """Return the value of a detail as text, with hashes shortened."""
    if pd.isna(value):
        return null_text
    if name in HASH_COLUMNS:
        return str(value)[:KEY_DIGITS]
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def dependents_note(trials: int) -> str:
    """Return a note for a failed trial on how many trials depend on it and cannot run; empty if there are none."""
    depend = "depends" if trials == 1 else "depend"
    return f" ({counted(trials, 'trial')} {depend} on it and cannot run)" if trials else ""
