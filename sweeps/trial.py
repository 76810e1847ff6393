"""The trial: one network of the sweep, made from the network of its parent by one round of score → remove → adjust.

A trial holds everything that ``prunesweep.workers.run_trial`` needs, and the keys of all the results that it stores.
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
    """The work of one trial: what it removes from the network of its parent, and how the parameters are then adjusted.

    A baseline has no parent, so its round only trains a network or loads one from a weights file. The values of a
    round that differ from their defaults enter the key of the trial.

    Attributes:
        structure: what is removed: ``filters``, ``layers``, ``both`` or ``none``.
        criterion: how the structures are scored, or ``none``.
        adjustment: how the parameters are adjusted after the removal, or ``none``.
        ratio: the share of the removable structures to remove, in [0, 1).
        quota: whether filters are ranked over all layers (``global``) or within each layer (``per_layer``).
        blocks: how many residual blocks to remove; None if the ratio determines it.
        scoring_images: how many training images the criterion scores on.
        training: the training of this round; None where nothing is trained or recalibrated.
        dynamics: whether the training dynamics (gradient confusion and layer rotation) are measured per epoch.
        rewind_epoch: the epoch of the baseline's training that a winning ticket rewinds to; None for other adjustments.
        weights_sha256: the fingerprint of the weights that a baseline is loaded from; None for every other trial.
        mean: the mean per channel by which a baseline normalises its images, in [0, 1] pixel units; None for the mean
            of the training images.
        std: the standard deviation per channel by which a baseline normalises its images, in the same units; None for
            that of the training images.
    """

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
        """Return the number of epochs trained in this round; for a winning ticket, those after its rewind epoch."""
        planned = (self.training.epochs or 0) if self.training else 0
        return planned - (self.rewind_epoch or 0)


class TrialSettings(TypedDict):
    """The data set, the seed and the axis values of a trial, under the names of their columns in the results table."""

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
    """The keys of the trials that one trial is compared with; a key is None if there is no such trial.

    Attributes:
        parent_key: the key of the trial whose network the round starts from.
        baseline_key: the key of the unpruned network from which the trial descends.
        control_key: the key of the unpruned network that is adjusted in the same way.
        plain_key: the key of the baseline with the recipe ``plain``, if the trial's own baseline has another recipe.
    """

    parent_key: str | None
    baseline_key: str
    control_key: str | None
    plain_key: str | None


@dataclass(frozen=True)
class TrialContext:
    """The settings that all trials of one sweep share.

    Attributes:
        dataset: the name of the data set.
        train_fingerprint: the fingerprint of the training images.
        test_fingerprint: the fingerprint of the test images.
        precision: the number format of training, ``fp32`` or ``bf16``.
        threads: the number of CPU threads per trial.
        attacks: the settings of the attacks by name.
    """

    dataset: str
    train_fingerprint: str
    test_fingerprint: str
    precision: str
    threads: int
    attacks: Mapping[str, AttackSettings]

    @cached_property
    def evaluations(self) -> dict[str, AttackSettings]:
        """Return the settings of ``clean`` and of the sweep's attacks, by name."""
        return {"clean": EVALUATIONS["clean"].settings(), **self.attacks}

    @cached_property
    def evaluation_contents(self) -> dict[str, dict[str, Any]]:
        """Return for each attack everything that the key of an evaluation contains except its network.

        The contents are computed once and shared by all trials of the sweep.
        """
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
    """One network of the sweep: a baseline, a control or a pruned network.

    Attributes:
        architecture: the name of the architecture.
        iterations: the number of rounds since the baseline.
        seed: the seed of all random draws of the trial.
        round: the work of the trial on the network of its parent.
        parent: the trial whose network the round starts from; None for a baseline.
        context: the settings that all trials of the sweep share.
        snapshot_epochs: the epochs of a baseline's training that winning tickets of the sweep rewind to; empty for
            other trials.
        control: the unpruned network that is adjusted in the same way; None for baselines and controls.
        recipe: how the baseline was trained: a name of ``RECIPES``, or the name of a published network.
        plain: the baseline of the same architecture and seed with the recipe ``plain``; None if the trial's own
            baseline has this recipe.
        weights: the path or name of the weights that a baseline is loaded from, whose fingerprint is
            ``Round.weights_sha256``; None for other trials.
    """

    architecture: str
    iterations: int
    seed: int
    round: Round
    parent: "Trial | None"
    context: TrialContext = field(repr=False)
    snapshot_epochs: tuple[int, ...] = ()
    control: "Trial | None" = field(default=None, repr=False)
    recipe: str = PLAIN
    plain: "Trial | None" = field(default=None, repr=False)
    weights: str | None = None

    @property
    def structure(self) -> str:
        """Return what this round removes: ``filters``, ``layers``, ``both`` or ``none``."""
        return self.round.structure

    @property
    def criterion(self) -> str:
        """Return the name of the criterion, or ``none``."""
        return self.round.criterion

    @property
    def adjustment(self) -> str:
        """Return the name of the scheme that adjusts the network's parameters after pruning, or ``none``."""
        return self.round.adjustment

    @property
    def ratio(self) -> float:
        """Return the share of the removable structures that this round removes, in [0, 1)."""
        return self.round.ratio

    @property
    def is_baseline(self) -> bool:
        """Return whether the trial's network is neither pruned nor adjusted after pruning, as that of 0 iterations."""
        return self.parent is None

    @property
    def is_control(self) -> bool:
        """Return whether the trial is an unpruned network that is adjusted like a pruned one."""
        return self.parent is not None and self.structure == NONE

    @cached_property
    def baseline(self) -> "Trial":
        """Return the baseline from which this trial descends; a baseline returns itself."""
        return self if self.parent is None else self.parent.baseline

    @cached_property
    def epochs_total(self) -> int:
        """Return the number of epochs trained in this round and in all rounds before it."""
        return self.round.epochs + (self.parent.epochs_total if self.parent else 0)

    @cached_property
    def key(self) -> str:
        """Return the key of the trial, which is the key of its network."""
        parent = self.parent.key if self.parent else None
        return key_of("network", {**self._own_settings(), "parent": parent, "seed": self.seed})

    @cached_property
    def setting_key(self) -> str:
        """Return the key of the trial's setting: the hash of all contents of its key except the seed."""
        parent = self.parent.setting_key if self.parent else None
        return key_of("setting", {**self._own_settings(), "parent": parent})

    def _own_settings(self) -> dict[str, Any]:
        """Return the contents of the trial's key other than its parent and its seed."""
        return {
            "architecture": [self.architecture, ARCHITECTURES[self.architecture].version],
            "round": self.round.non_default(),
            "data": self.context.train_fingerprint,
            "precision": self.context.precision,
            "threads": self.context.threads,
            "stages": self._phase_versions(),
        }

    def _phase_versions(self) -> dict[str, int]:
        """Return the version of the code of each phase that the trial goes through, by the name of the phase."""
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
        """Return the key of the evaluation of this network under one attack of the sweep, or under ``clean``."""
        return key_of("evaluation", {"network": self.key, **self.context.evaluation_contents[attack]})

    @property
    def relations(self) -> Relations:
        """Return the keys of the trials that this one is compared with."""
        return {
            "parent_key": self.parent.key if self.parent else None,
            "baseline_key": self.baseline.key,
            "control_key": self.control.key if self.control else None,
            "plain_key": self.plain.key if self.plain else None,
        }

    @property
    def settings(self) -> TrialSettings:
        """Return the data set, the seed and the axis values of the trial, by the names of their columns."""
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
        """Return the settings of ``clean`` and of the sweep's attacks, by name."""
        return self.context.evaluations

    @cached_property
    def result_keys(self) -> tuple[str, ...]:
        """Return the keys of the results that make this trial done: the network and one per evaluation."""
        return (self.key, *(self.evaluation_key(attack) for attack in self.evaluations))

    @cached_property
    def score_keys(self) -> dict[str, str]:
        """Return the keys of the scores that this round needs, by scored structure, in the order of computation.

        A round of ``both`` first scores the blocks, and shares these scores with rounds of ``layers``. It then scores
        the filters of the network that remains, so the key of their scores also depends on how many blocks are removed.
        """
        scored_structures = {NONE: (), "filters": ("filters",), "layers": ("layers",), "both": ("layers", "filters")}
        return {scored: self._score_key(scored) for scored in scored_structures[self.structure]}

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
        """Return the key of the baseline's snapshot that a winning ticket rewinds to; None for other adjustments."""
        if self.round.rewind_epoch is None:
            return None
        return snapshot_key(self.baseline, self.round.rewind_epoch)

    @cached_property
    def shared_keys(self) -> tuple[str, ...]:
        """Return the keys of the scores and the snapshot of this round.

        Other trials, such as those with the same parent, may need them too, and only one of these trials should compute
        them.
        """
        snapshot = (self.snapshot_key,) if self.snapshot_key else ()
        return (*self.score_keys.values(), *snapshot)

    def describe(self) -> str:
        """Return the settings of the trial on one line, for display."""
        return f"{describe_setting({**self.settings, 'blocks': self.round.blocks})} seed {self.seed}"


def snapshot_key(baseline: Trial, epoch: int) -> str:
    """Return the key of the snapshot of a baseline's network after ``epoch`` epochs of training."""
    return key_of("snapshot", {"network": baseline.key, "epoch": epoch})
