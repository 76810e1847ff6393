"""The sweep language: every key that a sweep file may have, with its range and its default.

Defaults are those of the paper where it gives any. The meaning of a default must never change: content hashes leave out
settings that are at their defaults, so a new meaning needs a new version in ``prunesweep.sweeps.catalogue``.
"""

import re
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from prunesweep.sweeps.attacks import DEFAULT_ATTACKS, Attacks
from prunesweep.sweeps.catalogue import (
    ADJUSTMENTS,
    ARCHITECTURES,
    CRITERIA,
    DATASETS,
    PLAIN,
    PRUNED_STRUCTURES,
    RECIPES,
)
from prunesweep.sweeps.datasets import DatasetSettings, Imagenet
from prunesweep.sweeps.frozen_model import LIST_OR_SINGLE, FrozenModel
from prunesweep.sweeps.names import NamesValidator, null_to_none, unknown_name
from prunesweep.sweeps.numbers import Number, WholeNumber
from prunesweep.sweeps.paths import UserPath
from prunesweep.sweeps.pretrained import check_architectures, check_weights_name
from prunesweep.sweeps.units import (
    ChannelMean,
    ChannelStd,
    Epsilon,
    ImageCount,
    LearningRate,
    LearningRateFactor,
    Pixels,
    Share,
    ShareOfEpochs,
    ShareOrZero,
    StepSize,
    WeightDecay,
)

MAX_ITERATIONS = 200  # a useful network runs out of filters long before
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_NAME_RULE = "may contain only letters, digits, '-' and '_' (at most 64), and must begin with a letter or a digit"


def _catalogue_axis(kind: str, allowed: Iterable[str]) -> tuple[Any, ...]:
    """Return the annotations that restrict a tuple of strings to names of the catalogue.

    Args:
        kind: what a name stands for, with its article, for error messages: ``a criterion``.
        allowed: the names of the catalogue.
    """
    return LIST_OR_SINGLE, AfterValidator(NamesValidator(kind, tuple(allowed))), Field(min_length=1)


_Names = tuple[Annotated[str, BeforeValidator(null_to_none)], ...]
Architectures = Annotated[_Names, *_catalogue_axis("an architecture", ARCHITECTURES)]
Structures = Annotated[_Names, *_catalogue_axis("a structure", PRUNED_STRUCTURES)]
Criteria = Annotated[_Names, *_catalogue_axis("a criterion", CRITERIA)]
Adjustments = Annotated[_Names, *_catalogue_axis("an adjustment", ADJUSTMENTS)]
# Names of RECIPES and of baseline.defences: checked by the Sweep, because an axis does not see the baseline.
Recipes = Annotated[
    tuple[str, ...],
    LIST_OR_SINGLE,
    Field(
        min_length=1,
        json_schema_extra={"items": {"anyOf": [{"enum": [*RECIPES]}, {"type": "string", "format": "name"}]}},
    ),
]
Iterations = Annotated[
    tuple[Annotated[WholeNumber, Field(ge=0, le=MAX_ITERATIONS)], ...], LIST_OR_SINGLE, Field(min_length=1)
]
Ratios = Annotated[tuple[Share, ...], LIST_OR_SINGLE, Field(min_length=1)]
Seeds = Annotated[
    tuple[Annotated[WholeNumber, Field(ge=0, lt=2**31)], ...],
    LIST_OR_SINGLE,
    Field(min_length=1),
]
Means = tuple[ChannelMean, ChannelMean, ChannelMean]
Deviations = tuple[ChannelStd, ChannelStd, ChannelStd]
Weights = Annotated[UserPath, Field(min_length=1), AfterValidator(check_weights_name)]


