"""Single elements of a stored network, each removed alone (Algorithm 2 of Jordao and Pedrini, 2021)."""

from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from prunesweep.orchestrator.analyses.answer import answer
from prunesweep.orchestrator.query.trials import StoredTrial, find_trial, stored_trials
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.results_store.documents import ElementsResult
from prunesweep.sweeps.analyses import ELEMENT_ATTACKS, ELEMENT_STRUCTURES, SingleElements, element_sample
from prunesweep.sweeps.catalogue import ARCHITECTURES, CLEAN
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import ElementsEvent, ModuleMeasured
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.removable import removable_modules

ELEMENT_IMAGES = 2000
DEFAULT_ELEMENT_ATTACKS = ("fgsm", "occlusion")


class ElementsError(UserError):
    """Single elements that cannot be measured as requested."""


def single_elements(
    store: StoreLike,
    trial: str,
    *,
    structure: str,
    images: int = ELEMENT_IMAGES,
    attacks: Sequence[str] = DEFAULT_ELEMENT_ATTACKS,
    modules: str = "",
    progress: Callable[[ElementsEvent], None] = lambda event: None,
) -> pd.DataFrame:
    """Measure a stored network with each element (filter or residual block) removed alone, without adjustment.

    Stored results are not measured again, so a call after an interruption continues where the last one stopped. A
    mistake in the arguments raises a ``UserError`` with a message of one line before anything is stored.

    Args:
        store: a folder, an fsspec URL or an open store.
        trial: the trial's key, or a beginning of it that no other key shares.
        structure: ``filters`` or ``layers``.
        images: number of test images of the trial's data set; all are used if there are fewer. For ``digits``,
            ``cifar10`` and ``cifar100``, whose images are in random order, these are the first images. For other data
            sets they are spread evenly over the classes.
        attacks: some names of ``ELEMENT_ATTACKS``; clean images are always measured too.
        modules: the beginning of the paths of the modules to measure; empty for all modules.
        progress: called after every batch of images and after every module.

    Returns:
        The rows of the table ``elements`` for these modules, images and attacks.

    Raises:
        ElementsError: an attack, the structure, the number of images or the modules cannot be measured.

    Example:
        >>> from prunesweep import single_elements
        >>> rows = single_elements("store", "1d7dd2ef", structure="filters", images=100, modules="layer1.0")
        >>> rows.groupby("attack")["gain"].max().round(1).to_dict()
        {'clean': 2.0, 'fgsm': 0.0, 'occlusion': 6.0}
    """
    store = existing_store(store)
    _check_attacks(attacks)
    settings = {name: attack.resolved() for name, attack in ELEMENT_ATTACKS.items() if name in attacks}
    if structure not in ELEMENT_STRUCTURES:
        raise ElementsError(unknown_name(structure, "a structure of single elements", ELEMENT_STRUCTURES))
    if images < 1:
        raise ElementsError(f"images {images}: give 1 or more")
    key = find_trial(store, trial)
    sizes = _removable_modules(store, key, structure, modules)
    stored_trial = stored_trials(store, [key])[key]
    whole = data_fingerprints(stored_trial.dataset).test
    shown, fingerprint = element_sample(
        stored_trial.dataset.name, _test_images(store, stored_trial, whole), whole, images
    )
    analyses = [SingleElements(key, structure, module, settings, shown, fingerprint) for module in sizes]

    def report_stored(stored: Sequence[SingleElements]) -> None:
        for done, analysis in enumerate(stored, 1):
            progress(ModuleMeasured(analysis.module, sizes[analysis.module], done, len(sizes), 0.0))

    def compute(missing: Sequence[SingleElements]) -> Iterator[ElementsResult]:
        from prunesweep.workers.analyses.elements import measure_elements
        from prunesweep.workers.data.load import load_dataset
        from prunesweep.workers.runtime import configure_torch, default_device
        from prunesweep.workers.stored_network import load_stored

        configure_torch(stored_trial.threads)
        data = load_dataset(stored_trial.dataset).to(default_device())
        network = load_stored(store, key, data.device).network
        results = measure_elements(missing, network, data, test_fingerprint=whole, progress=progress)
        for done, result in enumerate(results, len(sizes) - len(missing) + 1):
            yield result  # and it is stored
            progress(ModuleMeasured(result["module"], len(result["elements"]), done, len(sizes), result["seconds"]))

    return store.table_of("elements", answer(store, analyses, compute, report_stored=report_stored).results)


def _check_attacks(attacks: Sequence[str]) -> None:
    """Check that there are attacks and that single elements can be measured under each.

    Raises:
        ElementsError: no attack is named, or one is unknown.
    """
    unknown = next((name for name in attacks if name not in ELEMENT_ATTACKS), None)
    if unknown is not None:
        raise ElementsError(unknown_name(unknown, "an attack on single elements", ELEMENT_ATTACKS))
    if not attacks:
        raise ElementsError(f"attacks: name one or more of {', '.join(ELEMENT_ATTACKS)}")


def _removable_modules(store: Store, key: str, structure: str, prefix: str) -> dict[str, int]:
    """Return the number of removable elements of each module whose path begins with the prefix, by path.

    Raises:
        ElementsError: the network has no removable elements of this structure, or none in modules with this prefix.
    """
    description = store.network_description(key)
    architecture = description["architecture"]
    if architecture not in ARCHITECTURES:
        raise ElementsError(f"{key}: {unknown_name(architecture, 'an architecture', ARCHITECTURES)}")
    if structure not in ARCHITECTURES[architecture].structures:
        raise ElementsError(f"structure {structure}: {architecture} has no removable {structure}; use filters")
    try:
        sizes = removable_modules(ARCHITECTURES[architecture].removable, description, structure)
    except (AttributeError, IndexError, KeyError, TypeError):
        raise ElementsError(f"{key}: its network.json does not describe a {architecture}; it is damaged") from None
    if not sizes:
        raise ElementsError(f"structure {structure}: this {architecture} has no removable {structure} left")
    chosen = {module: size for module, size in sizes.items() if module.startswith(prefix)}
    if not chosen:
        raise ElementsError(
            f"modules {prefix!r}: no module with removable {structure} has a path that begins so; "
            f"there are {', '.join(sizes)}"
        )
    return chosen


def _test_images(store: Store, trial: StoredTrial, fingerprint: str) -> int:
    """Return the number of a trial's test images, from its evaluation on clean images or else from the data set."""
    attacks = store.table("attacks")
    clean = attacks[(attacks["trial_key"] == trial.key) & (attacks["attack"] == CLEAN)]
    totals: list[int] = clean.loc[clean["test_fingerprint"] == fingerprint, "total"].tolist()
    if totals:
        return totals[0]
    from prunesweep.workers.data.load import load_dataset

    return len(load_dataset(trial.dataset).test)
