"""The trial tree: every trial of a sweep joined to its parent, a baseline being a root."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from prunesweep.sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, DATASETS, NONE, PLAIN, RECIPES
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.fingerprints import Fingerprints, data_fingerprints, weights_fingerprint
from prunesweep.sweeps.language import MOST_ITERATIONS, Axes, Sweep, Training, TrainingSettings
from prunesweep.sweeps.pretrained import find_pretrained, weights_place
from prunesweep.sweeps.removable import most_rounds
from prunesweep.sweeps.trial import Round, Trial, TrialContext
from prunesweep.sweeps.words import counted


@dataclass(frozen=True)
class ImpossibleCombination:
    """Combinations that cannot be: how many trials they would have been, and why they are none."""

    what: str
    reason: str
    trials: int


@dataclass(frozen=True)
class TrialTree:
    """The trials by key, every parent before its children; ``asked``: those that the axes name themselves.

    The others are missing ancestors, controls, and the plain baselines that defended ones are compared with.
    """

    trials: Mapping[str, Trial]
    asked: frozenset[str]
    invalid: tuple[ImpossibleCombination, ...]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self.trials.values())

    def __len__(self) -> int:
        return len(self.trials)

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """The keys of each trial's children."""
        found: dict[str, list[str]] = {key: [] for key in self.trials}
        for trial in self:
            if trial.parent is not None:
                found[trial.parent.key].append(trial.key)
        return {key: tuple(children) for key, children in found.items()}


def grow_tree(sweep: Sweep) -> TrialTree:
    """The trial tree of a sweep, with all missing ancestors and, where asked for, the controls.

    Raises:
        DataError: a file of the data set, or a weights file, is not there.
        SweepError: no combination is possible, or two names stand for one weights file.
    """
    return _Grower(sweep, data_fingerprints(sweep.dataset), _weights_sha256(sweep)).grow()


def regrow_tree(settings: Mapping[str, Any], train_fingerprint: str, weights_sha256: Mapping[str, str]) -> TrialTree:
    """Return the tree of a sweep that has run before, without a look at its files and without its attacks.

    Args:
        settings: of the sweep, as plain JSON values.
        train_fingerprint: of its training images.
        weights_sha256: of its baselines that come from files, by recipe.

    Raises:
        ValidationError: the settings are not those of a sweep of this version.
        SweepError: no combination is possible.
    """
    sweep = Sweep.model_validate({**settings, "attacks": {}})
    return _Grower(sweep, Fingerprints(train_fingerprint, ""), weights_sha256).grow()


def _weights_sha256(sweep: Sweep) -> dict[str, str]:
    """The fingerprints of the networks that are not trained here, by recipe."""
    found: dict[str, str] = {}
    for recipe, weights in sweep.baseline.files.items():
        what = "baseline.weights" if recipe == PLAIN else f"baseline.defences.{recipe}"
        fingerprint = weights_fingerprint(weights, what)
        if fingerprint in found.values():
            raise SweepError(f"{what}: {weights} is the same network as another one's; name each once")
        found[recipe] = fingerprint
    return found


class _AxisValues(NamedTuple):
    """Where a trial stands on the axes."""

    seed: int
    architecture: str
    recipe: str
    structure: str
    criterion: str
    adjustment: str
    ratio: float
    iterations: int


