"""How many single elements can be removed at no more than a loss (Algorithm 2 of Jordao and Pedrini, 2021)."""

from collections.abc import Mapping

import pandas as pd

from prunesweep.sweeps.catalogue import CLEAN

BUDGETS = (0, 1, 2, 3, 4, 5)  # i of L_i, in percentage points of clean accuracy


HOW_TO_READ = (
    "the elements that, gone alone and without adjustment, give more robustness than the network has, and a clean "
    "accuracy above (Algorithm 2 to the letter) or of at least (its prose) the network's minus i percentage points"
)


_RUN = ["trial_key", "structure", "images", "test_fingerprint"]


_ELEMENT = [*_RUN, "module", "element"]


_COLUMNS = [*_RUN, "attack", "headline", "budget", "share", "share_at_least", "elements"]


def loss_curves(elements: pd.DataFrame) -> pd.DataFrame:
    """The share of elements in L_i, of each attack (Figure 5 of the paper).

    Element e is in L_i where its robustness is above the network's own, and its clean accuracy above the network's
    minus i p.p.; both strictly, as Algorithm 2 has it. The paper's prose speaks of "zero loss", which an element that
    costs nothing meets and L_0, read strictly, refuses: ``share_at_least`` asks for at least as much clean accuracy.

    Args:
        elements: rows of the table ``elements``. Elements on unequal numbers of images, or on other images, are never
            mixed.

    Returns:
        A row for each trial, structure, number of images, attack and budget, sorted by these: ``trial_key``,
        ``structure``, ``images``, ``test_fingerprint``, ``attack``, ``headline``, ``budget`` (i, p.p.), ``share`` and
        ``share_at_least`` (100 · |L_i| / |E|, in %), ``elements`` (|E|: those that were measured).
    """
    clean = elements.loc[elements["attack"] == CLEAN, [*_ELEMENT, "gain"]]
    attacked = elements[elements["attack"] != CLEAN].merge(clean, on=_ELEMENT, suffixes=("", "_clean"))
    rows = [
        {
            **dict(zip([*_RUN, "attack", "headline"], place, strict=True)),
            "budget": budget,
            "share": _percent((of_one["gain"] > 0) & (of_one["gain_clean"] > -budget)),
            "share_at_least": _percent((of_one["gain"] > 0) & (of_one["gain_clean"] >= -budget)),
            "elements": len(of_one),
        }
        for place, of_one in attacked.groupby([*_RUN, "attack", "headline"])
        for budget in BUDGETS
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _percent(met: pd.Series) -> float:
    return 100 * int(met.sum()) / len(met)


def loss_frame(curves: pd.DataFrame, published: Mapping[tuple[str, str, int], float] | None = None) -> pd.DataFrame:
    """The curves of ``loss_curves`` in the form of Figure 5: a row an attack and reading, a column a budget, as text.

    Args:
        published: (structure, attack, budget) -> the share in %, to the letter of Algorithm 2, to stand before ours.
    """
    rows = [
        {
            "structure": of_one["structure"].iloc[0],
            "elements": of_one["elements"].iloc[0],
            "images": of_one["images"].iloc[0],
            "attack": f"{of_one['attack'].iloc[0]} {of_one['headline'].iloc[0]}",
            "clean accuracy": reading,
            **{f"L_{row['budget']}": _share(row, column, papers) for _, row in of_one.iterrows()},
        }
        for column, reading, papers in (("share", "above", published or {}), ("share_at_least", "at least", {}))
        for _, of_one in curves.groupby([*_RUN, "attack", "headline"])
    ]
    columns = ["structure", "elements", "images", "attack", "clean accuracy", *(f"L_{budget}" for budget in BUDGETS)]
    return pd.DataFrame(rows, columns=columns)


def _share(row: pd.Series, column: str, published: Mapping[tuple[str, str, int], float]) -> str:
    paper = published.get((row["structure"], row["attack"], row["budget"]))
    return f"{row[column]:.2f}" if paper is None else f"{paper:.2f} | {row[column]:.2f}"