class TrainingSettings(FrozenModel):
    """The settings of one training: SGD with Nesterov momentum on randomly cropped and mirrored batches.

    Attributes:
        epochs: how many epochs to train. It may be left out if nothing is trained.
        batch_size: images per batch.
        learning_rate: the learning rate at the beginning of the schedule, after the warm-up.
        momentum: the momentum of SGD, in [0, 1).
        nesterov: whether the momentum is Nesterov's.
        weight_decay: the factor of the L2 penalty.
        schedule: how the learning rate falls: along a cosine to 0 (``cosine``), in steps at the points of ``step_at``
            (``step``), or not at all (``constant``).
        warmup_epochs: how many epochs the learning rate rises linearly from 0.
        step_at: shares of the epochs, in (0, 1), after which ``step`` multiplies the learning rate by ``step_factor``.
        step_factor: the factor by which ``step`` lowers the learning rate, in (0, 1).
        label_smoothing: the share of each target that is spread over all classes, in [0, 1).
        crop_padding: how many pixels an image is padded by on each side before it is cropped to its size at random. The
            default is an eighth of the side. Images of ``imagenet`` are cropped in another way, without padding.
        flip: whether images are mirrored at random. The default is true, but false for ``digits``.
    """

    epochs: WholeNumber | None = Field(default=None, ge=0)
    batch_size: ImageCount = Field(default=128, ge=2)
    learning_rate: LearningRate = 0.1
    momentum: ShareOrZero = 0.9
    nesterov: bool = True
    weight_decay: WeightDecay = 5e-4
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: WholeNumber = Field(default=0, ge=0)
    step_at: tuple[ShareOfEpochs, ...] = (0.5, 0.75)
    step_factor: LearningRateFactor = 0.1
    label_smoothing: ShareOrZero = 0.0
    crop_padding: Pixels | None = Field(default=None, ge=0)
    flip: bool | None = None

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0; set nesterov: false")
        return self


class AdversarialTraining(FrozenModel):
    """The attack of the recipe ``adversarial``: L∞ gradient steps from a random start.

    With several steps, this is the training of Madry et al. (2018); with a single step, it is fast FGSM training (Wong
    et al. 2020).

    Attributes:
        epsilon: the radius of the L∞ ball, in [0, 1] pixel units.
        steps: how many gradient steps each batch is attacked with.
        step_size: how far a pixel moves in one step, in [0, 1] pixel units. The default is 2.5 ε / steps, but at most
            1.25 ε; these are the step sizes of the two papers.
    """

    epsilon: Epsilon = 8 / 255
    steps: WholeNumber = Field(default=7, ge=1)
    step_size: StepSize | None = None

    @property
    def effective_step_size(self) -> float:
        """Return the size of one step, which is ``step_size`` or its default, in [0, 1] pixel units."""
        if self.step_size is not None:
            return self.step_size
        return min(2.5 / self.steps, 1.25) * self.epsilon


class Training(TrainingSettings):
    """The training of one round: its settings together with its recipe, as ``sweeps.tree`` combines them.

    Attributes:
        recipe: the name of the recipe, one of ``RECIPES``, which determines how each batch is prepared.
        adversarial: the attack of the recipe ``adversarial``; other recipes do not use it.
    """

    recipe: str = PLAIN
    adversarial: AdversarialTraining = AdversarialTraining()


class Baseline(TrainingSettings):
    """The unpruned network, which is trained for ``epochs`` or loaded from ``weights``.

    If ``weights`` are given, ``epochs`` states how long the loaded network was trained, which only Scratch-E and
    Scratch-B need to know.

    Attributes:
        adversarial: the settings of the recipe ``adversarial``.
        weights: the path of a weights file, or ``torchvision:NAME``. Without it, the sweep trains the baseline.
        defences: the weights, by name, of published networks that are compared with the network of ``weights``. The
            names become allowed values of ``axes.recipe``.
        mean: the mean per channel by which the network normalises its images, in [0, 1] pixel units. If ``mean`` and
            ``std`` are left out, a pretrained network uses the values that torchvision publishes with it, and any other
            network uses those of the training images.
        std: the standard deviation per channel by which the network normalises its images, in the same units.
    """

    adversarial: AdversarialTraining = AdversarialTraining()
    weights: Weights | None = None
    defences: Mapping[str, Weights] = Field(default_factory=dict)
    mean: Means | None = None
    std: Deviations | None = None

    @model_validator(mode="after")
    def _check_source_and_normalisation(self) -> "Baseline":
        if self.weights is None and not self.epochs:
            raise ValueError("give baseline.epochs (1 or more) to train it, or baseline.weights to take a file")
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std are given together or not at all")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self

    @model_validator(mode="after")
    def _check_defences(self) -> "Baseline":
        for name in self.defences:
            if name in RECIPES or NAME_PATTERN.fullmatch(name) is None:
                why = "is already the name of a recipe; choose another" if name in RECIPES else _NAME_RULE
                raise ValueError(f"defences: {name!r} {why}")
        if self.defences and self.weights is None:
            raise ValueError(
                "defences: give baseline.weights too: the plain network that the defences are compared with"
            )
        return self

    @property
    def weights_by_recipe(self) -> dict[str, str]:
        """Return the weights of all baselines by recipe, ``plain`` for ``weights``; empty if the sweep trains them."""
        return {PLAIN: self.weights, **self.defences} if self.weights is not None else {}


