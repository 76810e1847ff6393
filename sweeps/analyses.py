"""The analyses: what can be asked of stored networks without training, each named by the key of its result.

A key holds the keys of the networks, the analysis's settings, the fingerprint of the test images and the versions of
the code that computes it; nothing of when, where or beside which other analyses it is computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from prunesweep.sweeps.attacks import AttackSettings, Clean, Corruptions, EpsilonSettings, Fgsm, Occlusion, Pgd
from prunesweep.sweeps.catalogue import (
    ATTACKS,
    CLEAN,
    DATASETS,
    ELEMENTS_VERSION,
    EVALUATIONS,
    TRANSFER_VERSION,
    VERDICT_VERSION,
)
from prunesweep.sweeps.fingerprints import sample_fingerprint
from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.keys import key_of

CRAFTING_ATTACKS: Mapping[str, type[EpsilonSettings]] = {"fgsm": Fgsm, "pgd": Pgd}
"""The attacks whose images can be shown to another network."""

ELEMENT_ATTACKS: Mapping[str, AttackSettings] = {
    "fgsm": Fgsm(epsilons=(8 / 255,)),
    "occlusion": Occlusion(),
    "corruptions": Corruptions(severities=(5,)),
}
"""The attacks on single elements, at their headlines: their images need no more of a network than one gradient."""

ELEMENT_STRUCTURES = ("filters", "layers")


@dataclass(frozen=True)
class Transfer:
    """The accuracy of one network, the target, on images that were crafted on another, the source.

    Attributes:
        source: key of the network that the images are crafted on.
        target: key of the network that classifies them; equal to ``source`` for the white-box accuracy.
        attack: one of ``CRAFTING_ATTACKS``.
        settings: the attack's settings, with a single ε.
        test_fingerprint: fingerprint of the test images.
    """

    source: str
    target: str
    attack: str
    settings: EpsilonSettings
    test_fingerprint: str

    @property
    def key(self) -> str:
        """Return the key of the accuracy."""
        return key_of(
            "transfer",
            {
                "source": self.source,
                "target": self.target,
                "attack": [self.attack, ATTACKS[self.attack].version, TRANSFER_VERSION],
                "settings": self.settings.non_default(),
                "data": self.test_fingerprint,
            },
        )


@dataclass(frozen=True)
class SingleElements:
    """The accuracies of one network with each element of one module removed alone.

    Attributes:
        network: key of the network.
        structure: one of ``ELEMENT_STRUCTURES``.
        module: path of a convolution (its elements are filters) or of a residual block (its own only element).
        attacks: settled settings by name, of ``ELEMENT_ATTACKS``; clean images are always classified too.
        images: number of test images.
        test_fingerprint: fingerprint of these images.
    """

    network: str
    structure: str
    module: str
    attacks: Mapping[str, AttackSettings]
    images: int
    test_fingerprint: str

    @property
    def evaluations(self) -> dict[str, AttackSettings]:
        """Return the settings of ``clean`` and of the attacks, by name."""
        return {CLEAN: Clean(), **self.attacks}

    @property
    def key(self) -> str:
        """Return the key of the accuracies."""
        return key_of(
            "elements",
            {
                "network": self.network,
                "structure": self.structure,
                "module": self.module,
                "version": ELEMENTS_VERSION,
                "attacks": {
                    name: [EVALUATIONS[name].version, settings.non_default()]
                    for name, settings in self.evaluations.items()
                },
                "data": self.test_fingerprint,
                "images": self.images,
            },
        )


def element_sample(dataset: str, test_images: int, fingerprint: str, images: int) -> tuple[int, str]:
    """Return how many test images single elements are measured on, and their fingerprint.

    They are spread evenly over the classes, as a limit chooses them; of a data set whose images are in random order
    they are the first ones.

    Args:
        dataset: name of the data set.
        test_images: number of all its test images.
        fingerprint: fingerprint of all its test images.
        images: number of images asked for; all are taken if there are fewer.
    """
    entry = DATASETS.get(dataset)
    if images >= test_images or (entry is not None and entry.shuffled):
        return min(images, test_images), fingerprint
    return images, sample_fingerprint(fingerprint, images)


class Effort(FrozenModel):
    """How hard a verification attacks its networks.

    On one core a ResNet56 takes about three minutes, and six more with AutoAttack.

    Attributes:
        steps: steps of PGD, with each of the two losses.
        restarts: random starts of PGD, with each of the two losses.
        queries: queries of the Square Attack, per image.
        subset: number of images, spread over all, for the expensive parts: Square, the smallest ε that fools, and the
            ε that must fool.
        autoattack: number of images of the subset for AutoAttack; 0 for none.
    """

    steps: int = Field(default=10, ge=1)
    restarts: int = Field(default=2, ge=1)
    queries: int = Field(default=200, ge=1)
    subset: int = Field(default=100, ge=1)
    autoattack: int = Field(default=0, ge=0)

    def to_json(self) -> dict[str, Any]:
        """Return all settings as JSON values."""
        return self.model_dump()


@dataclass(frozen=True)
class Verification:
    """Whether the gain in robustness of one network over its baseline is real.

    Attributes:
        network: key of the network.
        baseline: key of its baseline.
        control: key of its control; None if that is not stored.
        images: largest number of test images to attack.
        effort: how hard they are attacked.
        test_fingerprint: fingerprint of all test images.
    """

    network: str
    baseline: str
    control: str | None
    images: int
    effort: Effort
    test_fingerprint: str

    @property
    def key(self) -> str:
        """Return the key of the verdict."""
        return key_of(
            "verdict",
            {
                "network": self.network,
                "baseline": self.baseline,
                "control": self.control,
                "data": self.test_fingerprint,
                "images": self.images,
                "effort": self.effort.non_default(),
                "version": VERDICT_VERSION,
            },
        )
