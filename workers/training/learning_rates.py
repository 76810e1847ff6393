"""Learning-rate schedules."""

import math

from prunesweep.sweeps.language import Training


def learning_rate(training: Training, progress: float) -> float:
    """Return the learning rate at a point of the schedule.

    During warm-up the learning rate rises linearly from 0. After warm-up, the schedule ``cosine`` lowers the learning
    rate to 0 along half a cosine (Loshchilov and Hutter 2017). The schedule ``step`` multiplies it by ``step_factor``
    each time that the share of the epochs trained reaches a value in ``step_at``. The schedule ``constant`` leaves it
    unchanged.

    Args:
        training: the settings of the schedule.
        progress: the number of epochs trained so far, a real number in [0, epochs].
    """
    epochs = training.epochs or 1
    if progress < training.warmup_epochs:
        return training.learning_rate * progress / training.warmup_epochs
    if training.schedule == "cosine":
        done = (progress - training.warmup_epochs) / max(epochs - training.warmup_epochs, 1)
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    if training.schedule == "step":
        steps = sum(progress >= share * epochs for share in training.step_at)
        return training.learning_rate * training.step_factor**steps
    return training.learning_rate
