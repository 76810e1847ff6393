"""Learning-rate schedules."""

import math

from prunesweep.sweeps.language import Training


def learning_rate(training: Training, progress: float) -> float:
    """The learning rate after ``progress`` epochs (a real number in [0, epochs]).

    Warm-up rises linearly from 0. Then ``cosine`` falls to 0 by half a cosine (Loshchilov and Hutter 2017),
    ``step`` is multiplied by ``step_factor`` at each share of the epochs in ``step_at``, ``constant`` stays.
    """
    epochs = training.epochs or 1
    if progress < training.warmup_epochs:
        return training.learning_rate * progress / training.warmup_epochs
    if training.schedule == "cosine":
        done = (progress - training.warmup_epochs) / max(epochs - training.warmup_epochs, 1)
        return training.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
    if training.schedule == "step":
        passed = sum(progress >= share * epochs for share in training.step_at)
        return training.learning_rate * training.step_factor**passed
    return training.learning_rate
