"""The trial tree: all trials of a sweep, linked to their parents, with the baselines as roots."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from prunesweep.sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, DATASETS, NONE, PLAIN, RECIPES
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.fingerprints import Fingerprints, data_fingerprints, weights_fingerprint
from prunesweep.sweeps.language import MAX_ITERATIONS, Axes, Sweep, Training, TrainingSettings
from prunesweep.sweeps.pretrained import find_pretrained, locate_weights
from prunesweep.sweeps.removable import max_rounds
from prunesweep.sweeps.trial import Round, Trial, TrialContext
from prunesweep.sweeps.words import counted


@dataclass(frozen=True)
class ImpossibleCombination:
    """A group of combinations of axis values that are left out because they cannot be run, all for one reason.

    Attributes:
        description: the values that cannot be combined, such as ``layers of vgg16``.
        reason: why these values cannot be combined.
        trials: how many of the requested trials are left out for this reason.
    """

    description: str
    reason: str
    trials: int


@dataclass(frozen=True)
class TrialTree:
    """All trials of a sweep, every parent before its children.

    Attributes:
        trials: the trials by key.
        requested: the keys of the trials that the axes name. The other trials are ancestors of these, controls, and the
            plain baselines that baselines of other recipes are compared with.
        invalid: the combinations of axis values that cannot be run.
    """

    trials: Mapping[str, Trial]
    requested: frozenset[str]
    invalid: tuple[ImpossibleCombination, ...]

    def __iter__(self) -> Iterator[Trial]:
        """Iterate over the trials, every parent before its children."""
        return iter(self.trials.values())

    def __len__(self) -> int:
        """Return the number of trials."""
        return len(self.trials)

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Return the keys of each trial's children, by its key."""
        children: dict[str, list[str]] = {key: [] for key in self.trials}
        for trial in self:
            if trial.parent is not None:
                children[trial.parent.key].append(trial.key)
        return {key: tuple(child_keys) for key, child_keys in children.items()}


def grow_tree(sweep: Sweep) -> TrialTree:
    """Return the trial tree of a sweep: the requested trials, their ancestors and, if the sweep has them, its controls.

    A missing file of the data set, or a missing weights file, raises ``DataError``. If no combination of axis values is
    possible, or two names stand for the same weights, ``SweepError`` is raised.
    """
    return _TreeBuilder(sweep, data_fingerprints(sweep.dataset), _weights_sha256(sweep)).build()


def regrow_tree(settings: Mapping[str, Any], train_fingerprint: str, weights_sha256: Mapping[str, str]) -> TrialTree:
    """Return the trial tree of an earlier sweep from its recorded fingerprints, without attacks.

    The files of the sweep are not read. Settings that this version does not accept raise pydantic's
    ``ValidationError``. If no combination of axis values is possible, ``SweepError`` is raised.

    Args:
        settings: the settings of the sweep, as JSON values.
        train_fingerprint: the fingerprint of the sweep's training images.
        weights_sha256: the fingerprints of the weights that the sweep's baselines are loaded from, by recipe; empty if
            its baselines are trained.
    """
    sweep = Sweep.model_validate({**settings, "attacks": {}})
    return _TreeBuilder(sweep, Fingerprints(train_fingerprint, ""), weights_sha256).build()


def _weights_sha256(sweep: Sweep) -> dict[str, str]:
    """Return the fingerprints of the weights that baselines are loaded from, by recipe; empty if baselines are trained.

    Raises:
        SweepError: two names stand for the same weights.
    """
    fingerprints: dict[str, str] = {}
    for recipe, weights in sweep.baseline.weights_by_recipe.items():
        key = "baseline.weights" if recipe == PLAIN else f"baseline.defences.{recipe}"
        fingerprint = weights_fingerprint(weights, key)
        if fingerprint in fingerprints.values():
            raise SweepError(f"{key}: {weights} is the same network as that of another key; give each network once")
        fingerprints[recipe] = fingerprint
    return fingerprints


class _AxisValues(NamedTuple):
    """The seed of a trial and its value on each axis."""

    seed: int
    architecture: str
    recipe: str
    structure: str
    criterion: str
    adjustment: str
    ratio: float
    iterations: int


