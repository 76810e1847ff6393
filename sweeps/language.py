"""The sweep language: every key that a sweep file may have, with its range and its default.

Defaults are the paper's where it gives one. A default never changes its meaning: keys leave out settings at their
defaults, so a new meaning needs a new stage version (``sweeps.catalogue``).
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from sweeps.attacks import DEFAULT_ATTACKS, Attacks
from sweeps.block import Block
from sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, CRITERIA, PRUNED_STRUCTURES
from sweeps.datasets import Cifar10, Digits, ImageFolder, ImageParquet
from sweeps.names import each_one_of, null_is_none
from sweeps.numbers import Number, Whole

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
Iterations = Annotated[
    tuple[Annotated[Whole, Field(ge=0, le=MOST_ITERATIONS)], ...], BeforeValidator(_as_tuple), Field(min_length=1)
]
Ratios = Annotated[tuple[Annotated[Number, Field(gt=0, lt=1)], ...], BeforeValidator(_as_tuple), Field(min_length=1)]
Seeds = Annotated[
    tuple[Annotated[Whole, Field(ge=0, lt=2**31)], ...],
    BeforeValidator(_as_tuple),
    Field(min_length=1),
]
Channels = tuple[Number, Number, Number]


class Training(Block):
    """How a network is trained: SGD with Nesterov momentum on batches that are cropped and mirrored at random."""

    epochs: Whole | None = Field(default=None, ge=0)
    batch_size: Whole = Field(default=128, ge=2)
    learning_rate: Number = Field(default=0.1, gt=0)
    momentum: Number = Field(default=0.9, ge=0, lt=1)
    nesterov: bool = True
    weight_decay: Number = Field(default=5e-4, ge=0)
    schedule: Literal["cosine", "step", "constant"] = "cosine"
    warmup_epochs: Whole = Field(default=0, ge=0)
    step_at: tuple[Annotated[Number, Field(gt=0, lt=1)], ...] = (0.5, 0.75)
    step_factor: Number = Field(default=0.1, gt=0, lt=1)
    label_smoothing: Number = Field(default=0.0, ge=0, lt=1)
    crop_padding: Whole | None = Field(default=None, ge=0)
    flip: bool | None = None

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> "Training":
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0; set nesterov: false")
        return self


class Baseline(Training):
    """The unpruned network: trained for ``epochs``, or taken from a ``weights`` file.

    With a weights file, ``epochs`` says how long that network was trained; nothing but Scratch-E and Scratch-B asks.
    ``mean`` and ``std`` are the network's normalisation; left out, they are those of the training images.
    """

    weights: Annotated[str, Field(min_length=1)] | None = None
    mean: Channels | None = None
    std: Channels | None = None

    @model_validator(mode="after")
    def _has_an_origin(self) -> "Baseline":
        if self.weights is None and not self.epochs:
            raise ValueError("give baseline.epochs (1 or more) to train it, or baseline.weights to take a file")
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std are given together or not at all")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


class Adjustment(Training):
    """How parameters are adjusted after pruning. The training settings here are those of ``fine_tune``.

    Scratch-E, Scratch-B and the winning ticket train by the baseline's settings; ``rewind_epoch`` is the baseline
    epoch that the winning ticket goes back to.
    """

    learning_rate: Number = Field(default=0.01, gt=0)
    rewind_epoch: Whole | None = Field(default=None, ge=0)


class Pruning(Block):
    """How much is removed and from where.

    ``quota``: filters are ranked over all layers (``global``) or within each (``per_layer``). ``blocks``: how many
    residual blocks go in one iteration; left out, the ratio's share of the candidates, rounded up.
    ``scoring_images``: how many training images the criteria look at.
    """

    quota: Literal["global", "per_layer"] = "global"
    blocks: Whole | None = Field(default=None, ge=1)
    scoring_images: Whole = Field(default=512, ge=8)


class Axes(Block):
    """One grid: every combination of these values is a trial."""

    architecture: Architectures
    structure: Structures = ("filters",)
    criterion: Criteria = ("pls",)
    adjustment: Adjustments = ("fine_tune",)
    iterations: Iterations = (1,)
    ratio: Ratios = (0.1,)


class Resources(Block):
    """What one trial takes of the cluster; ``cpu`` is also its number of threads."""

    cpu: Whole = Field(default=1, ge=1)
    gpu: Number = Field(default=0.0, ge=0)
    workers: Whole | None = Field(default=None, ge=1)

    @field_validator("gpu")
    @classmethod
    def _whole_above_one(cls, gpu: float) -> float:
        if gpu > 1 and gpu != int(gpu):
            raise ValueError("a share of a GPU is at most 1; more are whole numbers")
        return gpu


Dataset = Annotated[Digits | Cifar10 | ImageParquet | ImageFolder, Field(discriminator="name")]


class Sweep(Block):
    """A sweep file, read and checked."""

    name: str
    dataset: Dataset
    seeds: Seeds = (0,)
    baseline: Baseline
    adjustment: Adjustment = Adjustment()
    pruning: Pruning = Pruning()
    axes: Annotated[tuple[Axes, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
    control: bool = True
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
        used = {name for grid in self.axes if max(grid.iterations) > 0 for name in grid.adjustment}
        if "fine_tune" in used and self.adjustment.epochs is None:
            raise ValueError("adjustment.epochs: fine_tune needs it: how many epochs to train after pruning")
        if "winning_ticket" in used and self.baseline.weights is None:
            self._check_rewind()
        return self

    def _check_rewind(self) -> None:
        rewind, epochs = self.adjustment.rewind_epoch, self.baseline.epochs or 0
        if rewind is None:
            raise ValueError("adjustment.rewind_epoch: winning_ticket needs it: the baseline epoch to go back to")
        if rewind >= epochs:
            raise ValueError(f"adjustment.rewind_epoch: {rewind} is not below baseline.epochs ({epochs})")
