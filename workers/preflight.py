"""What can be found wrong with a sweep once its data are loaded, before anything is started."""

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


def check_trials(trials: Iterable[Trial], data: Dataset, *, here: bool = True) -> None:
    """Checks the attacks against the images, weights files against their architectures, and this machine's cache.

    Args:
        here: whether the trials run on this machine; another one has a cache of its own.

    Raises:
        SweepError, DataError, CacheError: one line says what does not fit, or cannot be written.
    """
    trials = list(trials)
    attacks = trials[0].context.attacks.values() if trials else ()
    if here and data.test.holds_pixels and any(map(_is_cached, attacks)):
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
    """Whether the attack's images are made once and kept."""
    return isinstance(settings, Corruptions) and settings.source == "generated"


def _check_weights(trial: Trial, weights: str, data: Dataset) -> None:
    where = "baseline.weights" if trial.recipe == PLAIN else f"baseline.defences.{trial.recipe}"
    unit = (1.0, 1.0, 1.0)
    network = new_network(trial.architecture, len(data.classes), data.side, unit, unit, generator=stream("preflight"))
    try:
        tensors = read_weights(weights, trial.architecture)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    try:
        load_weights(network, tensors)
    except WeightsError as error:
        raise WeightsError(
            f"{where}: {weights}: not a {trial.architecture} of {len(data.classes)} classes: {error}"
        ) from None
