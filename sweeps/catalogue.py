"""The names a sweep may use: what each stands for, what it can be combined with, and where its code lies.

This is the one registry of plug-ins. It holds import paths and not imports, so that a plan starts without torch;
``resolve`` turns a path into the object when a trial needs it. A stage's ``version`` enters the keys: raise it by
hand when the stage's meaning changes, and everything made by the old meaning is made anew under new keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal

from prunesweep.sweeps.attacks import AttackSettings, Autoattack, Clean, Corruptions, Fgsm, Occlusion, Pgd, Square
from prunesweep.sweeps.datasets import Cifar10, Cifar100, DatasetSettings, Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.removable import RemovalLimits

PRUNED_STRUCTURES = ("filters", "layers", "both")
NONE = "none"
PLAIN = "plain"


@dataclass(frozen=True)
class ArchitectureEntry:
    """An architecture.

    Attributes:
        code: names an ``Architecture`` of the workers.
        version: of its meaning.
        structures: what may be pruned.
        removable: how much of it.
    """

    code: str
    version: int
    structures: tuple[str, ...]
    removable: RemovalLimits


@dataclass(frozen=True)
class CriterionEntry:
    """``code`` names a module with ``score_filters`` and ``score_blocks``."""

    code: str
    version: int


@dataclass(frozen=True)
class AdjustmentEntry:
    """An adjustment scheme: ``code`` names its function, and the rest says what it is made of.

    ``trains_by``: whose settings it trains by, those of the sweep file's ``adjustment`` or of its ``baseline``;
    None where it does not train. ``epochs_factor``: how many times the epochs of these it takes.
    ``needs_baseline_epochs``, ``needs_snapshot``: what it takes of the baseline, and a weights file cannot give.
    ``recalibrates``: whether batch norm's running statistics are estimated anew at the end.
    """

    code: str
    version: int
    trains_by: Literal["adjustment", "baseline"] | None = None
    epochs_factor: int = 1
    needs_baseline_epochs: bool = False
    needs_snapshot: bool = False
    recalibrates: bool = False


@dataclass(frozen=True)
class RecipeEntry:
    """A recipe: ``code`` names the function that prepares a batch before it is trained on.

    ``attacks``: whether it takes the settings of ``baseline.adversarial``.
    """

    code: str
    version: int
    attacks: bool = False


@dataclass(frozen=True)
class AttackEntry:
    """``code`` names a function (subject, settings) -> Evaluation; ``settings`` is its block of the sweep file."""

    code: str
    version: int
    settings: type[AttackSettings]


@dataclass(frozen=True)
class DatasetEntry:
    """A data set, with all that belongs to it.

    Attributes:
        code: names the function settings -> Dataset.
        contents: names the function settings -> what its training and its test images hold, for the fingerprints.
        version: of its reader.
        settings: its block of the sweep file.
        flip: whether mirrored images keep their meaning.
        images: names the function settings -> how many training and test images there are, where it can be known.
        mixed: whether the images lie in a random order as they are published, so that the first ones are a sample.
    """

    code: str
    contents: str
    version: int
    settings: type[DatasetSettings]
    flip: bool
    images: str = ""
    mixed: bool = False


_ARCHITECTURES = "prunesweep.workers.architectures"


def _resnet_cifar(name: str, blocks: int) -> ArchitectureEntry:
    """A residual network for small images: three stages of so many blocks."""
    removable = RemovalLimits(((blocks, 16), (blocks, 32), (blocks, 64)), (blocks,) * 3)
    return ArchitectureEntry(f"{_ARCHITECTURES}.resnet_cifar:{name}", 1, PRUNED_STRUCTURES, removable)


ARCHITECTURES: Mapping[str, ArchitectureEntry] = {
    "resnet20": _resnet_cifar("resnet20", 3),
    "resnet32": _resnet_cifar("resnet32", 5),
    "resnet44": _resnet_cifar("resnet44", 7),
    "resnet56": _resnet_cifar("resnet56", 9),
    "resnet110": _resnet_cifar("resnet110", 18),
    "vgg16": ArchitectureEntry(
        f"{_ARCHITECTURES}.vgg:vgg16", 1, ("filters",), RemovalLimits(((2, 64), (2, 128), (3, 256), (5, 512)))
    ),
    "mobilenet_v2": ArchitectureEntry(
        f"{_ARCHITECTURES}.mobilenet_v2:mobilenet_v2",
        1,
        PRUNED_STRUCTURES,
        RemovalLimits(((1, 96), (2, 144), (3, 192), (4, 384), (3, 576), (3, 960)), (1, 2, 3, 4, 3, 3, 1), spared=2),
    ),
    "resnet50": ArchitectureEntry(
        f"{_ARCHITECTURES}.resnet50:resnet50",
        1,
        PRUNED_STRUCTURES,
        RemovalLimits(((4, 64), (6, 128), (10, 256), (2, 512)), (3, 4, 6, 3)),
    ),
}

CRITERIA: Mapping[str, CriterionEntry] = {
    "l1": CriterionEntry("prunesweep.workers.pruning.criteria.l1", 1),
    "expected_abs": CriterionEntry("prunesweep.workers.pruning.criteria.expected_abs", 1),
    "hrank": CriterionEntry("prunesweep.workers.pruning.criteria.hrank", 1),
    "kl_divergence": CriterionEntry("prunesweep.workers.pruning.criteria.kl_divergence", 1),
    "pls": CriterionEntry("prunesweep.workers.pruning.criteria.pls", 1),
    "random": CriterionEntry("prunesweep.workers.pruning.criteria.random", 1),
}

_SCHEMES: Mapping[str, AdjustmentEntry] = {
    "fine_tune": AdjustmentEntry("prunesweep.workers.training.adjustments:fine_tune", 1, trains_by="adjustment"),
    "scratch_e": AdjustmentEntry(
        "prunesweep.workers.training.adjustments:scratch", 1, trains_by="baseline", needs_baseline_epochs=True
    ),
    "scratch_b": AdjustmentEntry(
        "prunesweep.workers.training.adjustments:scratch",
        1,
        trains_by="baseline",
        epochs_factor=2,
        needs_baseline_epochs=True,
    ),
    "winning_ticket": AdjustmentEntry(
        "prunesweep.workers.training.adjustments:winning_ticket",
        1,
        trains_by="baseline",
        needs_baseline_epochs=True,
        needs_snapshot=True,
    ),
    NONE: AdjustmentEntry("prunesweep.workers.training.adjustments:leave", 1),
}
# Every scheme, and every scheme followed by bn_recalibrate (by itself: none followed by it).
ADJUSTMENTS: Mapping[str, AdjustmentEntry] = {
    **_SCHEMES,
    **{
        "bn_recalibrate" if name == NONE else f"{name}+bn_recalibrate": replace(entry, recalibrates=True)
        for name, entry in _SCHEMES.items()
    },
}

RECIPES: Mapping[str, RecipeEntry] = {
    PLAIN: RecipeEntry("prunesweep.workers.training.recipes.plain:plain", 1),
    "cutout": RecipeEntry("prunesweep.workers.training.recipes.cutout:cutout", 2),
    "mixup": RecipeEntry("prunesweep.workers.training.recipes.mixup:mixup", 1),
    "cutmix": RecipeEntry("prunesweep.workers.training.recipes.cutmix:cutmix", 1),
    "adversarial": RecipeEntry("prunesweep.workers.training.recipes.adversarial:adversarial", 1, attacks=True),
}

# "clean" is no attack of a sweep file: it is run for every trial, and its accuracy is the generalization.
CLEAN = "clean"
ATTACKS: Mapping[str, AttackEntry] = {
    "fgsm": AttackEntry("prunesweep.workers.attacks.fgsm:fgsm", 1, Fgsm),
    "occlusion": AttackEntry("prunesweep.workers.attacks.occlusion:occlusion", 1, Occlusion),
    "corruptions": AttackEntry("prunesweep.workers.attacks.corruptions.attack:corruptions", 1, Corruptions),
    "pgd": AttackEntry("prunesweep.workers.attacks.pgd:pgd", 1, Pgd),
    "square": AttackEntry("prunesweep.workers.attacks.square:square", 1, Square),
    "autoattack": AttackEntry("prunesweep.workers.attacks.autoattack:autoattack", 1, Autoattack),
}
EVALUATIONS: Mapping[str, AttackEntry] = {
    CLEAN: AttackEntry("prunesweep.workers.attacks.clean:clean", 1, Clean),
    **ATTACKS,
}

_READERS, _FINGERPRINTS = "prunesweep.workers.data", "prunesweep.sweeps.fingerprints"
_COUNTS = "prunesweep.sweeps.images.counts"
DATASETS: Mapping[str, DatasetEntry] = {
    "digits": DatasetEntry(
        f"{_READERS}.digits:load",
        f"{_FINGERPRINTS}:digits_contents",
        1,
        Digits,
        flip=False,
        images=f"{_COUNTS}:digits",
        mixed=True,
    ),
    "cifar10": DatasetEntry(
        f"{_READERS}.cifar10:load",
        f"{_FINGERPRINTS}:cifar10_contents",
        1,
        Cifar10,
        flip=True,
        images=f"{_COUNTS}:cifar",
        mixed=True,
    ),
    "cifar100": DatasetEntry(
        f"{_READERS}.cifar100:load",
        f"{_FINGERPRINTS}:cifar100_contents",
        1,
        Cifar100,
        flip=True,
        images=f"{_COUNTS}:cifar",
        mixed=True,
    ),
    "image_parquet": DatasetEntry(
        f"{_READERS}.image_parquet:load",
        f"{_FINGERPRINTS}:image_parquet_contents",
        1,
        ImageParquet,
        flip=True,
        images=f"{_COUNTS}:image_parquet",
    ),
    "image_folder": DatasetEntry(
        f"{_READERS}.image_folder:load",
        f"{_FINGERPRINTS}:image_folder_contents",
        1,
        ImageFolder,
        flip=True,
        images=f"{_COUNTS}:image_folder",
    ),
    "imagenet": DatasetEntry(
        f"{_READERS}.imagenet:load",
        f"{_FINGERPRINTS}:imagenet_contents",
        1,
        Imagenet,
        flip=True,
        images=f"{_COUNTS}:imagenet",
    ),
}

# Stages that are not plug-ins.
TRAINING_VERSION = 1
RECALIBRATION_VERSION = 1
REMOVAL_VERSION = 1
SCORING_VERSION = 1

# Analyses of stored networks.
TRANSFER_VERSION = 1
ELEMENTS_VERSION = 1
VERDICT_VERSION = 2  # raised too when the rules, the bounds or the defaults of the effort change


def resolve(code: str) -> Any:
    """The object that an entry's ``code`` names: ``package.module`` or ``package.module:attribute``."""
    module, _, attribute = code.partition(":")
    loaded = import_module(module)
    return getattr(loaded, attribute) if attribute else loaded