class Adjustment(TrainingSettings):
    """The adjustment of the parameters after pruning, with the training settings of ``fine_tune``.

    Scratch-E, Scratch-B and the winning ticket train with the baseline's training settings, and so by its recipe.
    ``bn_recalibrate`` alone uses no training setting but ``batch_size``.

    Attributes:
        rewind_epoch: the epoch of the baseline's training that the winning ticket rewinds to, which must be given if
            there are winning tickets.
        recipe: how ``fine_tune`` trains: with ``plain`` on clean images whatever the baseline's recipe was, as in the
            paper; with ``baseline`` by the baseline's recipe.
    """

    learning_rate: LearningRate = 0.01
    rewind_epoch: WholeNumber | None = Field(default=None, ge=0)
    recipe: Literal["plain", "baseline"] = "plain"


class Pruning(FrozenModel):
    """The settings of pruning that are not axes: how structures are ranked, and how many are removed.

    Attributes:
        quota: whether filters are ranked over all layers (``global``) or within each layer (``per_layer``).
        blocks: how many residual blocks are removed per iteration. The default is the share ``ratio`` of the removable
            blocks, rounded up.
        scoring_images: how many training images the criteria score on.
    """

    quota: Literal["global", "per_layer"] = "global"
    blocks: WholeNumber | None = Field(default=None, ge=1)
    scoring_images: ImageCount = Field(default=512, ge=8)


class Axes(FrozenModel):
    """One grid: every combination of its values is a trial, and so are the ancestors of these trials.

    Attributes:
        architecture: the kind of network.
        structure: what is removed: single filters, whole residual blocks (``layers``), or in each iteration first
            blocks and then filters (``both``).
        criterion: how the importance of filters and blocks is scored; those with the lowest scores are removed.
        adjustment: how the remaining parameters are adjusted after pruning. ``none`` keeps them as they are.
        iterations: how often a network is pruned and adjusted; 0 is the unpruned baseline.
        ratio: the share of the removable filters or blocks that one iteration removes, rounded up.
        recipe: how the baselines are trained, or which published network of ``baseline.defences`` they are.
    """

    architecture: Architectures
    structure: Structures = ("filters",)
    criterion: Criteria = ("pls",)
    adjustment: Adjustments = ("fine_tune",)
    iterations: Iterations = (1,)
    ratio: Ratios = (0.1,)
    recipe: Recipes = (PLAIN,)


AUTO: Final = "auto"


def _word_or_number(value: Any) -> str:
    return "word" if isinstance(value, str) and value[:1].isalpha() else "number"


Gpus = Annotated[
    Annotated[Literal["auto"], Tag("word")] | Annotated[Number, Field(ge=0), Tag("number")],
    Discriminator(_word_or_number),
]


class Resources(FrozenModel):
    """The resources that one trial takes on the cluster.

    Attributes:
        cpu: CPUs per trial, which is also its number of threads.
        gpu: GPUs per trial, which may be a share of one GPU. With ``auto``, a measurement before the sweep starts
            decides how many trials share a GPU.
        workers: the largest number of trials that run at once. The default is as many as there are resources for.
    """

    cpu: WholeNumber = Field(default=1, ge=1)
    gpu: Gpus = 0.0
    workers: WholeNumber | None = Field(default=None, ge=1)

    @property
    def gpus(self) -> float:
        """Return the GPUs per trial as a number, which is 0 for ``auto``."""
        return self.gpu if isinstance(self.gpu, float) else 0.0

    @field_validator("gpu")
    @classmethod
    def _check_gpu_count(cls, gpu: float | str) -> float | str:
        if isinstance(gpu, float) and gpu > 1 and gpu != int(gpu):
            raise ValueError("a share of a GPU is at most 1; several GPUs are a whole number")
        return gpu


if TYPE_CHECKING:
    AnyDatasetSettings = DatasetSettings
