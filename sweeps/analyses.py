"""The analyses: what can be asked of stored networks, each named by what it is made from.

An analysis asks and does not train. Its key holds the keys of the networks it asks, its settings, the fingerprint of
the test images and the versions of what computes it; nothing of when, where or with which other analyses it is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from prunesweep.sweeps.attacks import AttackSettings, Clean, EpsilonSettings
from prunesweep.sweeps.catalogue import (
    ATTACKS,
    CLEAN,
    ELEMENTS_VERSION,
    EVALUATIONS,
    TRANSFER_VERSION,
    VERDICT_VERSION,
)
from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.keys import key_of


@dataclass(frozen=True)
class TransferAnalysis:
    """The accuracy of one network, the target, on images that were crafted on another, the source.

    Attributes:
        source, target: keys of networks; equal for a network's own images.
        attack: the name of the attack that crafts the images.
        settings: of that attack, with one ε.
        test_fingerprint: names the test images.
    """

    source: str
    target: str
    attack: str
    settings: EpsilonSettings
    test_fingerprint: str

    @property
    def key(self) -> str:
        """The key of the accuracy."""
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
class ElementsAnalysis:
    """The accuracies of one network with each removable element of one module removed alone.

    Attributes:
        network: its key.
        structure: ``filters`` or ``layers``.
        module: the path of a convolution or of a residual block.
        attacks: by name, with their settings as they are settled; clean images are always shown too.
        images: how many of the first test images are shown.
        test_fingerprint: names the test images.
    """

    network: str
    structure: str
    module: str
    attacks: Mapping[str, AttackSettings]
    images: int
    test_fingerprint: str

    @property
    def evaluations(self) -> dict[str, AttackSettings]:
        """``clean`` and the attacks, with their settings."""
        return {CLEAN: Clean(), **self.attacks}

    @property
    def key(self) -> str:
        """The key of the accuracies."""
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


class Effort(FrozenModel):
    """How hard a verdict's networks are attacked.

    On one core a ResNet56 takes about three minutes, and six more with AutoAttack.

    Attributes:
        steps, restarts: of PGD, on each of both losses.
        queries: of the Square Attack, per image.
        subset: how many images, spread over all, see what is expensive: Square, the smallest ε, the ε that must fool.
        autoattack: how many of these AutoAttack is run on; 0 for none.
    """

    steps: int = Field(default=10, ge=1)
    restarts: int = Field(default=2, ge=1)
    queries: int = Field(default=200, ge=1)
    subset: int = Field(default=100, ge=1)
    autoattack: int = Field(default=0, ge=0)

    def to_json(self) -> dict[str, Any]:
        """All settings, as plain JSON values."""
        return self.model_dump()


@dataclass(frozen=True)
class VerdictAnalysis:
    """Whether the gain in robustness of one network over its baseline is real.

    Attributes:
        network, baseline, control: keys; ``control`` is None where it is not stored.
        images: how many test images are attacked at the most.
        effort: how hard.
        test_fingerprint: names the test images.
    """

    network: str
    baseline: str
    control: str | None
    images: int
    effort: Effort
    test_fingerprint: str

    @property
    def key(self) -> str:
        """The key of the verdict."""
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
