"""The evidence of a verification: which images fool a network, its baseline and its control under the same attacks."""

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
    """The outcome of one attack on one network within one ε: for which images the attack succeeds.

    Attributes:
        attack: name of the attack.
        epsilon: radius of the L∞ ball, in [0, 1].
        correct: mask of the images that the attack does not fool, bool (images,). It is True for images that were not
            attacked. An attacked image that is misclassified without the attack counts as fooled.
        attacked: mask of the images that were attacked, bool (images,).
    """

    attack: str
    epsilon: float
    correct: ImageFlags
    attacked: ImageFlags


@dataclass(frozen=True)
class NetworkEvidence:
    """The outcomes of one network under all attacks.

    The subset is the part of the images that the expensive attacks are limited to.

    Attributes:
        clean: mask of the images that are correctly classified without an attack, bool (images,).
        outcomes: the outcome of each attack within each ε.
        smallest: for each image of the subset, the smallest ε of a grid at which PGD on the margin loss fools the
            network, found by bisection, float64 (subset,). It is 0 for an image that is misclassified without an
            attack, and infinite for an image that does not fool the network even at the largest ε.
        vanishing: by loss, the share of the correctly classified images of the subset whose gradient vanishes, so that
            attacks have nothing to follow.
        logit_margin: mean over all images, without an attack, of the true class's logit minus the largest other logit.
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
        """Return a mask, bool (images,), of the images that are correct without and under every attack within ε."""
        worst: ImageFlags = np.logical_and.reduce([self.clean, *(outcome.correct for outcome in self.at(epsilon))])
        return worst


@dataclass(frozen=True)
class Evidence:
    """The outcomes of two or three networks on the same images, under attacks with the same random streams.

    Attributes:
        networks: the evidence of ``network``, ``baseline`` and, if there is one, ``control``.
        epsilons: the ε at which gains are taken. Under PGD within such an ε, the baseline stays correct on 10–90 % of
            the images.
        far: an ε at which an undefended network stays correct on no image, so that a network that stays correct on some
            has masked gradients. Only the subset (the images for expensive attacks) is attacked there.
        everything: an ε within which every image can be made grey, so that no network beats chance. Only the subset is
            attacked there.
        headline: the ε that sweeps report for FGSM. Unless it is one of the other ε, only FGSM is run there.
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
        """Return the evidence as JSON values, with numbers of images in place of masks."""
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
