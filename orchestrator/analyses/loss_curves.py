"""The share of single elements whose removal raises robustness at a limited loss of accuracy.

The measure is Figure 5 of Jordao and Pedrini (2021), called the paper here. An element is a filter or a residual block.
"""

from collections.abc import Mapping

import pandas as pd

from prunesweep.sweeps.catalogue import CLEAN

BUDGETS = (0, 1, 2, 3, 4, 5)  # i of L_i, in percentage points of clean accuracy


HOW_TO_READ = (
    "the elements whose removal alone, without adjustment, raises robustness and keeps clean accuracy above (the "
    "paper's Algorithm 2 to the letter) or at least at (its prose) the network's own minus i percentage points"
)


_MEASUREMENT = ["trial_key", "structure", "images", "test_fingerprint"]


_ELEMENT = [*_MEASUREMENT, "module", "element"]


_CURVE = [*_MEASUREMENT, "attack", "headline"]
_CURVE_COLUMNS = [*_CURVE, "budget", "share", "share_at_least", "elements"]


def loss_curves(elements: pd.DataFrame) -> pd.DataFrame:
    """Return, for each attack, the share of the elements that are in each set L_i of the paper's Figure 5.

    An element is in L_i if the network without it has a robustness above the network's own, and a clean accuracy above
    the network's own minus i percentage points. Both inequalities are strict, as in Algorithm 2. An element that costs
    no accuracy is therefore not in L_0, although it meets the "zero loss" of the paper's prose. ``share_at_least``
    counts such elements too: for it, the clean accuracy must be at least the network's own minus i percentage points.

    Args:
        elements: rows of the table ``elements``. Elements that were measured on different images are never mixed.

    Returns:
        A row for each trial, structure, number of images, attack and budget, sorted by these. The columns are
        ``trial_key``, ``structure``, ``images``, ``test_fingerprint``, ``attack``, ``headline``, ``budget`` (i, in
        p.p.), ``share`` and ``share_at_least`` (100 · |L_i| / |E|, in %), and ``elements`` (|E|, the number of measured
        elements).
    """
    clean = elements.loc[elements["attack"] == CLEAN, [*_ELEMENT, "gain"]]
    attacked = elements[elements["attack"] != CLEAN].merge(clean, on=_ELEMENT, suffixes=("", "_clean"))
    rows = [
        {
            **dict(zip(_CURVE, curve, strict=True)),
            "budget": budget,
            "share": _percent((rows_of_curve["gain"] > 0) & (rows_of_curve["gain_clean"] > -budget)),
            "share_at_least": _percent((rows_of_curve["gain"] > 0) & (rows_of_curve["gain_clean"] >= -budget)),
            "elements": len(rows_of_curve),
        }
        for curve, rows_of_curve in attacked.groupby(_CURVE)
        for budget in BUDGETS
    ]
    return pd.DataFrame(rows, columns=_CURVE_COLUMNS)


def _percent(met: pd.Series) -> float:
    return 100 * int(met.sum()) / len(met)


def loss_frame(curves: pd.DataFrame, published: Mapping[tuple[str, str, int], float] | None = None) -> pd.DataFrame:
    """Return the curves as text in the form of the paper's Figure 5, with a column for each budget.

    Each attack has two rows, in which the clean accuracy must be "above" or "at least" the bound.

    Args:
        curves: what ``loss_curves`` returns.
        published: the paper's shares in %, by (structure, attack, budget), which are printed before ours.
    """
    rows = [
        {
            "structure": rows_of_curve["structure"].iloc[0],
            "elements": rows_of_curve["elements"].iloc[0],
            "images": rows_of_curve["images"].iloc[0],
            "attack": f"{rows_of_curve['attack'].iloc[0]} {rows_of_curve['headline'].iloc[0]}",
            "clean accuracy": reading,
            **{f"L_{row['budget']}": _share(row, column, papers) for _, row in rows_of_curve.iterrows()},
        }
        for column, reading, papers in (("share", "above", published or {}), ("share_at_least", "at least", {}))
        for _, rows_of_curve in curves.groupby(_CURVE)
    ]
    columns = ["structure", "elements", "images", "attack", "clean accuracy", *(f"L_{budget}" for budget in BUDGETS)]
    return pd.DataFrame(rows, columns=columns)


def _share(row: pd.Series, column: str, published: Mapping[tuple[str, str, int], float]) -> str:
    paper = published.get((row["structure"], row["attack"], row["budget"]))
    return f"{row[column]:.2f}" if paper is None else f"{paper:.2f} | {row[column]:.2f}"
