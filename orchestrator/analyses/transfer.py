"""Transfer between stored networks: how well each classifies images crafted on another (the paper's Table 4)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import pandas as pd

from prunesweep.orchestrator.analyses.answer import answer
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS, describe_networks
from prunesweep.orchestrator.query.trials import StoredTrial, choose_trials, stored_trials
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.results_store.documents import JsonObject, TransferResult
from prunesweep.sweeps.analyses import CRAFTING_ATTACKS, Transfer
from prunesweep.sweeps.attacks import EpsilonSettings
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.numbers import parse_number
from prunesweep.sweeps.units import check_level
from prunesweep.sweeps.words import counted


class TransferError(UserError):
    """Networks between which images cannot be transferred, or an attack that cannot craft such images."""


@dataclass(frozen=True)
class TransferMatrix:
    """The accuracies of target networks on adversarial images that were crafted on source networks.

    Attributes:
        rows: the accuracies as rows of the table ``transfer``.
        sources: keys of the sources, in the order in which they were given.
        targets: keys of the targets, in the order in which they were given.
        labels: a description of each network, by key.
        computed: number of accuracies that were computed now; the others were stored before.
    """

    rows: pd.DataFrame
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    labels: dict[str, str]
    computed: int

    @property
    def accuracies(self) -> pd.DataFrame:
        """Return the accuracies in [0, 1], with a row per source and a column per target, both labelled by key."""
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
) -> TransferMatrix:
    """Return the accuracy of each target on images crafted on each source; stored accuracies are not computed again.

    A ``UserError`` with a message of one line is raised, and nothing is stored, if a network is missing, if networks
    differ in their data sets, test images or classes, or if the attack is impossible.

    Args:
        store: a folder, an fsspec URL or an open store.
        sources: beginnings of keys, and conditions such as ``architecture == resnet56``; trials that meet all
            conditions are taken.
        targets: as for ``sources``.
        attack: ``fgsm``, or ``pgd`` (10 steps, one random start, last iterates).
        epsilon: radius of the attack, in (0, 1].
        progress: called with a line of text for each source.

    Example:
        >>> from prunesweep import transfer
        >>> found = transfer("store", ["iterations == 0"], ["structure == filters"])
        >>> found.accuracies.round(2).to_numpy()
        array([[0.58]])
    """
    store = existing_store(store)
    settings = _settings(attack, epsilon)
    source_keys, target_keys = choose_trials(store, sources), choose_trials(store, targets)
    trials = stored_trials(store, [*source_keys, *target_keys])
    labels = dict(zip(trials, describe_networks(pd.DataFrame([trial.row for trial in trials.values()])), strict=True))
    fingerprint = _common_test_images(store, list(trials.values()), labels)
    analyses = [
        Transfer(source, target, attack, settings, fingerprint) for source in source_keys for target in target_keys
    ]

    def compute(missing: Sequence[Transfer]) -> Iterator[TransferResult]:
        from prunesweep.workers.analyses.transfer import measure_transfer
        from prunesweep.workers.data.load import load_dataset
        from prunesweep.workers.runtime import configure_torch, default_device
        from prunesweep.workers.stored_network import load_stored

        test = load_dataset(trials[source_keys[0]].dataset).test.to(default_device())
        groups = [(source, list(group)) for source, group in groupby(missing, lambda analysis: analysis.source)]
        for number, (source, group) in enumerate(groups, 1):
            progress(f"[{number}/{len(groups)}] images of {labels[source]}, shown to {counted(len(group), 'network')}")
            configure_torch(trials[source].threads)
            keys = dict.fromkeys([source, *(analysis.target for analysis in group)])
            yield from measure_transfer(
                group, {key: load_stored(store, key, test.device).network for key in keys}, test
            )

    answers = answer(store, analyses, compute)
    return TransferMatrix(
        rows=store.table_of("transfer", answers.results),
        sources=tuple(source_keys),
        targets=tuple(target_keys),
        labels=labels,
        computed=answers.computed,
    )


def read_epsilon(text: str) -> float:
    """Read an ε that is written as in ``8/255`` or ``0.03``.

    Raises:
        TransferError: the text is not a number in (0, 1].
    """
    try:
        epsilon = float(parse_number(text))
    except ValueError as error:
        raise TransferError(f"epsilon {error}") from None
    return _check_epsilon(epsilon)


def _check_epsilon(epsilon: float) -> float:
    """Check an ε, and return it unchanged.

    Raises:
        TransferError: the ε is not in (0, 1].
    """
    try:
        checked = float(check_level(epsilon, "epsilon"))
    except ValueError as error:
        raise TransferError(f"epsilon {epsilon:g}: {str(error).removeprefix(f'epsilon {epsilon:g} ')}") from None
    if not checked > 0:
        raise TransferError(f"epsilon {epsilon:g}: must be above 0")
    return checked


def _settings(attack: str, epsilon: float) -> EpsilonSettings:
    if attack not in CRAFTING_ATTACKS:
        raise TransferError(unknown_name(attack, "an attack that images are crafted by", CRAFTING_ATTACKS))
    return CRAFTING_ATTACKS[attack](epsilons=(_check_epsilon(epsilon),), headline=epsilon)


def _common_test_images(store: Store, trials: Sequence[StoredTrial], labels: dict[str, str]) -> str:
    """Return the fingerprint of the test images that all these networks are tested on.

    Raises:
        TransferError: two networks differ in their data sets, test images or classes.
    """
    first, *others = trials
    fingerprint = data_fingerprints(first.dataset).test
    description = store.network_description(first.key)
    for other in others:
        difference = _difference(store, first, other, description, fingerprint)
        if difference:
            names = " and ".join(f"{trial.key[:KEY_DIGITS]} ({labels[trial.key]})" for trial in (first, other))
            raise TransferError(
                f"{names} have different {difference}; images transfer only between networks that are tested on the "
                "same ones"
            )
    return fingerprint


def _difference(
    store: Store, first: StoredTrial, other: StoredTrial, description: JsonObject, fingerprint: str
) -> str | None:
    """Return how the test images of two networks differ, in words that end a message, or None if they are the same."""
    theirs = store.network_description(other.key)
    if other.dataset.name != first.dataset.name:
        return f"data sets: {first.dataset.name} and {other.dataset.name}"
    if theirs["classes"] != description["classes"]:
        return f"classes: {description['classes']} and {theirs['classes']}"
    if theirs["image_size"] != description["image_size"]:
        return f"image sizes: {description['image_size']} and {theirs['image_size']} pixels"
    if other.dataset != first.dataset and data_fingerprints(other.dataset).test != fingerprint:  # hashing takes long
        return f"test images of {first.dataset.name}"
    return None
