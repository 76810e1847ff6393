"""The trial: one network of the sweep, as its parent plus one round of score → remove → adjust.

Everything that ``prunesweep.workers.run_trial`` needs to know stands here, and everything that names what it stores.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypedDict

from prunesweep.sweeps.attacks import AttackSettings
from prunesweep.sweeps.catalogue import (
    ADJUSTMENTS,
    ARCHITECTURES,
    CRITERIA,
    EVALUATIONS,
    NONE,
    PLAIN,
    RECALIBRATION_VERSION,
    RECIPES,
    REMOVAL_VERSION,
    SCORING_VERSION,
    TRAINING_VERSION,
)
from prunesweep.sweeps.descriptions import describe_setting
from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.language import Deviations, Means, Training


class Round(FrozenModel):
    """What one trial does beyond its parent. A baseline's round only trains, or takes a weights file."""

    structure: str = NONE
    criterion: str = NONE
    adjustment: str = NONE
    ratio: float = 0.0
    quota: Literal["global", "per_layer"] = "global"
    blocks: int | None = None
    scoring_images: int = 512
    training: Training | None = None
    dynamics: bool = False
    rewind_epoch: int | None = None
    weights_sha256: str | None = None
    mean: Means | None = None
    std: Deviations | None = None

    @property
    def epochs(self) -> int:
        """Epochs trained in this round."""
        planned = (self.training.epochs or 0) if self.training else 0
        return planned - (self.rewind_epoch or 0)


class TrialSettings(TypedDict):
    """The words that describe a trial, as columns name them."""

    dataset: str
    architecture: str
    recipe: str
    structure: str
    criterion: str
    adjustment: str
    iterations: int
    ratio: float
    seed: int


class Relations(TypedDict):
    """The keys of the trials that a trial is compared with; None where it has none."""

    parent_key: str | None
    baseline_key: str
    control_key: str | None
    plain_key: str | None


@dataclass(frozen=True)
class TrialContext:
    """What all trials of one sweep share."""

    dataset: str
    train_fingerprint: str
    test_fingerprint: str
    precision: str
    threads: int
    attacks: Mapping[str, AttackSettings]

    @cached_property
    def evaluations(self) -> dict[str, AttackSettings]:
        """``clean`` and the sweep's attacks, with their settings."""
        return {"clean": EVALUATIONS["clean"].settings(), **self.attacks}

    @cached_property
    def evaluation_contents(self) -> dict[str, dict[str, Any]]:
        """What enters the key of an evaluation beside its network, by attack: made once for all trials."""
        return {
            attack: {
                "attack": [attack, EVALUATIONS[attack].version],
                "settings": settings.non_default(),
                "data": self.test_fingerprint,
            }
            for attack, settings in self.evaluations.items()
        }


