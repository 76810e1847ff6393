"""The names that a sweep may use: what each stands for, what it can be combined with, and where its code is.

This is the only registry of plug-ins. It holds import paths instead of imports, so that a plan starts without torch;
``resolve`` imports an object when a trial needs it. An entry's ``version`` enters the keys. Raise it by hand when the
meaning of the entry's code changes: everything that the old code computed is then recomputed under new keys.
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
    """An architecture that networks can have.

    Attributes:
        code: the import path of an ``Architecture`` of the workers.
        version: the version of the code's meaning, from 1.
        structures: the structures that can be pruned, each one of ``PRUNED_STRUCTURES``.
        removable: the convolutions with removable filters, and the stages with their residual blocks.
    """

    code: str
    version: int
    structures: tuple[str, ...]
    removable: RemovalLimits


@dataclass(frozen=True)
class CriterionEntry:
    """A pruning criterion.

    Attributes:
        code: the import path of a module with the functions ``score_filters`` and ``score_blocks``.
        version: the version of the code's meaning, from 1.
    """

    code: str
    version: int


@dataclass(frozen=True)
class AdjustmentEntry:
    """An adjustment: what is done to a network's parameters after pruning.

    Attributes:
        code: the import path of the adjustment's function.
        version: the version of the code's meaning, from 1.
        trains_by: the block of the sweep file that has the training settings, or None if the adjustment does not train.
        epochs_factor: the factor by which the number of epochs in that block is multiplied.
        needs_baseline_epochs: whether the adjustment needs the number of epochs that the baseline was trained for,
            which a weights file does not contain.
        needs_snapshot: whether the adjustment needs a snapshot of the baseline's training, which a weights file does
            not contain.
        recalibrates: whether the running statistics of batch norms are estimated again at the end of the adjustment.
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
    """A recipe: how a baseline is trained.

    Attributes:
        code: the import path of the function that prepares a batch for a training step.
        version: the version of the code's meaning, from 1.
        takes_adversarial_settings: whether the recipe uses the settings of ``baseline.adversarial``.
    """

    code: str
    version: int
    takes_adversarial_settings: bool = False


@dataclass(frozen=True)
class AttackEntry:
    """An attack under which networks can be evaluated.

    Attributes:
        code: the import path of a function (subject, settings) -> Evaluation; the subject is a finished network with
            its test images.
        version: the version of the code's meaning, from 1.
        settings: the class of the attack's block in a sweep file.
    """

    code: str
    version: int
    settings: type[AttackSettings]


@dataclass(frozen=True)
class DatasetEntry:
    """A data set and its properties.

    Attributes:
        code: the import path of the function settings -> Dataset that loads the data set.
        contents: the import path of the function settings -> (content of the training images, content of the test
            images), from which the fingerprints are computed.
        version: the version of the reader's meaning, from 1.
        settings: the class of the data set's block in a sweep file.
        flip: whether a mirrored image keeps its class; the default for mirroring training images.
        split_sizes: the import path of the function settings -> (number of training images, number of test images),
            each of which is None if unknown. Empty if there is no such function.
        shuffled: whether the images are published in a random order, so that the first ones are a random sample.
    """

    code: str
    contents: str
    version: int
    settings: type[DatasetSettings]
    flip: bool
    split_sizes: str = ""
    shuffled: bool = False


_ARCHITECTURES = "prunesweep.workers.architectures"


