"""Single elements (Algorithm 2 of Jordao and Pedrini, 2021): measures them, and how many may go at no more than a loss.

L_i are the elements whose removal, alone and without adjustment, gives a robustness above the network's own and a clean
accuracy above it minus i percentage points.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from prunesweep.orchestrator.query.trials import dataset_of, find_trial, threads_of, trial_rows
from prunesweep.results_store import StoreLike, existing_store
from prunesweep.sweeps.attacks import AttackSettings, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import ARCHITECTURES
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import ElementsEvent
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.names import unknown_name

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
        progress: see ``prunesweep.workers.analyses.elements.measure_elements``.

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
    from prunesweep.workers.analyses.elements import measure_elements
    from prunesweep.workers.data.load import load_dataset
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


def _known(name: str, kind: str, allowed: Sequence[str] | Mapping[str, Any]) -> str:
    if name not in allowed:
        raise ElementsError(unknown_name(name, kind, allowed))
    return name
