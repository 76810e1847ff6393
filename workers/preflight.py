"""Checks of a sweep that need its data, made before any trial starts."""

from collections.abc import Iterable

from prunesweep.sweeps.attacks import AttackSettings, Corruptions, Occlusion
from prunesweep.sweeps.catalogue import PLAIN
from prunesweep.sweeps.errors import DataError, SweepError
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.architectures.baseline_weights import read_weights
from prunesweep.workers.architectures.network import new_network
from prunesweep.workers.architectures.weights_file import WeightsError, load_weights
from prunesweep.workers.attacks.corruptions.sources import check_files
from prunesweep.workers.cache import check_cache
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.random_streams import stream


def check_trials(trials: Iterable[Trial], data: Dataset, *, on_this_machine: bool = True) -> None:
    """Check that a sweep's attacks and weights can be used with its data set, and that the cache is writable.

    All error messages are one line. Missing weights files, and those that do not match the architecture or the number
    of classes, raise ``DataError``. So do missing files of corrupted images, and those that do not match the test
    images. A cache that is not writable raises ``CacheError``; it is checked only if an attack caches images in it.

    Args:
        trials: trials of one sweep.
        data: the data set of the sweep.
        on_this_machine: whether the trials run on this machine. If they do not, the cache is not checked, because each
            machine has its own.

    Raises:
        SweepError: the occlusion attack has a square that is larger than the images.
    """
    trials = list(trials)
    attacks = trials[0].context.attacks.values() if trials else ()
    if on_this_machine and data.test.holds_pixels and any(map(_is_cached, attacks)):
        check_cache()
    for settings in attacks:
        if isinstance(settings, Occlusion):
            try:
                settings.sides_on(data.side)
            except ValueError as error:
                raise SweepError(str(error)) from None
        if isinstance(settings, Corruptions):
            check_files(settings, data)
    for baseline in {trial.baseline.key: trial.baseline for trial in trials}.values():
        if baseline.weights is not None:
            _check_weights(baseline, baseline.weights, data)


def _is_cached(settings: AttackSettings) -> bool:
    """Return whether the images of an attack are generated once and then cached."""
    return isinstance(settings, Corruptions) and settings.source == "generated"


def _check_weights(trial: Trial, weights: str, data: Dataset) -> None:
    """Check that the weights of a baseline can be read and match its architecture and the number of classes.

    Raises:
        DataError: the weights cannot be read.
        WeightsError: the weights do not match.
    """
    key_path = "baseline.weights" if trial.recipe == PLAIN else f"baseline.defences.{trial.recipe}"
    unit = (1.0, 1.0, 1.0)
    network = new_network(trial.architecture, len(data.classes), data.side, unit, unit, generator=stream("preflight"))
    try:
        tensors = read_weights(weights, trial.architecture)
    except DataError as error:
        raise DataError(f"{key_path}: {error}") from None
    try:
        load_weights(network, tensors)
    except WeightsError as error:
        raise WeightsError(
            f"{key_path}: {weights}: not a {trial.architecture} with {len(data.classes)} classes: {error}"
        ) from None
