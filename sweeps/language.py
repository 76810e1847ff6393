"""The sweep language: every key that a sweep file may have, with its range and its default.

Defaults are the paper's where it gives one. A default never changes its meaning: keys leave out settings at their
defaults, so a new meaning needs a new stage version (``prunesweep.sweeps.catalogue``).
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
from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.names import each_one_of, null_is_none, unknown_name
from prunesweep.sweeps.numbers import Number, Whole
from prunesweep.sweeps.paths import UserPath
from prunesweep.sweeps.pretrained import check_architectures, known_weights
from prunesweep.sweeps.units import (
    Deviation,
    Epsilon,
    Factor,
    ImageCount,
    Intensity,
    LearningRate,
    Pixels,
    Share,
    ShareFromNone,
    ShareOfEpochs,
    Step,
    WeightDecay,
)

MOST_ITERATIONS = 200  # a network of any use has long run out of filters
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value if isinstance(value, tuple) else (value,)


def _names(kind: str, allowed: Iterable[str]) -> tuple[Any, ...]:
    """What makes a tuple of strings an axis whose values are names of the catalogue."""
    return BeforeValidator(_as_tuple), AfterValidator(each_one_of(kind, tuple(allowed))), Field(min_length=1)


_Strings = tuple[Annotated[str, BeforeValidator(null_is_none)], ...]
Architectures = Annotated[_Strings, *_names("an architecture", ARCHITECTURES)]
Structures = Annotated[_Strings, *_names("a structure", PRUNED_STRUCTURES)]
Criteria = Annotated[_Strings, *_names("a criterion", CRITERIA)]
Adjustments = Annotated[_Strings, *_names("an adjustment", ADJUSTMENTS)]
# Names of RECIPES and of baseline.defences, which the sweep as a whole knows.
Recipes = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Iterations = Annotated[
    tuple[Annotated[Whole, Field(ge=0, le=MOST_ITERATIONS)], ...], BeforeValidator(_as_tuple), Field(min_length=1)
]
Ratios = Annotated[tuple[Share, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Seeds = Annotated[
    tuple[Annotated[Whole, Field(ge=0, lt=2**31)], ...],
    BeforeValidator(_as_tuple),
    Field(min_length=1),
]
Means = tuple[Intensity, Intensity, Intensity]
Deviations = tuple[Deviation, Deviation, Deviation]
Weights = Annotated[UserPath, Field(min_length=1), AfterValidator(known_weights)]


class TrainingSettings(FrozenModel):
    """How a network is trained: SGD with Nesterov momentum on batches that are cropped and mirrored at random."""

    epochs: Whole | None = Field(default=None, ge=0)
    batch_size: ImageCount = Field(default=128, ge=2)
    learning_rate: LearningRate = 0.1
    momentum: ShareFromNone = 0.9
    nesterov: bool = True
    weight_decay: WeightDecay = 5e-4
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: Whole = Field(default=0, ge=0)
    step_at: tuple[ShareOfEpochs, ...] = (0.5, 0.75)
    step_factor: Factor = 0.1
    label_smoothing: ShareFromNone = 0.0
    crop_padding: Pixels | None = Field(default=None, ge=0)
    flip: bool | None = None

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0; set nesterov: false")
        return self


class AdversarialTraining(FrozenModel):
    """The attack of the recipe ``adversarial``: L∞ steps from a random start, ``epsilon`` in [0, 1] pixel units.

    Several ``steps`` are the training of Madry et al. (2018), one is fast FGSM training (Wong et al. 2020). A
    ``step_size`` that is left out is 2.5 ε / steps, and at most 1.25 ε: theirs.
    """

    epsilon: Epsilon = 8 / 255
    steps: Whole = Field(default=7, ge=1)
    step_size: Step | None = None

    @property
    def length(self) -> float:
        """The length of one step, in [0, 1] pixel units."""
        if self.step_size is not None:
            return self.step_size
        return min(2.5 / self.steps, 1.25) * self.epsilon


class Training(TrainingSettings):
    """How one round trains: the settings, and the recipe by which they are used; ``sweeps.tree`` puts them together."""

    recipe: str = PLAIN
    adversarial: AdversarialTraining = AdversarialTraining()


class Baseline(TrainingSettings):
    """The unpruned network: trained for ``epochs``, or taken from a ``weights`` file or ``torchvision:NAME``.

    With weights, ``epochs`` says how long that network was trained; nothing but Scratch-E and Scratch-B asks. ``mean``
    and ``std`` are the network's normalisation; left out, they are those that torchvision publishes with a pretrained
    network, and else those of the training images. ``adversarial`` are the settings of the recipe of that name.
    ``defences`` are published networks to compare that of ``weights`` with: further names for ``axes.recipe``, each
    with its weights.
    """

    adversarial: AdversarialTraining = AdversarialTraining()
    weights: Weights | None = None
    defences: Mapping[str, Weights] = Field(default_factory=dict)
    mean: Means | None = None
    std: Deviations | None = None

    @model_validator(mode="after")
    def _has_an_origin(self) -> "Baseline":
        if self.weights is None and not self.epochs:
            raise ValueError("give baseline.epochs (1 or more) to train it, or baseline.weights to take a file")
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std are given together or not at all")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self

    @model_validator(mode="after")
    def _defences_have_names_and_a_plain_network(self) -> "Baseline":
        for name in self.defences:
            if name in RECIPES or PLAIN_NAME.fullmatch(name) is None:
                why = "is a recipe of its own" if name in RECIPES else "is no plain name"
                raise ValueError(f"defences: {name!r} {why}; use another (letters, digits, '-' and '_'; at most 64)")
        if self.defences and self.weights is None:
            raise ValueError("defences: give baseline.weights too: the plain network that they are compared with")
        return self

    @property
    def files(self) -> dict[str, str]:
        """The networks that are not trained here: weights by recipe, those of ``weights`` being the plain ones."""
        return {PLAIN: self.weights, **self.defences} if self.weights is not None else {}


class Adjustment(TrainingSettings):
    """How parameters are adjusted after pruning. The training settings here are those of ``fine_tune``.

    Scratch-E, Scratch-B and the winning ticket train by the baseline's settings, and so by its recipe;
    ``rewind_epoch`` is the baseline epoch that the winning ticket goes back to. ``fine_tune`` trains plainly whatever
    the baseline's ``recipe`` was, as the paper adjusts on clean images alone, unless ``recipe`` is ``baseline``.
    """

    learning_rate: LearningRate = 0.01
    rewind_epoch: Whole | None = Field(default=None, ge=0)
    recipe: Literal["plain", "baseline"] = "plain"


class Pruning(FrozenModel):
    """How much is removed and from where.

    ``quota``: filters are ranked over all layers (``global``) or within each (``per_layer``). ``blocks``: how many
    residual blocks go in one iteration; left out, the ratio's share of the candidates, rounded up.
    ``scoring_images``: how many training images the criteria look at.
    """

    quota: Literal["global", "per_layer"] = "global"
    blocks: Whole | None = Field(default=None, ge=1)
    scoring_images: ImageCount = Field(default=512, ge=8)


class Axes(FrozenModel):
    """One grid: every combination of these values is a trial. ``recipe``: how the baseline is trained."""

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
    """What one trial takes of the cluster; ``cpu`` is also its number of threads.

    ``gpu``: GPUs, or a share of one; with ``auto`` it is measured before the sweep starts how many trials should share
    one. ``workers``: at most so many trials at once.
    """

    cpu: Whole = Field(default=1, ge=1)
    gpu: Gpus = 0.0
    workers: Whole | None = Field(default=None, ge=1)

    @property
    def gpus(self) -> float:
        """``gpu`` as a number: none as long as ``auto`` is not settled."""
        return self.gpu if isinstance(self.gpu, float) else 0.0

    @field_validator("gpu")
    @classmethod
    def _whole_above_one(cls, gpu: float | str) -> float | str:
        if isinstance(gpu, float) and gpu > 1 and gpu != int(gpu):
            raise ValueError("a share of a GPU is at most 1; more are whole numbers")
        return gpu


if TYPE_CHECKING:
    AnyDatasetSettings = DatasetSettings
else:  # whichever is registered
    _Registered = reduce(or_, (entry.settings for entry in DATASETS.values()))
    AnyDatasetSettings = Annotated[_Registered, Field(discriminator="name")]


class Sweep(FrozenModel):
    """A sweep file, read and checked."""

    name: str
    dataset: AnyDatasetSettings
    seeds: Seeds = (0,)
    baseline: Baseline
    adjustment: Adjustment = Adjustment()
    pruning: Pruning = Pruning()
    axes: Annotated[tuple[Axes, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    control: bool = True
    dynamics: bool = False
    attacks: Attacks = DEFAULT_ATTACKS
    precision: Literal["fp32", "bf16"] = "fp32"
    resources: Resources = Resources()
    search: Literal["grid"] = "grid"

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if PLAIN_NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no plain name; use letters, digits, '-' and '_' (at most 64)")
        return name

    @model_validator(mode="after")
    def _settings_meet(self) -> "Sweep":
        used = [ADJUSTMENTS[name] for grid in self.axes if max(grid.iterations) > 0 for name in grid.adjustment]
        if self.adjustment.epochs is None and any(entry.trains_by == "adjustment" for entry in used):
            raise ValueError("adjustment.epochs: fine_tune needs it: how many epochs to train after pruning")
        if self.baseline.weights is None and any(entry.needs_snapshot for entry in used):
            self._check_rewind()
        self._check_recipes()
        for recipe, weights in self.baseline.files.items():
            self._check_pretrained("weights" if recipe == PLAIN else f"defences.{recipe}", weights)
        self._check_crops()
        return self

    def _check_crops(self) -> None:
        """Raises: ValueError where a padding is given for images that are not padded."""
        for block, training in (("baseline", self.baseline), ("adjustment", self.adjustment)):
            if isinstance(self.dataset, Imagenet) and training.crop_padding is not None:
                raise ValueError(f"{block}.crop_padding: imagenet takes crops of random size and pads nothing")

    def _check_pretrained(self, place: str, weights: str) -> None:
        try:
            check_architectures(weights, [name for grid in self.axes for name in grid.architecture])
        except ValueError as error:
            raise ValueError(f"baseline.{place}: {error}") from None

    def _check_recipes(self) -> None:
        known = [*RECIPES, *self.baseline.defences]
        for name in (name for grid in self.axes for name in grid.recipe):
            if name not in known:
                raise ValueError(f"axes.recipe: {unknown_name(name, 'a recipe or one of baseline.defences', known)}")

    def _check_rewind(self) -> None:
        rewind, epochs = self.adjustment.rewind_epoch, self.baseline.epochs or 0
        if rewind is None:
            raise ValueError("adjustment.rewind_epoch: winning_ticket needs it: the baseline epoch to go back to")
        if rewind >= epochs:
            raise ValueError(f"adjustment.rewind_epoch: {rewind} is not below baseline.epochs ({epochs})")
