"""Random sweeps such as people run, and how long their trials take."""

import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree

# What an epoch takes against one of ResNet20, and what a set of scores takes in epochs.
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
MOST_ITERATIONS = 40
SPREAD = 0.1  # of equal trials, as the standard deviation of the logarithm
GUESS_SPREAD = 0.3  # of an estimate around the truth, likewise: by a third too long or too short


@dataclass(frozen=True)
class Length:
    """How long the parts of a trial take, in epochs of ResNet20.

    ``scoring``: by the key of the scores, which siblings share; only the one that makes them takes that long.
    """

    scoring: Mapping[str, float]
    training: float
    evaluating: float

    @property
    def network(self) -> float:
        """Until the network is stored, if nothing is shared."""
        return sum(self.scoring.values()) + self.training

    @property
    def whole(self) -> float:
        """Until the trial is done, if nothing is shared."""
        return self.network + self.evaluating


def random_tree(chance: random.Random, trials: range, weights: str) -> TrialTree:
    """A tree of a random grid that asks for so many trials; half of them prune the network of the file ``weights``."""
    while True:
        sweep = _random_sweep(chance, weights)
        if _asked(sweep) in trials:
            return grow_tree(parse_sweep(json.dumps(sweep)))


def random_lengths(chance: random.Random, tree: TrialTree) -> dict[str, Length]:
    """How long each trial takes, by key: pruned networks are faster, and equal trials take unequally long."""
    evaluating = chance.uniform(1, 20)
    scoring: dict[str, float] = {}
    lengths = {}
    for trial in tree:
        for key in trial.score_keys.values():
            if key not in scoring:
                takes = SCORING[trial.criterion] * EPOCH[trial.architecture]
                scoring[key] = takes * chance.lognormvariate(0, SPREAD)
        epoch = EPOCH[trial.architecture] * (1 - trial.ratio) ** trial.iterations
        lengths[trial.key] = Length(
            scoring={key: scoring[key] for key in trial.score_keys.values()},
            training=trial.round.epochs * epoch * chance.lognormvariate(0, SPREAD),
            evaluating=evaluating * epoch * chance.lognormvariate(0, SPREAD),
        )
    return lengths


def random_guesses(chance: random.Random, lengths: Mapping[str, Length]) -> dict[str, float]:
    """What a schedule is told of each trial's length."""
    return {key: length.whole * chance.lognormvariate(0, GUESS_SPREAD) for key, length in lengths.items()}


def _random_sweep(chance: random.Random, weights: str) -> dict[str, Any]:
    def some(values: tuple[Any, ...], most: int) -> list[Any]:
        return chance.sample(values, chance.randint(1, min(most, len(values))))

    trained = chance.random() < 0.5
    epochs = chance.choice([20, 50, 100, 200])
    structures = some(("filters", "layers", "both"), 3)
    # VGG16 has no layers to remove: a sweep of nothing else would be empty.
    architectures = some(tuple(name for name in EPOCH if name != "vgg16" or "filters" in structures), len(EPOCH))
    iterations = round(math.exp(chance.uniform(0, math.log(MOST_ITERATIONS))))
    return {
        "name": "random",
        "dataset": {"name": "digits"},
        "seeds": list(range(chance.choice([1, 2, 3, 5, 10]))),
        "baseline": {"epochs": epochs} if trained else {"epochs": epochs, "weights": weights},
        "adjustment": {"epochs": chance.choice([5, 10, 20, 40]), "rewind_epoch": 2},
        "control": chance.random() < 0.5,
        "axes": {
            "architecture": architectures,
            "structure": structures,
            "criterion": some(tuple(SCORING), len(SCORING)),
            # A weights file holds nothing for winning tickets to go back to.
            "adjustment": some(ADJUSTMENTS if trained else ADJUSTMENTS[:3], 2),
            "iterations": list(range(1, iterations + 1)),
            "ratio": some((0.05, 0.1, 0.15, 0.2, 0.25, 0.3), 3),
        },
    }


def _asked(sweep: Mapping[str, Any]) -> int:
    return len(sweep["seeds"]) * math.prod(len(values) for values in sweep["axes"].values())
