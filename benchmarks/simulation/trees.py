"""Random sweeps like those of users, and random durations of their trials."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree

# The duration of an epoch, in epochs of ResNet20, and of a set of scores, in epochs of the same architecture.
EPOCH = {
    "resnet20": 1.0,
    "vgg16": 1.2,
    "resnet32": 1.6,
    "resnet44": 2.2,
    "mobilenet_v2": 2.5,
    "resnet56": 2.8,
    "resnet110": 5.5,
}
SCORING = {"l1": 0.1, "random": 0.1, "expected_abs": 1.0, "hrank": 3.0, "pls": 5.0, "kl_divergence": 10.0}
ADJUSTMENTS = ("fine_tune", "scratch_e", "scratch_b", "winning_ticket")
MAX_CHAIN_ITERATIONS = 40
SPREAD = 0.1  # of the durations of equal trials, as the standard deviation of the logarithm
ESTIMATE_SPREAD = 0.3  # of estimates around the durations, likewise: typically a third too long or too short


@dataclass(frozen=True)
class TrialDurations:
    """The durations of the phases of a trial, in epochs of ResNet20.

    Attributes:
        scoring: the duration of computing each set of scores, by key; siblings share scores, and one computes them.
        training: the duration of the training.
        evaluating: the duration of all evaluations.
    """

    scoring: Mapping[str, float]
    training: float
    evaluating: float

    @property
    def network(self) -> float:
        """Return the duration until the network is stored, if no scores are shared."""
        return sum(self.scoring.values()) + self.training

    @property
    def whole(self) -> float:
        """Return the duration of the whole trial, if no scores are shared."""
        return self.network + self.evaluating


def random_tree(rng: random.Random, trials: range, weights: str) -> TrialTree:
    """Return the tree of a random grid; in half of the cases its baseline is loaded from a weights file.

    Args:
        rng: the source of randomness.
        trials: the possible numbers of trials that the grid requests.
        weights: the path of a weights file.
    """
    while True:
        sweep = _random_sweep(rng, weights)
        if _requested_trials(sweep) in trials:
            return grow_tree(parse_sweep(json.dumps(sweep)))


def random_durations(rng: random.Random, tree: TrialTree) -> dict[str, TrialDurations]:
    """Return the durations of each trial by key; pruned networks are faster, and equal trials vary randomly."""
    evaluating = rng.uniform(1, 20)
    scoring: dict[str, float] = {}
    durations = {}
    for trial in tree:
        for key in trial.score_keys.values():
            if key not in scoring:
                mean = SCORING[trial.criterion] * EPOCH[trial.architecture]
                scoring[key] = mean * rng.lognormvariate(0, SPREAD)
        epoch = EPOCH[trial.architecture] * (1 - trial.ratio) ** trial.iterations
        durations[trial.key] = TrialDurations(
            scoring={key: scoring[key] for key in trial.score_keys.values()},
            training=trial.round.epochs * epoch * rng.lognormvariate(0, SPREAD),
            evaluating=evaluating * epoch * rng.lognormvariate(0, SPREAD),
        )
    return durations


def random_estimates(rng: random.Random, durations: Mapping[str, TrialDurations]) -> dict[str, float]:
    """Return the estimated duration of each whole trial by key, with random errors."""
    return {key: duration.whole * rng.lognormvariate(0, ESTIMATE_SPREAD) for key, duration in durations.items()}


def _random_sweep(rng: random.Random, weights: str) -> dict[str, Any]:
    def random_subset(values: tuple[Any, ...], max_size: int) -> list[Any]:
        return rng.sample(values, rng.randint(1, min(max_size, len(values))))

    trained = rng.random() < 0.5
    epochs = rng.choice([20, 50, 100, 200])
    structures = random_subset(("filters", "layers", "both"), 3)
    # VGG16 has no removable layers: a sweep of VGG16 and layers alone would be empty.
    architectures = random_subset(
        tuple(name for name in EPOCH if name != "vgg16" or "filters" in structures), len(EPOCH)
    )
    iterations = round(math.exp(rng.uniform(0, math.log(MAX_CHAIN_ITERATIONS))))
    return {
        "name": "random",
        "dataset": {"name": "digits"},
        "seeds": list(range(rng.choice([1, 2, 3, 5, 10]))),
        "baseline": {"epochs": epochs} if trained else {"epochs": epochs, "weights": weights},
        "adjustment": {"epochs": rng.choice([5, 10, 20, 40]), "rewind_epoch": 2},
        "control": rng.random() < 0.5,
        "axes": {
            "architecture": architectures,
            "structure": structures,
            "criterion": random_subset(tuple(SCORING), len(SCORING)),
            # A weights file has no snapshot for winning tickets to rewind to.
            "adjustment": random_subset(ADJUSTMENTS if trained else ADJUSTMENTS[:3], 2),
            "iterations": list(range(1, iterations + 1)),
            "ratio": random_subset((0.05, 0.1, 0.15, 0.2, 0.25, 0.3), 3),
        },
    }


def _requested_trials(sweep: Mapping[str, Any]) -> int:
    return len(sweep["seeds"]) * math.prod(len(values) for values in sweep["axes"].values())
