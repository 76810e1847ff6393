"""The names a sweep may use: what each stands for, what it can be combined with, and where its code lies.

This is the one registry of plug-ins. It holds import paths and not imports, so that a plan starts without torch;
``resolve`` turns a path into the object when a trial needs it. A stage's ``version`` enters the keys: raise it by
hand when the stage's meaning changes, and everything made by the old meaning is made anew under new keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sweeps.attacks import AttackSettings, Clean, Corruptions, Fgsm, Occlusion
from sweeps.datasets import Cifar10, DatasetSettings, Digits, ImageFolder, ImageParquet

PRUNED_STRUCTURES = ("filters", "layers", "both")
NONE = "none"


@dataclass(frozen=True)
class ArchitectureEntry:
    """``code`` names a ``workers.architectures.architecture.Architecture``; ``structures``: what may be pruned."""

    code: str
    version: int
    structures: tuple[str, ...]


@dataclass(frozen=True)
class CriterionEntry:
    """``code`` names a module with ``score_filters`` and ``score_blocks``."""

    code: str
    version: int


@dataclass(frozen=True)
class AdjustmentEntry:
    """``code`` names a function of ``workers.training.adjustments``; the flags say what it takes of the baseline."""

    code: str
    version: int
    needs_baseline_epochs: bool = False
    needs_snapshot: bool = False


@dataclass(frozen=True)
class AttackEntry:
    """``code`` names a function (subject, settings) -> Evaluation; ``settings`` is its block of the sweep file."""

    code: str
    version: int
    settings: type[AttackSettings]


@dataclass(frozen=True)
class DatasetEntry:
    """``code`` names a function settings -> Dataset; ``flip``: whether mirrored images keep their meaning."""

    code: str
    version: int
    settings: type[DatasetSettings]
    flip: bool


ARCHITECTURES: Mapping[str, ArchitectureEntry] = {
    "resnet20": ArchitectureEntry("workers.architectures.resnet_cifar:resnet20", 1, PRUNED_STRUCTURES),
    "resnet32": ArchitectureEntry("workers.architectures.resnet_cifar:resnet32", 1, PRUNED_STRUCTURES),
    "resnet44": ArchitectureEntry("workers.architectures.resnet_cifar:resnet44", 1, PRUNED_STRUCTURES),
    "resnet56": ArchitectureEntry("workers.architectures.resnet_cifar:resnet56", 1, PRUNED_STRUCTURES),
    "resnet110": ArchitectureEntry("workers.architectures.resnet_cifar:resnet110", 1, PRUNED_STRUCTURES),
    "vgg16": ArchitectureEntry("workers.architectures.vgg:vgg16", 1, ("filters",)),
    "mobilenet_v2": ArchitectureEntry("workers.architectures.mobilenet_v2:mobilenet_v2", 1, PRUNED_STRUCTURES),
}

CRITERIA: Mapping[str, CriterionEntry] = {
    "l1": CriterionEntry("workers.pruning.criteria.l1", 1),
    "expected_abs": CriterionEntry("workers.pruning.criteria.expected_abs", 1),
    "hrank": CriterionEntry("workers.pruning.criteria.hrank", 1),
    "kl_divergence": CriterionEntry("workers.pruning.criteria.kl_divergence", 1),
    "pls": CriterionEntry("workers.pruning.criteria.pls", 1),
    "random": CriterionEntry("workers.pruning.criteria.random", 1),
}

ADJUSTMENTS: Mapping[str, AdjustmentEntry] = {
    "fine_tune": AdjustmentEntry("workers.training.adjustments:fine_tune", 1),
    "scratch_e": AdjustmentEntry("workers.training.adjustments:scratch", 1, needs_baseline_epochs=True),
    "scratch_b": AdjustmentEntry("workers.training.adjustments:scratch", 1, needs_baseline_epochs=True),
    "winning_ticket": AdjustmentEntry(
        "workers.training.adjustments:winning_ticket", 1, needs_baseline_epochs=True, needs_snapshot=True
    ),
    "none": AdjustmentEntry("workers.training.adjustments:leave", 1),
}

# "clean" is no attack of a sweep file: it is run for every trial, and its accuracy is the generalization.
CLEAN = "clean"
ATTACKS: Mapping[str, AttackEntry] = {
    "fgsm": AttackEntry("workers.attacks.fgsm:fgsm", 1, Fgsm),
    "occlusion": AttackEntry("workers.attacks.occlusion:occlusion", 1, Occlusion),
    "corruptions": AttackEntry("workers.attacks.corruptions.attack:corruptions", 1, Corruptions),
}
EVALUATIONS: Mapping[str, AttackEntry] = {
    CLEAN: AttackEntry("workers.attacks.clean:clean", 1, Clean),
    **ATTACKS,
}

DATASETS: Mapping[str, DatasetEntry] = {
    "digits": DatasetEntry("workers.data.digits:load", 1, Digits, flip=False),
    "cifar10": DatasetEntry("workers.data.cifar10:load", 1, Cifar10, flip=True),
    "image_parquet": DatasetEntry("workers.data.image_parquet:load", 1, ImageParquet, flip=True),
    "image_folder": DatasetEntry("workers.data.image_folder:load", 1, ImageFolder, flip=True),
}

# Stages that are not plug-ins.
TRAINING_VERSION = 1
REMOVAL_VERSION = 1
SCORING_VERSION = 1


def resolve(code: str) -> Any:
    """The object that an entry's ``code`` names: ``package.module`` or ``package.module:attribute``."""
    module, _, attribute = code.partition(":")
    loaded = import_module(module)
    return getattr(loaded, attribute) if attribute else loaded
