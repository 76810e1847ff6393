"""What can be found wrong with a sweep once its data are loaded, before anything is started."""

from collections.abc import Iterable

from prunesweep.sweeps.attacks import Corruptions, Occlusion
from prunesweep.sweeps.catalogue import PLAIN
from prunesweep.sweeps.errors import DataError, SweepError
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.architectures.network import new_network
from prunesweep.workers.architectures.pretrained import read_weights
from prunesweep.workers.architectures.weights_file import WeightsError, load_weights
from prunesweep.workers.attacks.corruptions.sources import check_files
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.streams import stream


def check_trials(trials: Iterable[Trial], data: Dataset) -> None:
    """Checks the attacks against the images, and weights files against their architectures.

    Raises:
        SweepError, DataError: one line says what does not fit.
    """
    trials = list(trials)
    for settings in trials[0].conditions.attacks.values() if trials else ():
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
