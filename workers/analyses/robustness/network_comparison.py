"""Attacks a network and those it is compared with on the same images, and gathers the evidence."""

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
    show,
)
from prunesweep.workers.analyses.robustness.smallest_epsilon import graded_epsilons, smallest_epsilons

FAR = 4  # times the largest graded ε
EVERYTHING = 0.5
HEADLINE = 8 / 255


class NetworkComparison:
    """Compares networks on some images. What is known of a network is kept: a baseline serves all its trials.

    Networks are plain modules, images (N, 3, H, W) in [0, 1] to logits, in evaluation mode on the images' device.
    """

    def __init__(self, images: Tensor, labels: Tensor, indices: Tensor, effort: Effort | None = None) -> None:
        """Takes float32 images (N, 3, H, W) in [0, 1], labels int64 (N,), and the images' indices in the test set."""
        self._sample = AttackSample(images, labels, indices.cpu())
        self._effort = effort or Effort()
        self._subset = spread(len(labels), self._effort.subset)
        self._smallest: dict[nn.Module, NDArray[np.float64]] = {}
        self._alone: dict[tuple[nn.Module, Radii], OwnAttackOutcomes] = {}

    def compare(self, network: nn.Module, baseline: nn.Module, control: nn.Module | None = None) -> Evidence:
        """The evidence on a network: each of the networks is attacked with what fits it, and shown the others' images.

        Raises:
            NoEpsilon: the baseline keeps 10–90 % at no ε.
            UserError: AutoAttack is asked for and not installed.
        """
        networks = {NETWORK: network, BASELINE: baseline} | ({} if control is None else {CONTROL: control})
        radii = _radii(self._smallest_of(baseline))
        alone = {name: self._attacked(each, radii) for name, each in networks.items()}
        with torch.inference_mode():
            classes = baseline(self._sample.images[:1]).shape[1]
        return Evidence(
            networks={name: self._evidence(name, each, alone) for name, each in networks.items()},
            epsilons=radii.graded,
            far=radii.far,
            everything=radii.everything,
            headline=radii.headline,
            classes=classes,
            effort=self._effort,
            notes=_notes(self._effort),
        )

    def forget(self, network: nn.Module) -> None:
        """Lets go of what is kept of a network that is not compared with again."""
        self._smallest.pop(network, None)
        for known in [known for known in self._alone if known[0] is network]:
            del self._alone[known]

    def _evidence(self, name: str, network: nn.Module, alone: Mapping[str, OwnAttackOutcomes]) -> NetworkEvidence:
        own = alone[name]
        shown = [
            outcome
            for other, known in alone.items()
            if other != name
            for outcome in show(network, self._sample, known.crafted, f"{TRANSFER_FROM}{other}")
        ]
        return NetworkEvidence(
            clean=own.clean,
            outcomes=(*own.outcomes, *shown),
            smallest=self._smallest_of(network),
            vanishing=own.vanishing,
            logit_margin=own.logit_margin,
        )

    def _attacked(self, network: nn.Module, radii: Radii) -> OwnAttackOutcomes:
        if (network, radii) not in self._alone:
            self._alone[network, radii] = attack_alone(network, self._sample, self._subset, radii, self._effort)
        return self._alone[network, radii]

    def _smallest_of(self, network: nn.Module) -> NDArray[np.float64]:
        if network not in self._smallest:
            some = self._sample.part(self._subset)
            self._smallest[network] = smallest_epsilons(
                network, some.images, some.labels, some.indices, steps=self._effort.steps
            )
        return self._smallest[network]


def spread(images: int, wanted: int) -> Tensor:
    """``wanted`` of the images (all, where there are not so many), spread evenly: bool (images,)."""
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
    missing = Autoattack().missing()
    return (f"AutoAttack was not run: {missing or 'it was not asked for'}",)