class _Grower:
    """Grows one tree, making each trial once."""

    def __init__(self, sweep: Sweep, data: Fingerprints, weights_sha256: Mapping[str, str]) -> None:
        self._sweep = sweep
        self._weights_sha256 = weights_sha256
        self._context = TrialContext(
            dataset=sweep.dataset.name,
            train_fingerprint=data.train,
            test_fingerprint=data.test,
            precision=sweep.precision,
            threads=sweep.resources.cpu,
            attacks={name: settings.settled() for name, settings in sweep.attacks.chosen().items()},
        )
        self._made: dict[tuple[object, ...], Trial] = {}
        self._rounds: dict[tuple[object, ...], Round] = {}
        self._invalid: dict[tuple[str, str], set[_AxisValues]] = {}

    def grow(self) -> TrialTree:
        asked = frozenset(key for grid in self._sweep.axes for key in self._grow_grid(grid))
        with_controls = self._sweep.control
        trials = {t.key: t for t in self._made.values() if with_controls or not t.is_control}
        if not trials:
            reasons = "; ".join(f"{what}: {reason}" for what, reason in self._invalid)
            raise SweepError(f"{self._sweep.name}: nothing to run: {reasons}")
        invalid = tuple(
            ImpossibleCombination(what, reason, len(places)) for (what, reason), places in self._invalid.items()
        )
        return TrialTree(trials, asked, invalid)

    def _grow_grid(self, grid: Axes) -> Iterator[str]:
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
        for place in (_AxisValues(*combination) for combination in combinations):
            impossible = self._impossible(place)
            if impossible:
                self._invalid.setdefault(impossible, set()).add(place)
            else:
                yield self._trial(place).key

    def _impossible(self, place: _AxisValues) -> tuple[str, str] | None:
        """What cannot be combined, and why."""
        files = self._sweep.baseline.files
        if files and place.recipe not in files:
            why = "baseline.weights is taken as it is; leave it out, and plain baselines are trained beside these"
            return f"recipe {place.recipe}", why
        if place.iterations == 0:
            return None
        architecture, structure = place.architecture, place.structure
        if structure not in ARCHITECTURES[architecture].structures:
            return f"{structure} of {architecture}", f"{architecture} has no residual blocks to remove"
        return self._not_left(place) or (self._not_in_a_file(place) if files else None)

    def _not_left(self, place: _AxisValues) -> tuple[str, str] | None:
        """What later rounds would remove and earlier ones have removed, whatever the scores."""
        pruning, structure = self._sweep.pruning, place.structure
        rounds = most_rounds(
            ARCHITECTURES[place.architecture].removable,
            structure,
            ratio=place.ratio,
            quota=pruning.quota,
            blocks=pruning.blocks,
            limit=MOST_ITERATIONS,
        )
        if place.iterations <= rounds:
            return None
        how_much = f"{place.ratio:g}" if pruning.blocks is None or structure == "filters" else "by the block"
        what = f"{structure} {how_much} of {place.architecture} beyond {counted(rounds, 'iteration')}"
        left = {"filters": "no filter", "layers": "no block", "both": "no block and no filter"}[structure]
        return what, f"{left} that may go is left"

    def _not_in_a_file(self, place: _AxisValues) -> tuple[str, str] | None:
        """What an adjustment needs and a weights file does not hold."""
        entry = ADJUSTMENTS[place.adjustment]
        if entry.needs_snapshot:
            return place.adjustment, "a weights file holds no snapshot of early training; train the baseline instead"
        if entry.needs_baseline_epochs and not self._sweep.baseline.epochs:
            return place.adjustment, "a weights file does not say its epochs; give them as baseline.epochs"
        if place.recipe != PLAIN and self._trains_by_recipe(place.adjustment):
            return f"{place.adjustment} of {place.recipe}", "a weights file does not say by what recipe it was trained"
        return None

    def _trains_by_recipe(self, adjustment: str) -> bool:
        """Whether an adjustment trains as the baseline was trained, and not plainly."""
        trains_by = ADJUSTMENTS[adjustment].trains_by
        return trains_by == "baseline" or (trains_by == "adjustment" and self._sweep.adjustment.recipe == "baseline")

    def _trial(self, place: _AxisValues) -> Trial:
        if place.iterations == 0:
            return self._baseline(place.architecture, place.recipe, place.seed)
        return self._pruned(place)

    def _baseline(self, architecture: str, recipe: str, seed: int) -> Trial:
        # Weights know no seed: one baseline serves them all.
        seed = 0 if recipe in self._weights_sha256 else seed
        place = (architecture, recipe, seed)
        if place not in self._made:
            weights = self._sweep.baseline.files.get(recipe)
            plain = self._baseline(architecture, PLAIN, seed) if recipe != PLAIN else None
            self._made[place] = Trial(
                architecture=architecture,
                iterations=0,
                seed=seed,
                round=self._trained_round(recipe) if weights is None else self._weights_round(recipe, weights),
                parent=None,
                context=self._context,
                snapshot_epochs=self._snapshot_epochs() if weights is None else (),
                recipe=recipe,
                plain=plain,
                weights=weights_place(weights) if weights is not None else None,
            )
        return self._made[place]

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

    def _pruned(self, place: _AxisValues) -> Trial:
        if place.structure == "layers" and self._sweep.pruning.blocks is not None:
            place = place._replace(ratio=0.0)  # a number of blocks takes its place
        if place not in self._made:
            parent = self._trial(place._replace(iterations=place.iterations - 1))
            self._made[place] = Trial(
                architecture=place.architecture,
                iterations=place.iterations,
                seed=place.seed,
                round=self._round(place),
                parent=parent,
                context=self._context,
                control=self._control(place),
                recipe=place.recipe,
                plain=parent.plain,
            )
        return self._made[place]

    def _control(self, place: _AxisValues) -> Trial | None:
        """Named also where the sweep runs no controls: it may be in the store, or come later.

        An unpruned network that is left as it is, is its baseline.
        """
        if place.structure == NONE:
            return None
        if place.adjustment == NONE:
            return self._baseline(place.architecture, place.recipe, place.seed)
        return self._pruned(place._replace(structure=NONE, criterion=NONE, ratio=0.0))

    def _round(self, place: _AxisValues) -> Round:
        """One object for all that differ in seed, architecture or iterations: their rounds are equal."""
        alike = place._replace(seed=0, architecture="", iterations=0)
        if alike not in self._rounds:
            self._rounds[alike] = self._new_round(place)
        return self._rounds[alike]

    def _new_round(self, place: _AxisValues) -> Round:
        pruning, entry = self._sweep.pruning, ADJUSTMENTS[place.adjustment]
        adjusted = Round(
            adjustment=place.adjustment,
            training=self._adjustment_training(place),
            dynamics=self._sweep.dynamics and entry.trains_by is not None,
            rewind_epoch=self._sweep.adjustment.rewind_epoch if entry.needs_snapshot else None,
        )
        if place.structure == NONE:
            return adjusted
        pruned = {
            "structure": place.structure,
            "criterion": place.criterion,
            "ratio": place.ratio,
            "quota": pruning.quota if place.structure != "layers" else "global",
            "blocks": pruning.blocks if place.structure != "filters" else None,
            "scoring_images": pruning.scoring_images,
        }
        return adjusted.model_copy(update=pruned)

    def _adjustment_training(self, place: _AxisValues) -> Training | None:
        entry, adjustment = ADJUSTMENTS[place.adjustment], self._sweep.adjustment
        if entry.trains_by is None:
            # Statistics are of batches, and of nothing else that training sets.
            return Training(epochs=0, batch_size=adjustment.batch_size) if entry.recalibrates else None
        settings = adjustment if entry.trains_by == "adjustment" else self._sweep.baseline
        training = self._training(settings, place.recipe if self._trains_by_recipe(place.adjustment) else PLAIN)
        return training.model_copy(update={"epochs": entry.epochs_factor * (training.epochs or 0)})

    def _training(self, settings: TrainingSettings, recipe: str) -> Training:
        """The training settings alone, with the data set's own answer to whether images may be mirrored."""
        values = {name: getattr(settings, name) for name in TrainingSettings.model_fields}
        if values["flip"] is None:
            values["flip"] = DATASETS[self._sweep.dataset.name].flip
        if RECIPES[recipe].attacks:
            values["adversarial"] = self._sweep.baseline.adversarial
        return Training(**values, recipe=recipe)
