"""The trial tree: every trial of a sweep joined to its parent, a baseline being a root."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

from sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, DATASETS, NONE
from sweeps.errors import SweepError
from sweeps.fingerprints import Fingerprints, data_fingerprints, file_sha256
from sweeps.language import Axes, Sweep, Training
from sweeps.trial import Conditions, Round, Trial


@dataclass(frozen=True)
class Invalid:
    """Combinations that cannot be: how many trials they would have been, and why they are none."""

    what: str
    reason: str
    trials: int


@dataclass(frozen=True)
class TrialTree:
    """The trials by key, every parent before its children; ``asked``: those that the axes name themselves.

    The others are missing ancestors and controls.
    """

    trials: Mapping[str, Trial]
    asked: frozenset[str]
    invalid: tuple[Invalid, ...]

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
        DataError: a file of the data set, or the weights file, is not there.
        SweepError: no combination is possible.
    """
    return _Grower(sweep, data_fingerprints(sweep.dataset), _weights_sha256(sweep)).grow()


def _weights_sha256(sweep: Sweep) -> str | None:
    return file_sha256(sweep.baseline.weights, "baseline.weights") if sweep.baseline.weights else None


class _Grower:
    """Grows one tree, making each trial once."""

    def __init__(self, sweep: Sweep, data: Fingerprints, weights_sha256: str | None) -> None:
        self._sweep = sweep
        self._weights_sha256 = weights_sha256
        self._conditions = Conditions(
            dataset=sweep.dataset.name,
            train_fingerprint=data.train,
            test_fingerprint=data.test,
            precision=sweep.precision,
            threads=sweep.resources.cpu,
            attacks={name: settings.settled() for name, settings in sweep.attacks.chosen().items()},
            weights=str(Path(sweep.baseline.weights).absolute()) if sweep.baseline.weights else None,
        )
        self._made: dict[tuple[object, ...], Trial] = {}
        self._invalid: dict[tuple[str, str], set[tuple[object, ...]]] = {}

    def grow(self) -> TrialTree:
        asked = frozenset(key for grid in self._sweep.axes for key in self._grow_grid(grid))
        with_controls = self._sweep.control
        trials = {t.key: t for t in self._made.values() if with_controls or not t.is_control}
        if not trials:
            reasons = "; ".join(f"{what}: {reason}" for what, reason in self._invalid)
            raise SweepError(f"{self._sweep.name}: nothing to run: {reasons}")
        invalid = tuple(Invalid(what, reason, len(places)) for (what, reason), places in self._invalid.items())
        return TrialTree(trials, asked, invalid)

    def _grow_grid(self, grid: Axes) -> Iterator[str]:
        combinations: Iterator[tuple[int, str, str, str, str, float]] = product(
            self._sweep.seeds, grid.architecture, grid.structure, grid.criterion, grid.adjustment, grid.ratio
        )
        for seed, architecture, structure, criterion, adjustment, ratio in combinations:
            impossible = self._impossible(architecture, structure, adjustment)
            for iterations in grid.iterations:
                if iterations == 0:
                    yield self._baseline(architecture, seed).key
                elif impossible:
                    place = (architecture, structure, criterion, adjustment, ratio, seed, iterations)
                    self._invalid.setdefault(impossible, set()).add(place)
                else:
                    yield self._pruned(architecture, structure, criterion, adjustment, ratio, seed, iterations).key

    def _impossible(self, architecture: str, structure: str, adjustment: str) -> tuple[str, str] | None:
        """What cannot be combined, and why."""
        if structure not in ARCHITECTURES[architecture].structures:
            return f"{structure} of {architecture}", f"{architecture} has no residual blocks to remove"
        entry, baseline = ADJUSTMENTS[adjustment], self._sweep.baseline
        if baseline.weights is None:
            return None
        if entry.needs_snapshot:
            return adjustment, "a weights file holds no snapshot of early training; train the baseline instead"
        if entry.needs_baseline_epochs and not baseline.epochs:
            return adjustment, "a weights file does not say its epochs; give them as baseline.epochs"
        return None

    def _baseline(self, architecture: str, seed: int) -> Trial:
        # A weights file knows no seed: one baseline serves them all.
        seed = seed if self._weights_sha256 is None else 0
        place = (architecture, seed)
        if place not in self._made:
            self._made[place] = Trial(
                architecture=architecture,
                iterations=0,
                seed=seed,
                round=self._baseline_round(),
                parent=None,
                conditions=self._conditions,
                snapshot_epochs=self._snapshot_epochs(),
            )
        return self._made[place]

    def _baseline_round(self) -> Round:
        baseline = self._sweep.baseline
        training = None if self._weights_sha256 else self._baseline_training()
        return Round(training=training, weights_sha256=self._weights_sha256, mean=baseline.mean, std=baseline.std)

    def _snapshot_epochs(self) -> tuple[int, ...]:
        rewinds = any(ADJUSTMENTS[name].needs_snapshot for grid in self._sweep.axes for name in grid.adjustment)
        epoch = self._sweep.adjustment.rewind_epoch
        return (epoch,) if rewinds and epoch is not None and self._weights_sha256 is None else ()

    def _pruned(
        self,
        architecture: str,
        structure: str,
        criterion: str,
        adjustment: str,
        ratio: float,
        seed: int,
        iterations: int,
    ) -> Trial:
        if iterations == 0:
            return self._baseline(architecture, seed)
        if structure == "layers" and self._sweep.pruning.blocks is not None:
            ratio = 0.0  # a number of blocks takes its place
        place = (architecture, structure, criterion, adjustment, ratio, seed, iterations)
        if place not in self._made:
            parent = self._pruned(architecture, structure, criterion, adjustment, ratio, seed, iterations - 1)
            self._made[place] = Trial(
                architecture=architecture,
                iterations=iterations,
                seed=seed,
                round=self._round(structure, criterion, adjustment, ratio),
                parent=parent,
                conditions=self._conditions,
                control=self._control(architecture, structure, adjustment, seed, iterations),
            )
        return self._made[place]

    def _control(self, architecture: str, structure: str, adjustment: str, seed: int, iterations: int) -> Trial | None:
        """Named also where the sweep runs no controls: it may be in the store, or come later."""
        if structure == NONE:
            return None
        return self._pruned(architecture, NONE, NONE, adjustment, 0.0, seed, iterations)

    def _round(self, structure: str, criterion: str, adjustment: str, ratio: float) -> Round:
        pruning = self._sweep.pruning
        adjusted = Round(
            adjustment=adjustment,
            training=self._adjustment_training(adjustment),
            rewind_epoch=self._sweep.adjustment.rewind_epoch if adjustment == "winning_ticket" else None,
        )
        if structure == NONE:
            return adjusted
        pruned = {
            "structure": structure,
            "criterion": criterion,
            "ratio": ratio,
            "quota": pruning.quota if structure != "layers" else "global",
            "blocks": pruning.blocks if structure != "filters" else None,
            "scoring_images": pruning.scoring_images,
        }
        return adjusted.model_copy(update=pruned)

    def _adjustment_training(self, adjustment: str) -> Training | None:
        if adjustment == NONE:
            return None
        if adjustment == "fine_tune":
            return self._training(self._sweep.adjustment)
        training = self._baseline_training()
        factor = 2 if adjustment == "scratch_b" else 1
        return training.model_copy(update={"epochs": factor * (training.epochs or 0)})

    def _baseline_training(self) -> Training:
        return self._training(self._sweep.baseline)

    def _training(self, settings: Training) -> Training:
        """The training settings alone, with the data set's own answer to whether images may be mirrored."""
        values = {name: getattr(settings, name) for name in Training.model_fields}
        if values["flip"] is None:
            values["flip"] = DATASETS[self._sweep.dataset.name].flip
        return Training(**values)