else:  # the union of the settings of all registered data sets
    _DatasetUnion = reduce(or_, (entry.settings for entry in DATASETS.values()))
    AnyDatasetSettings = Annotated[_DatasetUnion, Field(discriminator="name")]


class Sweep(FrozenModel):
    """A sweep: the contents of a sweep file, read and checked.

    Attributes:
        name: the name of the sweep in the store: letters, digits, ``-`` and ``_``, at most 64. It is part of no key.
        dataset: the training and test images: a block with the ``name`` of a data set and its settings.
        seeds: the numbers from which all random numbers are derived; every trial runs once for each of them.
        baseline: the unpruned network: how it is trained, or the weights file that it is loaded from.
        adjustment: how a pruned network is fine-tuned.
        pruning: the settings of pruning that are not axes.
        axes: one grid of settings, or a list of grids whose union is run.
        control: whether to add the controls: unpruned networks that are adjusted in the same way as the pruned ones.
        dynamics: whether to record gradient confusion and layer rotation after every epoch of training.
        attacks: the attacks on the finished networks, each with its settings. Without this block, they are the paper's
            three: ``fgsm``, ``occlusion`` and ``corruptions``.
        precision: the precision of training; attacks are always in fp32.
        resources: the resources that one trial takes.
        search: how the trials are chosen: ``grid`` runs all.
    """

    name: Annotated[str, Field(json_schema_extra={"pattern": f"^{NAME_PATTERN.pattern}$"})]
    dataset: AnyDatasetSettings
    seeds: Seeds = (0,)
    baseline: Baseline
    adjustment: Adjustment = Adjustment()
    pruning: Pruning = Pruning()
    axes: Annotated[tuple[Axes, ...], LIST_OR_SINGLE, Field(min_length=1)]
    control: bool = True
    dynamics: bool = False
    attacks: Attacks = DEFAULT_ATTACKS
    precision: Literal["fp32", "bf16"] = "fp32"
    resources: Resources = Resources()
    search: Literal["grid"] = "grid"

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str) -> str:
        if NAME_PATTERN.fullmatch(name) is None:
            raise ValueError(f"{name!r} {_NAME_RULE}")
        return name

    @model_validator(mode="after")
    def _check_settings_agree(self) -> "Sweep":
        schemes = [ADJUSTMENTS[name] for grid in self.axes if max(grid.iterations) > 0 for name in grid.adjustment]
        if self.adjustment.epochs is None and any(entry.trains_by == "adjustment" for entry in schemes):
            raise ValueError("adjustment.epochs: fine_tune needs it: how many epochs to train after pruning")
        if self.baseline.weights is None and any(entry.needs_snapshot for entry in schemes):
            self._check_rewind()
        self._check_recipes()
        for recipe, weights in self.baseline.weights_by_recipe.items():
            self._check_pretrained("weights" if recipe == PLAIN else f"defences.{recipe}", weights)
        self._check_crops()
        return self

    def _check_crops(self) -> None:
        """Refuse a crop padding for ImageNet.

        Raises:
            ValueError: a padding is given, but ImageNet's crops are taken without padding.
        """
        for block, training in (("baseline", self.baseline), ("adjustment", self.adjustment)):
            if isinstance(self.dataset, Imagenet) and training.crop_padding is not None:
                raise ValueError(
                    f"{block}.crop_padding: imagenet trains on crops of random size without padding; leave it out"
                )

    def _check_pretrained(self, key: str, weights: str) -> None:
        try:
            check_architectures(weights, [name for grid in self.axes for name in grid.architecture])
        except ValueError as error:
            raise ValueError(f"baseline.{key}: {error}") from None

    def _check_recipes(self) -> None:
        recipes = [*RECIPES, *self.baseline.defences]
        for name in (name for grid in self.axes for name in grid.recipe):
            if name not in recipes:
                raise ValueError(f"axes.recipe: {unknown_name(name, 'a recipe or one of baseline.defences', recipes)}")

    def _check_rewind(self) -> None:
        rewind, epochs = self.adjustment.rewind_epoch, self.baseline.epochs or 0
        if rewind is None:
            raise ValueError("adjustment.rewind_epoch: winning_ticket needs it: the epoch of the baseline to rewind to")
        if rewind >= epochs:
            raise ValueError(f"adjustment.rewind_epoch: {rewind} is not below baseline.epochs ({epochs})")
