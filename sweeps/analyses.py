"""The analyses: measurements of stored networks that need no training, each named by the key of its result.

A key is computed from the keys of the networks, the settings of the analysis, the fingerprint of the test images and
the versions of the code. It does not depend on when or where the analysis runs, or on which other analyses run with it.
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
"""The attacks whose adversarial images can be given to another network than the one that they are crafted on."""

ELEMENT_ATTACKS: Mapping[str, AttackSettings] = {
    "fgsm": Fgsm(epsilons=(8 / 255,)),
    "occlusion": Occlusion(),
    "corruptions": Corruptions(severities=(5,)),
}
"""The attacks of the single-elements analysis, each at its headline severity.

They are cheap: their images need at most one gradient of the network.
"""

ELEMENT_STRUCTURES = ("filters", "layers")


@dataclass(frozen=True)
class Transfer:
    """The accuracy of one network, the target, on adversarial images that were crafted on another one, the source.

    Attributes:
        source: key of the network that the images are crafted on.
        target: key of the network that classifies the images; equal to ``source`` for the white-box accuracy.
        attack: name of the attack that crafts the images, one of ``CRAFTING_ATTACKS``.
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
        """Return the key under which the accuracy is stored."""
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
    """The accuracies of one network when each element (filter or residual block) of one module is removed alone.

    Attributes:
        network: key of the network.
        structure: one of ``ELEMENT_STRUCTURES``.
        module: path of a convolution, whose elements are its filters, or of a residual block, which is itself the only
            element.
        attacks: resolved settings of some of ``ELEMENT_ATTACKS``, by name; clean images are always evaluated too.
        images: number of test images that are evaluated.
        test_fingerprint: fingerprint of the test images, as ``element_sample`` returns it.
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
        """Return the key under which the accuracies are stored."""
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
    """Return the number of test images that the single-elements analysis evaluates, and their fingerprint.

    The images are spread evenly over the classes, as those that ``test_limit`` keeps. If a data set is published in
    random order, the first images are used instead, and the fingerprint is that of all test images.

    Args:
        dataset: name of the data set.
        test_images: number of all test images of the data set.
        fingerprint: fingerprint of all test images of the data set.
        images: number of images that the user requests; if there are fewer test images, all of them are used.
    """
    entry = DATASETS.get(dataset)
    if images >= test_images or (entry is not None and entry.shuffled):
        return min(images, test_images), fingerprint
    return images, sample_fingerprint(fingerprint, images)


class Effort(FrozenModel):
    """The settings that determine how strongly a verification attacks its networks.

    A ResNet56 takes about three minutes on one core, and AutoAttack adds six minutes.

    Attributes:
        steps: number of steps of PGD, with each of the two losses.
        restarts: number of random starts of PGD, with each of the two losses.
        queries: number of queries of the Square Attack per image.
        subset: number of images, spread evenly over all, for the expensive parts: the Square Attack, the search for the
            smallest ε that fools a network, and the check that within a large ε (at least 0.5) the network is no better
            than chance.
        autoattack: number of images of the subset that AutoAttack attacks; 0 to leave AutoAttack out.
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
    """A check of whether the gain in robustness of one network over its baseline is real.

    Attributes:
        network: key of the network.
        baseline: key of the network's baseline.
        control: key of the network's control (the unpruned network that is adjusted in the same way); None if the
            control is not stored.
        images: largest number of test images to attack.
        effort: how strongly the networks are attacked.
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
        """Return the key under which the verdict is stored."""
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
