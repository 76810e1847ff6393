"""The evidence of a verification: the outcomes of a network and of those it is compared with on the same images."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunesweep.results_store.verdict_names import NETWORK
from prunesweep.sweeps.analyses import Effort

ImageFlags = NDArray[np.bool_]


@dataclass(frozen=True)
class EpsilonOutcome:
    """Which images one attack within one ε fools.

    Attributes:
        attack: name of the attack.
        epsilon: radius of the L∞ ball, in [0, 1].
        correct: images that it does not fool, bool (images,); True for images that it did not attack. An attacked image
            that is misclassified without the attack counts as fooled.
        attacked: images that it attacked, bool (images,).
    """

    attack: str
    epsilon: float
    correct: ImageFlags
    attacked: ImageFlags


@dataclass(frozen=True)
class NetworkEvidence:
    """The outcomes of one network.

    Attributes:
        clean: images that are correctly classified without an attack, bool (images,).
        outcomes: one for each attack and ε.
        smallest: the smallest ε of a grid at which PGD on the margin loss fools an image, (subset,), found by
            bisection; 0 if it is misclassified without an attack, infinite if the largest ε does not fool it.
        vanishing: share of the subset's correctly classified images without a gradient to follow, by loss.
        logit_margin: mean over the clean images of the true class's logit minus the largest other logit.
    """

    clean: ImageFlags
    outcomes: tuple[EpsilonOutcome, ...]
    smallest: NDArray[np.float64]
    vanishing: Mapping[str, float]
    logit_margin: float

    def outcome(self, attack: str, epsilon: float) -> EpsilonOutcome:
        """Return the outcome of an attack within an ε.

        Raises:
            KeyError: this attack was not run within this ε.
        """
        for outcome in self.outcomes:
            if (outcome.attack, outcome.epsilon) == (attack, epsilon):
                return outcome
        raise KeyError(f"{attack} at {epsilon}")

    def at(self, epsilon: float) -> tuple[EpsilonOutcome, ...]:
        """Return the outcomes of all attacks within an ε."""
        return tuple(outcome for outcome in self.outcomes if outcome.epsilon == epsilon)

    def worst_case(self, epsilon: float) -> ImageFlags:
        """Return which images no attack within ε fools, bool (images,)."""
        worst: ImageFlags = np.logical_and.reduce([self.clean, *(outcome.correct for outcome in self.at(epsilon))])
        return worst


@dataclass(frozen=True)
class Evidence:
    """The outcomes of two or three networks on the same images, under attacks with the same random streams.

    Attributes:
        networks: the evidence of ``network``, ``baseline`` and, if there is one, ``control``.
        epsilons: the ε at which gains are taken: the baseline keeps 10–90 % of its accuracy there under PGD.
        far: an ε, for the subset alone, at which undefended networks keep no image: only a network with masked
            gradients keeps some.
        everything: an ε within which every image can be made grey, so that no network beats chance.
        headline: the ε that sweeps report for FGSM; FGSM alone is run there.
        classes: number of classes.
        effort: how hard the networks were attacked.
        notes: which attacks were not run, and why.
    """

    networks: Mapping[str, NetworkEvidence]
    epsilons: tuple[float, ...]
    far: float
    everything: float
    headline: float
    classes: int
    effort: Effort
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> int:
        """Return the number of images."""
        return len(self.networks[NETWORK].clean)

    def to_json(self) -> dict[str, Any]:
        """Return the evidence as JSON values, with counts of images in place of flags."""
        return {
            "epsilons": list(self.epsilons),
            "far": self.far,
            "everything": self.everything,
            "headline": self.headline,
            "classes": self.classes,
            "effort": self.effort.to_json(),
            "notes": list(self.notes),
            "networks": {name: self._network_json(network) for name, network in self.networks.items()},
        }

    def _network_json(self, network: NetworkEvidence) -> dict[str, Any]:
        # A median beyond the grid is unknown, and JSON has no infinity.
        median = float(np.median(network.smallest))
        return {
            "clean": int(network.clean.sum()),
            "median_smallest_epsilon": median if np.isfinite(median) else None,
            "vanishing_gradients": dict(network.vanishing),
            "logit_margin": network.logit_margin,
            "worst_case": [int(network.worst_case(epsilon).sum()) for epsilon in self.epsilons],
            "attacks": [
                {
                    "attack": outcome.attack,
                    "epsilon": outcome.epsilon,
                    "attacked": int(outcome.attacked.sum()),
                    "left": int((outcome.correct & outcome.attacked).sum()),
                }
                for outcome in network.outcomes
            ],
        }