class _TreeBuilder:
    """A builder of the tree of one sweep, which creates each trial only once."""

    def __init__(self, sweep: Sweep, data: Fingerprints, weights_sha256: Mapping[str, str]) -> None:
        self._sweep = sweep
        self._weights_sha256 = weights_sha256
        self._context = TrialContext(
            dataset=sweep.dataset.name,
            train_fingerprint=data.train,
            test_fingerprint=data.test,
            precision=sweep.precision,
            threads=sweep.resources.cpu,
            attacks={name: settings.resolved() for name, settings in sweep.attacks.chosen().items()},
        )
        # By axis values; a baseline is found by its architecture, recipe and seed.
        self._trials: dict[tuple[object, ...], Trial] = {}
        self._rounds: dict[tuple[object, ...], Round] = {}
        self._invalid: dict[tuple[str, str], set[_AxisValues]] = {}

    def build(self) -> TrialTree:
        """Return the tree.

        Raises:
            SweepError: no combination of the axes is possible.
        """
        requested = frozenset(key for grid in self._sweep.axes for key in self._add_grid(grid))
        with_controls = self._sweep.control
        trials = {t.key: t for t in self._trials.values() if with_controls or not t.is_control}
        if not trials:
            reasons = "; ".join(f"{description}: {reason}" for description, reason in self._invalid)
            raise SweepError(f"{self._sweep.name}: nothing to run: {reasons}")
        invalid = tuple(
            ImpossibleCombination(description, reason, len(combinations))
            for (description, reason), combinations in self._invalid.items()
        )
        return TrialTree(trials, requested, invalid)

    def _add_grid(self, grid: Axes) -> Iterator[str]:
        """Create the trials of a grid, yield their keys, and record the combinations that are impossible."""
        combinations = product(
            self._sweep.seeds,
            grid.architecture,
            grid.recipe,
            grid.structure,
            grid.criterion,
            grid.adjustment,
            grid.ratio,
            grid.iterations,
        )
        for values in (_AxisValues(*combination) for combination in combinations):
            impossible = self._find_impossible(values)
            if impossible:
                self._invalid.setdefault(impossible, set()).add(values)
            else:
                yield self._trial(values).key

    def _find_impossible(self, values: _AxisValues) -> tuple[str, str] | None:
        """Return a description of the values that cannot be combined, and the reason; None if all can be combined."""
        weights_by_recipe = self._sweep.baseline.weights_by_recipe
        if weights_by_recipe and values.recipe not in weights_by_recipe:
            why = "baseline.weights is used as it is; leave it out to train baselines by this recipe and plain ones"
            return f"recipe {values.recipe}", why
        if values.iterations == 0:
            return None
        architecture, structure = values.architecture, values.structure
        if structure not in ARCHITECTURES[architecture].structures:
            return f"{structure} of {architecture}", f"{architecture} has no residual blocks to remove"
        return self._find_exhausted(values) or (
            self._find_missing_from_weights_file(values) if weights_by_recipe else None
        )

    def _find_exhausted(self, values: _AxisValues) -> tuple[str, str] | None:
        """Return a description and a reason if nothing removable is left for the last round, whatever the scores.

        Return None if the last round may still find something to remove.
        """
        pruning, structure = self._sweep.pruning, values.structure
        rounds = max_rounds(
            ARCHITECTURES[values.architecture].removable,
            structure,
            ratio=values.ratio,
            quota=pruning.quota,
            blocks=pruning.blocks,
            max_count=MAX_ITERATIONS,
        )
        if values.iterations <= rounds:
            return None
        if pruning.blocks is None or structure == "filters":
            amount = f"{values.ratio:g}"
        else:
            amount = f"by {counted(pruning.blocks, 'block')}"
        description = f"{structure} {amount} of {values.architecture} beyond {counted(rounds, 'iteration')}"
        removable = {"filters": "no removable filter", "layers": "no removable block", "both": "nothing removable"}
        return description, f"{removable[structure]} is left"

    def _find_missing_from_weights_file(self, values: _AxisValues) -> tuple[str, str] | None:
        """Return a description and a reason if the adjustment needs what a weights file does not contain, else None."""
        entry = ADJUSTMENTS[values.adjustment]
        if entry.needs_snapshot:
            return values.adjustment, "a weights file has no snapshot of early training; train the baseline instead"
        if entry.needs_baseline_epochs and not self._sweep.baseline.epochs:
            return values.adjustment, "a weights file does not say its number of epochs; give it as baseline.epochs"
        if values.recipe != PLAIN and self._trains_by_recipe(values.adjustment):
            return f"{values.adjustment} of {values.recipe}", "a weights file does not say its training recipe"
        return None

    def _trains_by_recipe(self, adjustment: str) -> bool:
        """Return whether an adjustment trains by the baseline's recipe."""
        trains_by = ADJUSTMENTS[adjustment].trains_by
        return trains_by == "baseline" or (trains_by == "adjustment" and self._sweep.adjustment.recipe == "baseline")

    def _trial(self, values: _AxisValues) -> Trial:
        if values.iterations == 0:
            return self._baseline(values.architecture, values.recipe, values.seed)
        return self._pruned(values)

    def _baseline(self, architecture: str, recipe: str, seed: int) -> Trial:
        # A weights file does not depend on the seed: one baseline serves all seeds.
        seed = 0 if recipe in self._weights_sha256 else seed
        values = (architecture, recipe, seed)
        if values not in self._trials:
            weights = self._sweep.baseline.weights_by_recipe.get(recipe)
            plain = self._baseline(architecture, PLAIN, seed) if recipe != PLAIN else None
            self._trials[values] = Trial(
                architecture=architecture,
                iterations=0,
                seed=seed,
                round=self._trained_round(recipe) if weights is None else self._weights_round(recipe, weights),
                parent=None,
                context=self._context,
                snapshot_epochs=self._snapshot_epochs() if weights is None else (),
                recipe=recipe,
                plain=plain,
                weights=locate_weights(weights) if weights is not None else None,
            )
        return self._trials[values]

    def _trained_round(self, recipe: str) -> Round:
        baseline = self._sweep.baseline
        training = self._training(baseline, recipe)
        return Round(training=training, dynamics=self._sweep.dynamics, mean=baseline.mean, std=baseline.std)

    def _weights_round(self, recipe: str, weights: str) -> Round:
        baseline = self._sweep.baseline
        # A pretrained network brings the normalisation that it was trained with.
        pretrained = find_pretrained(weights) if baseline.mean is None else None
        normalisation = baseline if pretrained is None else pretrained
        return Round(weights_sha256=self._weights_sha256[recipe], mean=normalisation.mean, std=normalisation.std)

    def _snapshot_epochs(self) -> tuple[int, ...]:
        rewinds = any(ADJUSTMENTS[name].needs_snapshot for grid in self._sweep.axes for name in grid.adjustment)
        epoch = self._sweep.adjustment.rewind_epoch
        return (epoch,) if rewinds and epoch is not None else ()

    def _pruned(self, values: _AxisValues) -> Trial:
        if values.structure == "layers" and self._sweep.pruning.blocks is not None:
            values = values._replace(ratio=0.0)  # the number of blocks replaces the ratio
        if values not in self._trials:
            parent = self._trial(values._replace(iterations=values.iterations - 1))
            self._trials[values] = Trial(
                architecture=values.architecture,
                iterations=values.iterations,
                seed=values.seed,
                round=self._round(values),
                parent=parent,
                context=self._context,
                control=self._control(values),
                recipe=values.recipe,
                plain=parent.plain,
            )
        return self._trials[values]

    def _control(self, values: _AxisValues) -> Trial | None:
        """Return the control of a pruned trial: the unpruned network that is adjusted in the same way.

        The control is created even if the sweep runs no controls, because the store may contain its results, or receive
        them later. For the adjustment ``none`` the control is the baseline itself. For the values of a control, which
        has no control itself, None is returned.
        """
        if values.structure == NONE:
            return None
        if values.adjustment == NONE:
            return self._baseline(values.architecture, values.recipe, values.seed)
        return self._pruned(values._replace(structure=NONE, criterion=NONE, ratio=0.0))

    def _round(self, values: _AxisValues) -> Round:
        """Return the round of a trial; trials that differ only in seed, architecture or iteration share the object."""
        shared = values._replace(seed=0, architecture="", iterations=0)
        if shared not in self._rounds:
            self._rounds[shared] = self._new_round(values)
        return self._rounds[shared]

    def _new_round(self, values: _AxisValues) -> Round:
        pruning, entry = self._sweep.pruning, ADJUSTMENTS[values.adjustment]
        adjusted = Round(
            adjustment=values.adjustment,
            training=self._adjustment_training(values),
            dynamics=self._sweep.dynamics and entry.trains_by is not None,
            rewind_epoch=self._sweep.adjustment.rewind_epoch if entry.needs_snapshot else None,
        )
        if values.structure == NONE:
            return adjusted
        pruned = {
            "structure": values.structure,
            "criterion": values.criterion,
            "ratio": values.ratio,
            "quota": pruning.quota if values.structure != "layers" else "global",
            "blocks": pruning.blocks if values.structure != "filters" else None,
            "scoring_images": pruning.scoring_images,
        }
        return adjusted.model_copy(update=pruned)

    def _adjustment_training(self, values: _AxisValues) -> Training | None:
        entry, adjustment = ADJUSTMENTS[values.adjustment], self._sweep.adjustment
        if entry.trains_by is None:
            # Recalibrated statistics depend on the batch size and on no other setting of training.
            return Training(epochs=0, batch_size=adjustment.batch_size) if entry.recalibrates else None
        settings = adjustment if entry.trains_by == "adjustment" else self._sweep.baseline
        training = self._training(settings, values.recipe if self._trains_by_recipe(values.adjustment) else PLAIN)
        return training.model_copy(update={"epochs": entry.epochs_factor * (training.epochs or 0)})

    def _training(self, settings: TrainingSettings, recipe: str) -> Training:
        """Return the training settings of a block of the sweep, together with a recipe.

        If the block does not set ``flip``, the default of the data set is used.
        """
        fields = {name: getattr(settings, name) for name in TrainingSettings.model_fields}
        if fields["flip"] is None:
            fields["flip"] = DATASETS[self._sweep.dataset.name].flip
        if RECIPES[recipe].takes_adversarial_settings:
            fields["adversarial"] = self._sweep.baseline.adversarial
        return Training(**fields, recipe=recipe)
