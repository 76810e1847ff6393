"""What is known of a network and of those it is compared with, after all of them were attacked on the same images."""

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
    """What one attack within one ε left of the images.

    ``correct``: bool (images,), which it does not fool, whether it was run on them or not; ``attacked``: bool
    (images,), which it was run on. An image that the network gets wrong unattacked counts as fooled by every attack
    that was run on it.
    """

    attack: str
    epsilon: float
    correct: ImageFlags
    attacked: ImageFlags


@dataclass(frozen=True)
class NetworkEvidence:
    """One network.

    Attributes:
        clean: bool (images,), classified rightly unattacked.
        outcomes: one an attack and ε.
        smallest: (subset,) the smallest ε of the grid at which PGD on the margin loss fools an image, found by
            bisection; 0 where it is wrong unattacked, infinite where the largest does not fool it.
        vanishing: by loss, the share of images (of the subset, classified rightly) without a gradient to follow.
        logit_margin: mean of the true class's logit minus the largest other, on clean images.
    """

    clean: ImageFlags
    outcomes: tuple[EpsilonOutcome, ...]
    smallest: NDArray[np.float64]
    vanishing: Mapping[str, float]
    logit_margin: float

    def outcome(self, attack: str, epsilon: float) -> EpsilonOutcome:
        """Raises: KeyError where this was not run."""
        for outcome in self.outcomes:
            if (outcome.attack, outcome.epsilon) == (attack, epsilon):
                return outcome
        raise KeyError(f"{attack} at {epsilon}")

    def at(self, epsilon: float) -> tuple[EpsilonOutcome, ...]:
        """All attacks that were run within this ε."""
        return tuple(outcome for outcome in self.outcomes if outcome.epsilon == epsilon)

    def worst_case(self, epsilon: float) -> ImageFlags:
        """Which images no attack within ε fools, bool (images,)."""
        worst: ImageFlags = np.logical_and.reduce([self.clean, *(outcome.correct for outcome in self.at(epsilon))])
        return worst


@dataclass(frozen=True)
class Evidence:
    """Two or three networks on the same images, under attacks that share their random streams.

    Attributes:
        networks: ``network``, ``baseline`` and, where there is one, ``control``.
        epsilons: where the baseline keeps 10–90 % under PGD: what gains are taken at.
        far: an ε at which plain networks keep nothing, for what only a masked gradient does; on the subset alone.
        everything: an ε at which any image can be made grey, so that no network can be right more often than by chance.
        headline: the ε of FGSM that sweeps report; FGSM alone is run there.
        classes: how many.
        notes: what was not run, and why.
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
        return len(self.networks[NETWORK].clean)

    def to_json(self) -> dict[str, Any]:
        """Counts in place of outcomes: plain JSON values."""
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
        # A median beyond the grid is not known, and JSON has no infinity.
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
