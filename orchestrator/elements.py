"""Single elements (Algorithm 2 of Jordao and Pedrini, 2021): measures them, and how many may go at no more than a loss.

L_i are the elements whose removal, alone and without adjustment, gives a robustness above the network's own and a clean
accuracy above it minus i percentage points.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from rich.table import Table

from prunesweep.orchestrator.labels import KEY_DIGITS
from prunesweep.orchestrator.stored import dataset_of, find_trial, threads_of, trial_rows
from prunesweep.orchestrator.tables import frame_table
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.sweeps.attacks import AttackSettings, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import ARCHITECTURES, CLEAN
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import ElementsEvent, ImagesShown
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.words import counted

BUDGETS = (0, 1, 2, 3, 4, 5)  # i of L_i, in percentage points of clean accuracy
STRUCTURES = ("filters", "layers")
IMAGES = 2000
DEFAULT_ATTACKS = ("fgsm", "occlusion")
# At their headlines alone.
ATTACKS: Mapping[str, AttackSettings] = {
    "fgsm": Fgsm(epsilons=(8 / 255,)),
    "occlusion": Occlusion(),
    "corruptions": Corruptions(severities=(5,)),
}
_RUN = ["trial_key", "structure", "images", "test_fingerprint"]
_ELEMENT = [*_RUN, "module", "element"]


class ElementsError(UserError):
    """Elements that cannot be measured; one line says why."""


def single_elements(
    store: StoreLike,
    trial: str,
    *,
    structure: str,
    images: int = IMAGES,
    attacks: Sequence[str] = DEFAULT_ATTACKS,
    modules: str = "",
    progress: Callable[[ElementsEvent], None] = lambda event: None,
) -> pd.DataFrame:
    """Measure a stored network with every removable element removed alone, and refresh the store's tables.

    What is stored is not made again, so an interrupted run goes on where it was.

    Args:
        store: a folder, an fsspec URL or an open store.
        trial: its key, or enough of it to name one.
        structure: ``filters`` or ``layers``.
        images: so many test images of the trial's data set, evenly over the classes (of ``digits``, ``cifar10``
            and ``cifar100`` the first, which are a random sample), or all where there are fewer.
        attacks: names of ``ATTACKS``.
        modules: only modules whose path begins with this.
        progress: see ``prunesweep.workers.elements.measure_elements``.

    Returns:
        The rows of the table ``elements`` that this asked for, made now or before.

    Raises:
        UserError: one line; nothing was written.

    Example:
        >>> from prunesweep import single_elements
        >>> rows = single_elements("store", "1d7dd2ef", structure="filters", images=100, modules="layer1.0")
        >>> rows.groupby("attack")["gain"].max().round(1).to_dict()
        {'clean': 2.0, 'fgsm': 0.0, 'occlusion': 6.0}
    """
    store = existing_store(store)
    settings = {name: ATTACKS[_known(name, "an attack on single elements", ATTACKS)].settled() for name in attacks}
    if not settings:
        raise ElementsError(f"attacks: name one or more of {', '.join(ATTACKS)}")
    _known(structure, "a structure of single elements", STRUCTURES)
    if images < 1:
        raise ElementsError(f"images {images}: give 1 or more")
    store.check_writable()
    key = find_trial(store, trial)
    architecture = trial_rows(store, [key])[key]["architecture"]
    if structure not in ARCHITECTURES[architecture].structures:
        raise ElementsError(f"structure {structure}: {architecture} has no {structure} that may go; use filters")
    dataset = dataset_of(store, key)
    fingerprint = data_fingerprints(dataset).test
    # torch is imported only where there is something to run.
    from prunesweep.workers.data.load import load_dataset
    from prunesweep.workers.elements import measure_elements
    from prunesweep.workers.runtime import default_device

    try:
        results = measure_elements(
            key,
            store,
            load_dataset(dataset).to(default_device()),
            test_fingerprint=fingerprint,
            structure=structure,
            attacks={name: settings[name] for name in ATTACKS if name in settings},
            images=images,
            modules=modules,
            threads=threads_of(store, key),
            progress=progress,
        )
    finally:
        store.refresh_tables()
    return store.table_of("elements", {result["key"]: dict(result) for result in results})


def progress_line(event: ElementsEvent) -> str:
    """Return what ``prunesweep.workers.elements.measure_elements`` tells of its progress, in words."""
    if isinstance(event, ImagesShown):
        first, last = event.modules[0], event.modules[-1]
        where = first if first == last else f"{first} to {last}"
        return f"  {where}: {event.images} of {counted(event.of, 'image')}"
    took = f"{event.seconds:.1f} s" if event.seconds else "stored already"
    return f"[{event.done}/{event.of}] {event.module}: {counted(event.elements, 'element')}, {took}"


def _known(name: str, kind: str, allowed: Sequence[str] | Mapping[str, Any]) -> str:
    if name not in allowed:
        raise ElementsError(unknown_name(name, kind, allowed))
    return name


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


_COLUMNS = [*_RUN, "attack", "headline", "budget", "share", "share_at_least", "elements"]


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


def loss_table(curves: pd.DataFrame) -> Table:
    """What ``prunesweep elements`` prints: the curves of one network and structure."""
    first = curves.iloc[0]
    title = (
        f"{counted(first['elements'], first['structure'].removesuffix('s'))} of {first['trial_key'][:KEY_DIGITS]}, "
        f"{counted(first['images'], 'test image')}"
    )
    table = frame_table(loss_frame(curves).drop(columns=["structure", "elements", "images"]), title=title)
    table.caption = f"In %: {HOW_TO_READ}."
    return table


HOW_TO_READ = (
    "the elements that, gone alone and without adjustment, give more robustness than the network has, and a clean "
    "accuracy above (Algorithm 2 to the letter) or of at least (its prose) the network's minus i percentage points"
)
