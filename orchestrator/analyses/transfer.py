"""Transfer between stored networks: who is fooled by images that were crafted on whom (the paper's Table 4)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from prunesweep.orchestrator.query.descriptions import KEY_DIGITS, describe_networks
from prunesweep.orchestrator.query.trials import choose_trials, dataset_of, threads_of, trial_rows
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.sweeps.analyses import TransferAnalysis
from prunesweep.sweeps.attacks import EpsilonSettings, Fgsm, Pgd
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.numbers import parse_number
from prunesweep.sweeps.units import check_level
from prunesweep.sweeps.words import counted

ATTACKS: dict[str, type[EpsilonSettings]] = {"fgsm": Fgsm, "pgd": Pgd}
"""The attacks that images are crafted by."""


class TransferError(UserError):
    """Networks that cannot be attacked with each other's images, or an attack that cannot be."""


@dataclass(frozen=True)
class Transfer:
    """The accuracies, and what they are of.

    Attributes:
        rows: of the table ``transfer``, those asked for.
        sources, targets: keys, in the order in which they were asked for.
        labels: key -> the network in words.
        made: how many accuracies this call made; the others were stored.
    """

    rows: pd.DataFrame
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    labels: dict[str, str]
    made: int

    @property
    def accuracies(self) -> pd.DataFrame:
        """Accuracy in [0, 1]; the index holds the sources' keys, the columns the targets'."""
        wide = self.rows.pivot(index="source_key", columns="target_key", values="accuracy")
        return wide.loc[list(self.sources), list(self.targets)]


def transfer(
    store: StoreLike,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    attack: str = "fgsm",
    epsilon: float = 8 / 255,
    progress: Callable[[str], None] = lambda line: None,
) -> Transfer:
    """Craft images on each source and show them to each target; what is stored is not made again.

    Args:
        store: a folder, an fsspec URL or an open store.
        sources, targets: beginnings of keys, and conditions such as ``architecture == resnet56``; all trials that
            meet all conditions.
        attack: ``fgsm``, or ``pgd`` (10 steps, one random start, last iterates).
        epsilon: in (0, 1].
        progress: called with a line for each source.

    Raises:
        UserError: one line: no such network, networks of different data sets, test images or classes, or an attack
            that cannot be. Nothing was written.

    Example:
        >>> from prunesweep import transfer
        >>> found = transfer("store", ["iterations == 0"], ["structure == filters"])
        >>> found.accuracies.round(2).to_numpy()
        array([[0.58]])
    """
    store = existing_store(store)
    settings = _settings(attack, epsilon)
    source_keys, target_keys = choose_trials(store, sources), choose_trials(store, targets)
    rows = trial_rows(store, [*source_keys, *target_keys])
    labels = dict(zip(rows, describe_networks(pd.DataFrame(list(rows.values()))), strict=True))
    dataset, fingerprint = _common_dataset(store, [*source_keys, *target_keys], labels)
    store.check_writable()

    def key(source: str, target: str) -> str:
        return TransferAnalysis(source, target, attack, settings, fingerprint).key

    stored = store.result_keys()
    missing = {
        source: wanted
        for source in source_keys
        if (wanted := [target for target in target_keys if key(source, target) not in stored])
    }
    try:
        if missing:
            _make(store, missing, dataset, fingerprint, attack, settings, labels, progress)
    finally:
        store.refresh_tables()
    documents = [store.result(key(source, target)) for source in source_keys for target in target_keys]
    return Transfer(
        rows=store.table_of("transfer", {document["key"]: document for document in documents}),
        sources=tuple(source_keys),
        targets=tuple(target_keys),
        labels=labels,
        made=sum(len(wanted) for wanted in missing.values()),
    )


def read_epsilon(text: str) -> float:
    """An ε as people write it, ``8/255`` or ``0.03``. Raises: TransferError where it is none, or not in (0, 1]."""
    try:
        epsilon = float(parse_number(text))
    except ValueError as error:
        raise TransferError(f"epsilon {error}") from None
    return _checked(epsilon)


def _checked(epsilon: float) -> float:
    """Raises: TransferError where an ε is not in (0, 1]."""
    try:
        checked = float(check_level(epsilon, "epsilon"))
    except ValueError as error:
        raise TransferError(f"epsilon {epsilon:g}: {str(error).removeprefix(f'epsilon {epsilon:g} ')}") from None
    if not checked > 0:
        raise TransferError(f"epsilon {epsilon:g}: must be above 0")
    return checked


def _settings(attack: str, epsilon: float) -> EpsilonSettings:
    if attack not in ATTACKS:
        raise TransferError(unknown_name(attack, "an attack that images are crafted by", ATTACKS))
    return ATTACKS[attack](epsilons=(_checked(epsilon),), headline=epsilon)


def _common_dataset(store: Store, keys: Sequence[str], labels: dict[str, str]) -> tuple[DatasetSettings, str]:
    """The data set of all these networks, and the fingerprint of its test images.

    Raises:
        TransferError: two networks have different data sets, test images or classes.
    """
    first, *others = dict.fromkeys(keys)
    dataset = dataset_of(store, first)
    fingerprint, description = data_fingerprints(dataset).test, store.load_network(first)[1]

    def name(key: str) -> str:
        return f"{key[:KEY_DIGITS]} ({labels[key]})"

    for other in others:
        theirs, described = dataset_of(store, other), store.load_network(other)[1]
        if theirs.name != dataset.name:
            what = f"data sets: {dataset.name} and {theirs.name}"
        elif described["classes"] != description["classes"]:
            what = f"classes: {description['classes']} and {described['classes']}"
        elif described["image_size"] != description["image_size"]:
            what = f"image sizes: {description['image_size']} and {described['image_size']} pixels"
        elif theirs != dataset and data_fingerprints(theirs).test != fingerprint:  # hashing takes long
            what = f"test images of {dataset.name}"
        else:
            continue
        raise TransferError(
            f"{name(first)} and {name(other)} have different {what}; images transfer only between networks that are "
            "tested on the same ones"
        )
    return dataset, fingerprint


def _make(
    store: Store,
    missing: dict[str, list[str]],
    dataset: DatasetSettings,
    fingerprint: str,
    attack: str,
    settings: EpsilonSettings,
    labels: dict[str, str],
    progress: Callable[[str], None],
) -> None:
    """Makes the accuracies that are missing, a source at a time."""
    from prunesweep.workers.analyses.transfer import transfer_from
    from prunesweep.workers.data.load import load_dataset
    from prunesweep.workers.runtime import configure, default_device
    from prunesweep.workers.stored_network import load_stored

    test = load_dataset(dataset).test.to(default_device())
    for place, (source, wanted) in enumerate(missing.items(), 1):
        progress(f"[{place}/{len(missing)}] images of {labels[source]}, shown to {counted(len(wanted), 'network')}")
        configure(threads_of(store, source))
        transfer_from(
            load_stored(store, source, test.device),
            [load_stored(store, target, test.device) for target in wanted],
            test,
            fingerprint,
            store,
            attack=attack,
            settings=settings,
        )
