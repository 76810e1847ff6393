"""Attacks on a network, its baseline and its control on the same images, which yield the evidence of a verdict."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prunesweep.results_store.verdict_names import BASELINE, CONTROL, NETWORK, TRANSFER_FROM
from prunesweep.sweeps.analyses import Effort
from prunesweep.sweeps.attacks import Autoattack
from prunesweep.sweeps.words import counted
from prunesweep.workers.analyses.robustness.evidence import Evidence, NetworkEvidence
from prunesweep.workers.analyses.robustness.own_attacks import (
    AttackSample,
    OwnAttackOutcomes,
    Radii,
    attack_alone,
    attack_by_transfer,
)
from prunesweep.workers.analyses.robustness.smallest_epsilon import graded_epsilons, smallest_epsilons

FAR = 4  # times the largest graded ε
EVERYTHING = 0.5
HEADLINE = 8 / 255


class NetworkComparison:
    """A comparison of networks on the same images, in which each network is attacked only once.

    Networks are modules from images (N, 3, H, W) in [0, 1] to logits, in evaluation mode on the images' device.
    """

    def __init__(self, images: Tensor, labels: Tensor, indices: Tensor, effort: Effort | None = None) -> None:
        """Choose the images of the comparison and the strength of the attacks.

        Args:
            images: float32 (N, 3, H, W) in [0, 1].
            labels: true classes, int64 (N,).
            indices: positions of the images in the test set, int64 (N,).
            effort: how hard networks are attacked; by default ``Effort()``.
        """
        self._sample = AttackSample(images, labels, indices.cpu())
        self._effort = effort or Effort()
        self._subset = spread(len(labels), self._effort.subset)
        self._smallest: dict[nn.Module, NDArray[np.float64]] = {}
        self._own: dict[tuple[nn.Module, Radii], OwnAttackOutcomes] = {}

    def compare(self, network: nn.Module, baseline: nn.Module, control: nn.Module | None = None) -> Evidence:
        """Attack each network itself and by the adversarial images of the other networks, and return the evidence.

        ``NoEpsilon`` is raised if no ε leaves the baseline correct on 10–90 % of the images, and ``UserError`` if
        AutoAttack is requested but not installed.
        """
        networks = {NETWORK: network, BASELINE: baseline} | ({} if control is None else {CONTROL: control})
        radii = _radii(self._smallest_of(baseline))
        own_outcomes = {name: self._attacked(each, radii) for name, each in networks.items()}
        with torch.inference_mode():
            classes = baseline(self._sample.images[:1]).shape[1]
        return Evidence(
            networks={name: self._evidence(name, each, own_outcomes) for name, each in networks.items()},
            epsilons=radii.graded,
            far=radii.far,
            everything=radii.everything,
            headline=radii.headline,
            classes=classes,
            effort=self._effort,
            notes=_notes(self._effort),
        )

    def forget(self, network: nn.Module) -> None:
        """Free the outcomes and adversarial images of a network that is not compared again."""
        self._smallest.pop(network, None)
        for known in [known for known in self._own if known[0] is network]:
            del self._own[known]

    def _evidence(
        self, name: str, network: nn.Module, own_outcomes: Mapping[str, OwnAttackOutcomes]
    ) -> NetworkEvidence:
        own = own_outcomes[name]
        shown = [
            outcome
            for other, theirs in own_outcomes.items()
            if other != name
            for outcome in attack_by_transfer(network, self._sample, theirs.crafted, f"{TRANSFER_FROM}{other}")
        ]
        return NetworkEvidence(
            clean=own.clean,
            outcomes=(*own.outcomes, *shown),
            smallest=self._smallest_of(network),
            vanishing=own.vanishing,
            logit_margin=own.logit_margin,
        )

    def _attacked(self, network: nn.Module, radii: Radii) -> OwnAttackOutcomes:
        if (network, radii) not in self._own:
            self._own[network, radii] = attack_alone(network, self._sample, self._subset, radii, self._effort)
        return self._own[network, radii]

    def _smallest_of(self, network: nn.Module) -> NDArray[np.float64]:
        if network not in self._smallest:
            some = self._sample.part(self._subset)
            self._smallest[network] = smallest_epsilons(
                network, some.images, some.labels, some.indices, steps=self._effort.steps
            )
        return self._smallest[network]


def spread(images: int, wanted: int) -> Tensor:
    """Return a mask, bool (images,), of images that are spread evenly over all images.

    Args:
        images: number of all images.
        wanted: number of images in the mask; the mask has all images if there are fewer.
    """
    chosen = torch.zeros(images, dtype=torch.bool)
    chosen[torch.arange(min(wanted, images)) * images // max(1, min(wanted, images))] = True
    return chosen


def _radii(smallest_of_baseline: NDArray[np.float64]) -> Radii:
    graded = graded_epsilons(smallest_of_baseline)
    return Radii(graded, min(FAR * max(graded), EVERYTHING), EVERYTHING, HEADLINE)


def _notes(effort: Effort) -> tuple[str, ...]:
    if effort.autoattack:
        return (
            f"AutoAttack saw those of {counted(effort.autoattack, 'image')} that nothing else fooled, at the largest ε",
        )
    missing = Autoattack().missing_dependency()
    return (f"AutoAttack was not run: {missing or 'it was not asked for'}",)