def _stages(sizes: Mapping[str, int]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each stage with the paths ``STAGE.0``, ``STAGE.1``, … of its blocks, for given numbers of blocks."""
    return tuple((stage, tuple(f"{stage}.{index}" for index in range(size))) for stage, size in sizes.items())


def _resnet_cifar(name: str, blocks: int) -> ArchitectureEntry:
    """Return the entry of a residual network for small images: three stages of ``blocks`` blocks each."""
    stages = _stages({"layer1": blocks, "layer2": blocks, "layer3": blocks})
    widths = zip(stages, (16, 32, 64), strict=True)
    filters = tuple((f"{block}.conv1", width) for (_, names), width in widths for block in names)
    return ArchitectureEntry(
        f"{_ARCHITECTURES}.resnet_cifar:{name}", 1, PRUNED_STRUCTURES, RemovalLimits(filters, stages)
    )


def _resnet50() -> RemovalLimits:
    """Return which filters and blocks of ResNet-50 are removable.

    Filters are removable from the first two convolutions of a block, but from no convolution of a stage's first block
    or of the network's last block.
    """
    stages = _stages({"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3})
    blocks = [
        (block, width) for (_, names), width in zip(stages, (64, 128, 256, 512), strict=True) for block in names[1:]
    ]
    return RemovalLimits(tuple((f"{block}.conv{i}", width) for block, width in blocks[:-1] for i in (1, 2)), stages)


def _mobilenet_v2() -> RemovalLimits:
    """Return which filters and blocks of MobileNetV2 are removable.

    Filters are removable from the expansion convolution of a block; the first block has no expansion convolution.
    """
    widths = (32, 96, 144, 144, 192, 192, 192, 384, 384, 384, 384, 576, 576, 576, 960, 960, 960)
    first, stages = 1, []
    for number, size in enumerate((1, 2, 3, 4, 3, 3, 1), 1):
        stages.append((f"stage{number}", tuple(f"features.{index}" for index in range(first, first + size))))
        first += size
    filters = tuple((f"features.{index}.conv.0.0", width) for index, width in enumerate(widths, 1) if index > 1)
    return RemovalLimits(filters, tuple(stages), protected_blocks=2)


# All convolutions but the last, by their indices in ``features``, which also holds batch norms, ReLUs and poolings.
_VGG16 = RemovalLimits(
    tuple(
        (f"features.{index}", width)
        for width, indices in ((64, (0, 3)), (128, (7, 10)), (256, (14, 17, 20)), (512, (24, 27, 30, 34, 37)))
        for index in indices
    )
)

ARCHITECTURES: Mapping[str, ArchitectureEntry] = {
    "resnet20": _resnet_cifar("resnet20", 3),
    "resnet32": _resnet_cifar("resnet32", 5),
    "resnet44": _resnet_cifar("resnet44", 7),
    "resnet56": _resnet_cifar("resnet56", 9),
    "resnet110": _resnet_cifar("resnet110", 18),
    "vgg16": ArchitectureEntry(f"{_ARCHITECTURES}.vgg:vgg16", 1, ("filters",), _VGG16),
    "mobilenet_v2": ArchitectureEntry(
        f"{_ARCHITECTURES}.mobilenet_v2:mobilenet_v2", 1, PRUNED_STRUCTURES, _mobilenet_v2()
    ),
    "resnet50": ArchitectureEntry(f"{_ARCHITECTURES}.resnet50:resnet50", 1, PRUNED_STRUCTURES, _resnet50()),
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
    NONE: AdjustmentEntry("prunesweep.workers.training.adjustments:keep_parameters", 1),
}
# Each scheme exists alone and followed by bn_recalibrate. The name bn_recalibrate is the scheme none followed by it.
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
    "adversarial": RecipeEntry(
        "prunesweep.workers.training.recipes.adversarial:adversarial", 1, takes_adversarial_settings=True
    ),
}

# "clean" is not named in sweep files: it is evaluated for every trial, and its accuracy is the generalization.
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
        split_sizes=f"{_COUNTS}:digits_sizes",
        shuffled=True,
    ),
    "cifar10": DatasetEntry(
        f"{_READERS}.cifar10:load",
        f"{_FINGERPRINTS}:cifar10_contents",
        1,
        Cifar10,
        flip=True,
        split_sizes=f"{_COUNTS}:cifar_sizes",
        shuffled=True,
    ),
    "cifar100": DatasetEntry(
        f"{_READERS}.cifar100:load",
        f"{_FINGERPRINTS}:cifar100_contents",
        1,
        Cifar100,
        flip=True,
        split_sizes=f"{_COUNTS}:cifar_sizes",
        shuffled=True,
    ),
    "image_parquet": DatasetEntry(
        f"{_READERS}.image_parquet:load",
        f"{_FINGERPRINTS}:image_parquet_contents",
        1,
        ImageParquet,
        flip=True,
        split_sizes=f"{_COUNTS}:image_parquet_sizes",
    ),
    "image_folder": DatasetEntry(
        f"{_READERS}.image_folder:load",
        f"{_FINGERPRINTS}:image_folder_contents",
        1,
        ImageFolder,
        flip=True,
        split_sizes=f"{_COUNTS}:image_folder_sizes",
    ),
    "imagenet": DatasetEntry(
        f"{_READERS}.imagenet:load",
        f"{_FINGERPRINTS}:imagenet_contents",
        1,
        Imagenet,
        flip=True,
        split_sizes=f"{_COUNTS}:imagenet_sizes",
    ),
}

# The versions of a trial's phases that are not plug-ins.
TRAINING_VERSION = 1
RECALIBRATION_VERSION = 1
REMOVAL_VERSION = 1
SCORING_VERSION = 1

# The versions of the analyses of stored networks.
TRANSFER_VERSION = 1
ELEMENTS_VERSION = 1
VERDICT_VERSION = 2  # also raised when the rules, the bounds or the default effort change


def resolve(code: str) -> Any:
    """Import and return the module or object of an import path: ``package.module`` or ``package.module:attribute``."""
    module, _, attribute = code.partition(":")
    loaded = import_module(module)
    return getattr(loaded, attribute) if attribute else loaded