@dataclass(frozen=True)
class Trial:
    """One network of the sweep; a baseline has no parent."""

    architecture: str
    iterations: int
    seed: int
    round: Round
    parent: "Trial | None"
    context: TrialContext = field(repr=False)
    snapshot_epochs: tuple[int, ...] = ()  # of a baseline: what winning tickets of this sweep go back to
    control: "Trial | None" = field(default=None, repr=False)  # the unpruned network adjusted in the same way
    recipe: str = PLAIN  # how the baseline was trained: a name of RECIPES, or of a published network in its place
    plain: "Trial | None" = field(default=None, repr=False)  # the plain baseline, where the recipe is another
    weights: str | None = None  # of a baseline: where the weights lie that Round.weights_sha256 names

    @property
    def structure(self) -> str:
        return self.round.structure

    @property
    def criterion(self) -> str:
        return self.round.criterion

    @property
    def adjustment(self) -> str:
        return self.round.adjustment

    @property
    def ratio(self) -> float:
        return self.round.ratio

    @property
    def is_baseline(self) -> bool:
        return self.parent is None

    @property
    def is_control(self) -> bool:
        return self.parent is not None and self.structure == NONE

    @cached_property
    def baseline(self) -> "Trial":
        """The root of this trial's chain."""
        return self if self.parent is None else self.parent.baseline

    @cached_property
    def epochs_total(self) -> int:
        """Epochs trained in this round and in all before it."""
        return self.round.epochs + (self.parent.epochs_total if self.parent else 0)

    @cached_property
    def key(self) -> str:
        """The network key, which names the trial."""
        parent = self.parent.key if self.parent else None
        return key_of("network", {**self._own_settings(), "parent": parent, "seed": self.seed})

    @cached_property
    def setting_key(self) -> str:
        """The key of the trial's setting: of all that is in its own key but the seed."""
        parent = self.parent.setting_key if self.parent else None
        return key_of("setting", {**self._own_settings(), "parent": parent})

    def _own_settings(self) -> dict[str, Any]:
        """What enters the trial's key beside its parent and its seed."""
        return {
            "architecture": [self.architecture, ARCHITECTURES[self.architecture].version],
            "round": self.round.non_default(),
            "data": self.context.train_fingerprint,
            "precision": self.context.precision,
            "threads": self.context.threads,
            "stages": self._stage_versions(),
        }

    def _stage_versions(self) -> dict[str, int]:
        versions = {"training": TRAINING_VERSION} if self.round.training else {}
        if self.round.training and self.round.training.recipe != PLAIN:
            versions["recipe"] = RECIPES[self.round.training.recipe].version
        if self.parent is not None:
            versions["adjustment"] = ADJUSTMENTS[self.adjustment].version
        if ADJUSTMENTS[self.adjustment].recalibrates:
            versions["recalibration"] = RECALIBRATION_VERSION
        if self.structure != NONE:
            versions |= {"criterion": CRITERIA[self.criterion].version, "scoring": SCORING_VERSION}
            versions["removal"] = REMOVAL_VERSION
        return versions

    def evaluation_key(self, attack: str) -> str:
        """The key of this network's accuracy under one attack (or ``clean``) of the sweep."""
        return key_of("evaluation", {"network": self.key, **self.context.evaluation_contents[attack]})

    @property
    def relations(self) -> Relations:
        """The keys of the trials that this one is compared with."""
        return {
            "parent_key": self.parent.key if self.parent else None,
            "baseline_key": self.baseline.key,
            "control_key": self.control.key if self.control else None,
            "plain_key": self.plain.key if self.plain else None,
        }

    @property
    def settings(self) -> TrialSettings:
        """The words that describe the trial, as columns name them."""
        return {
            "dataset": self.context.dataset,
            "architecture": self.architecture,
            "recipe": self.recipe,
            "structure": self.structure,
            "criterion": self.criterion,
            "adjustment": self.adjustment,
            "iterations": self.iterations,
            "ratio": self.ratio,
            "seed": self.seed,
        }

    @property
    def evaluations(self) -> dict[str, AttackSettings]:
        """``clean`` and the sweep's attacks, with their settings."""
        return self.context.evaluations

    @cached_property
    def result_keys(self) -> tuple[str, ...]:
        """The results that make this trial done: its network's, and one an evaluation."""
        return (self.key, *(self.evaluation_key(attack) for attack in self.evaluations))

    @cached_property
    def score_keys(self) -> dict[str, str]:
        """The keys of the scores that this round needs, in the order in which they are made.

        ``both`` scores the blocks first (and shares these with ``layers``), then the filters of what is left, which
        depends on how many blocks went.
        """
        stages = {NONE: (), "filters": ("filters",), "layers": ("layers",), "both": ("layers", "filters")}
        return {scored: self._score_key(scored) for scored in stages[self.structure]}

    def _score_key(self, scored: str) -> str:
        assert self.parent is not None
        content: dict[str, Any] = {
            "parent": self.parent.key,
            "criterion": [self.criterion, CRITERIA[self.criterion].version, SCORING_VERSION],
            "structure": scored,
            "seed": self.seed,
            "images": self.round.scoring_images,
        }
        if self.structure == "both" and scored == "filters":
            content["after"] = {"ratio": self.ratio, "blocks": self.round.blocks, "removal": REMOVAL_VERSION}
        return key_of("scores", content)

    @cached_property
    def snapshot_key(self) -> str | None:
        """The key of the early network that a winning ticket goes back to."""
        if self.round.rewind_epoch is None:
            return None
        return snapshot_key(self.baseline, self.round.rewind_epoch)

    @cached_property
    def shared_keys(self) -> tuple[str, ...]:
        """Scores and snapshots of this round: what siblings need too, and only one of them should make."""
        snapshot = (self.snapshot_key,) if self.snapshot_key else ()
        return (*self.score_keys.values(), *snapshot)

    def describe(self) -> str:
        """The settings on one line, for people."""
        return f"{describe_setting({**self.settings, 'blocks': self.round.blocks})} seed {self.seed}"


def snapshot_key(baseline: Trial, epoch: int) -> str:
    """The key of a baseline's network as it was after ``epoch`` epochs."""
    return key_of("snapshot", {"network": baseline.key, "epoch": epoch})
