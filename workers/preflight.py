"""What can be found wrong with a sweep once its data are loaded, before anything is started."""

from collections.abc import Iterable

from sweeps.attacks import Occlusion
from sweeps.errors import SweepError
from sweeps.trial import Trial
from workers.architectures.network import new_network
from workers.architectures.weights_file import WeightsError, load_weights, read_weights_file
from workers.data.dataset import Dataset
from workers.streams import stream


def check_trials(trials: Iterable[Trial], data: Dataset) -> None:
    """Checks the attacks against the images, and weights files against their architectures.

    Raises:
        SweepError, WeightsError: one line says what does not fit.
    """
    trials = list(trials)
    for settings in trials[0].conditions.attacks.values() if trials else ():
        if isinstance(settings, Occlusion):
            try:
                settings.sides_on(data.side)
            except ValueError as error:
                raise SweepError(str(error)) from None
    for trial in {trial.architecture: trial.baseline for trial in trials}.values():
        if trial.conditions.weights is not None:
            _check_weights(trial, trial.conditions.weights, data)


def _check_weights(trial: Trial, weights: str, data: Dataset) -> None:
    unit = (1.0, 1.0, 1.0)
    network = new_network(trial.architecture, len(data.classes), data.side, unit, unit, generator=stream("preflight"))
    try:
        load_weights(network, read_weights_file(weights))
    except WeightsError as error:
        raise WeightsError(
            f"baseline.weights: {weights}: not a {trial.architecture} of {len(data.classes)} classes: {error}"
        ) from None
