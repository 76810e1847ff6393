"""The paper's Tables 1 to 5, with our results beside the paper's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import pandas as pd

from prunesweep.orchestrator.comparison.request import GAIN_BY_REFERENCE
from prunesweep.orchestrator.paper.experiments import RATIO, Experiments, Gain, TrialRow
from prunesweep.orchestrator.paper.published import (
    ACCURACY_BY_COLUMN,
    TABLE1,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE4_NETWORKS,
    TABLE5,
    TABLE5_ACCURACY_BY_COLUMN,
    PaperRow,
)
from prunesweep.orchestrator.paper.reproduction import MISSING, Gap, Reproduction
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.attacks import epsilon_text
from prunesweep.sweeps.catalogue import NONE
from prunesweep.sweeps.numbers import parse_number
from prunesweep.sweeps.words import counted

ONE_SHOT = {"recipe": "plain", "criterion": "pls", "adjustment": "fine_tune", "iterations": 1}
UNPRUNED = {"recipe": "plain", "structure": NONE, "iterations": 0}
PUBLISHED_NETWORKS = ("stylized", "debiased")  # recipes that only load their authors' weights files
ON_CIFAR, ON_IMAGENET, ON_PUBLISHED = "paper/cifar10", "paper/imagenet", "paper/imagenet_published"
_HINTS = {ON_CIFAR: "on a small machine paper/cifar10_short", ON_IMAGENET: "on a small machine paper/imagenet_short"}
_BASELINE, _CONTROL = GAIN_BY_REFERENCE

RowSettings = Mapping[str, Any]
"""The settings of the trials in one row of a table."""


def table1(experiments: Experiments) -> Reproduction:
    """Reproduce Table 1: gains by architecture and structure."""
    rows: list[tuple[str, RowSettings, PaperRow]] = [
        (f"{architecture} {structure}", {**ONE_SHOT, "architecture": architecture, "structure": structure}, row)
        for (architecture, structure), row in TABLE1.items()
    ]
    return _gain_table(
        "table1", "Gains by architecture and structure (PLS, one iteration, fine-tuning)", experiments, rows
    )


def table2(experiments: Experiments) -> Reproduction:
    """Reproduce Table 2: gains by criterion."""
    filters = {**ONE_SHOT, "architecture": "resnet56", "structure": "filters"}
    rows: list[tuple[str, RowSettings, PaperRow]] = [
        (criterion, {**filters, "criterion": criterion}, row) for criterion, row in TABLE2.items()
    ]
    note = "the paper's rows of l1 and expected_abs may be swapped, and so may those of hrank and kl_divergence"
    return _gain_table("table2", "Gains by criterion (ResNet56, filters)", experiments, rows, notes=(note,))


def table3(experiments: Experiments) -> Reproduction:
    """Reproduce Table 3: gains in robustness by adjustment."""
    filters = {**ONE_SHOT, "architecture": "resnet56", "structure": "filters"}
    rows: list[tuple[str, RowSettings, PaperRow]] = [
        (adjustment, {**filters, "adjustment": adjustment}, row) for adjustment, row in TABLE3.items()
    ]
    attacks = {column: accuracy for column, accuracy in ACCURACY_BY_COLUMN.items() if column != "clean"}
    return _gain_table(
        "table3",
        "Gains in robustness by adjustment scheme (ResNet56, filters, PLS)",
        experiments,
        rows,
        accuracies=attacks,
    )


def table5(experiments: Experiments) -> Reproduction:
    """Reproduce Table 5: defences on ResNet50, pruning among them."""
    rows: list[tuple[str, RowSettings, PaperRow]] = []
    for (recipe, structure), row in TABLE5.items():
        settings: dict[str, Any] = {"architecture": "resnet50", "recipe": recipe, "structure": structure}
        settings |= {"iterations": 0} if structure == NONE else ONE_SHOT | settings
        rows.append((recipe if structure == NONE else f"pruning {structure} (PLS)", settings, row))
    notes = (
        "the paper copies its first four rows from others, whose own baselines differ; ours are over the plain "
        "baseline of the same epochs and seed",
        f"{' and '.join(PUBLISHED_NETWORKS)} are published networks of ImageNet and need their authors' weights files: "
        "on any other data set their rows stay missing",
    )
    sweeps = {label: ON_PUBLISHED if label in PUBLISHED_NETWORKS else ON_IMAGENET for label, _, _ in rows}
    return _gain_table(
        "table5",
        "Defences on ResNet50",
        experiments,
        rows,
        accuracies=TABLE5_ACCURACY_BY_COLUMN,
        sweeps=sweeps,
        notes=notes,
    )


def _gain_table(
    name: str,
    title: str,
    experiments: Experiments,
    rows: Sequence[tuple[str, RowSettings, PaperRow]],
    *,
    accuracies: Mapping[str, str] = ACCURACY_BY_COLUMN,
    sweeps: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Reproduction:
    """Return a table of gains over baselines and over controls.

    Each setting has a row with its gain over the baseline, and if it is pruned a second row with its gain over the
    control. There is one column per accuracy, and one for their average.

    Args:
        name: the name of the table.
        title: the title of the table.
        experiments: the trials.
        rows: for each setting of the paper's table, its label, the settings of its trials and the paper's gains.
        accuracies: column of the paper's table -> column of the store's table ``trials`` with that accuracy.
        sweeps: label of a row -> the built-in sweep that computes the row; ``paper/cifar10`` for all other rows.
        notes: notes to print below the one that explains the cells.
    """
    columns = {
        **{column: (accuracy,) for column, accuracy in accuracies.items()},
        "average": tuple(accuracies.values()),
    }
    data, shown, missing, left_out = [], [], [], 0
    for label, settings, published in rows:
        trials = experiments.comparable(**settings)
        left_out += len(experiments.matching(**settings)) - len(trials)
        has_control = settings["structure"] != NONE and len(trials)  # a baseline has no control
        for over in (_BASELINE, _CONTROL) if has_control else (_BASELINE,):
            gains = {column: experiments.gain(trials, averaged, over) for column, averaged in columns.items()}
            papers = {column: published[column] if over == _BASELINE else None for column in columns}
            data += [_gain_record(label, over, column, papers[column], gain) for column, gain in gains.items()]
            cells = {column: _format_cell(papers[column], gain) for column, gain in gains.items()}
            shown.append({"": label, "over": over} | cells)
            missing_columns = [column for column, gain in gains.items() if gain is None and column != "average"]
            if missing_columns:
                what = f"{label}{f' over the {over}' if len(trials) else ''}: {', '.join(missing_columns)}"
                missing.append(needs_sweep(what, experiments, (sweeps or {}).get(label, ON_CIFAR)))
    selection = (
        f"left out: {counted(left_out, 'trial')} with other ratios, lengths of training, test images or attacks; each "
        f"row has the trials nearest to the ratio {RATIO:g}, and of these the setting with the most seeds, then "
        "with the longest training"
    )
    return Reproduction(
        name,
        title,
        pd.DataFrame(shown),
        pd.DataFrame(data),
        tuple(missing),
        (how_to_read(data), *([selection] if left_out else []), *notes),
    )


def _gain_record(label: str, over: str, column: str, published: float | None, gain: Gain | None) -> dict[str, Any]:
    """Return the numbers of one cell of a table of gains, which are one row of ``Reproduction.data``."""
    ours = vars(gain) if gain else dict.fromkeys(Gain.__dataclass_fields__, math.nan)
    sign = agreement(published, gain)
    return {"row": label, "over": over, "column": column, "paper": published, **ours, "sign": sign}


def agreement(published: float | None, gain: Gain | None) -> str:
    """Return whether our gain has the sign of the paper's: ``agrees``, ``differs`` or ``not shown``.

    It is ``not shown`` if our gain is not clear (an interval contains 0), or if our gain or the paper's is missing.
    """
    if gain is None or published is None or not gain.is_clear:
        return "not shown"
    return "agrees" if (gain.mean > 0) == (published > 0) else "differs"


_MARKS = {"agrees": " ✓", "differs": " ✗", "not shown": ""}


def _format_cell(published: float | None, gain: Gain | None) -> str:
    """Return a cell of a table of gains as text; ``how_to_read`` explains it."""
    paper = "" if published is None else f"{published:+.2f} | "
    if gain is None:
        return f"{paper}{MISSING}"
    spread = "" if math.isnan(gain.sd) else f" ± {gain.sd:.1f}"
    interval = f"[{gain.low:+.1f}, {gain.high:+.1f}]"
    return f"{paper}{gain.mean:+.2f}{spread} {interval}{_MARKS[agreement(published, gain)]}"


def how_to_read(data: Sequence[Mapping[str, Any]]) -> str:
    """Return the note that explains the cells of a table of gains.

    Args:
        data: the rows of the table's data, with ``mean``, ``seeds``, ``baselines`` and ``images``.
    """
    gains = [record for record in data if not math.isnan(record["mean"])]
    if not gains:
        return "paper | ours"
    seeds, baselines, images = (max(int(record[name]) for record in gains) for name in ("seeds", "baselines", "images"))
    return (
        "paper | ours over the baseline, and ours over the control, which is the effect of pruning; ± standard "
        f"deviation over seeds [95 % interval over {counted(images, 'test image')}], p.p.; {_up_to_seeds(seeds)} over "
        f"{counted(baselines, 'baseline')}, which does not show how baselines vary; ✓ the sign agrees, ✗ it differs, "
        "no mark: an interval over images or over seeds contains 0"
    )


def _up_to_seeds(seeds: int) -> str:
    """Return in words that a row has at most this many seeds."""
    return "1 seed" if seeds == 1 else f"up to {counted(seeds, 'seed')}"


def table4(experiments: Experiments) -> Reproduction:
    """Reproduce Table 4: transfer of FGSM between networks and their pruned versions."""
    networks = [_find_network(experiments, architecture, structure) for architecture, structure in TABLE4_NETWORKS]
    labels = [
        f"{architecture} {'unpruned' if structure == 'none' else 'pruned'}"
        for architecture, structure in TABLE4_NETWORKS
    ]
    data: list[dict[str, Any]] = []
    shown, missing = [], []
    for source, (label, published) in enumerate(zip(labels, TABLE4, strict=True)):
        row = {"source \\ target": label}
        for target, paper in enumerate(published):
            ours = _transfer_accuracy(experiments, networks[source], networks[target])
            data.append({"source": label, "target": labels[target], "paper": paper, "ours": ours})
            row[labels[target]] = f"{paper:.2f} | {MISSING if math.isnan(ours) else f'{ours:.2f}'}"
        shown.append(row)
    absent = [label for label, network in zip(labels, networks, strict=True) if network is None]
    if absent:
        missing.append(needs_sweep(", ".join(absent), experiments))
    elif any(math.isnan(float(record["ours"])) for record in data):
        keys = [str(network["trial_key"]) for network in networks if network is not None]
        missing.append(needs_transfer("transfers", experiments, keys, keys))
    notes = (
        "paper | ours: accuracy of the target in % on images that FGSM crafted on the source, ε = 8/255; one seed",
    )
    return Reproduction(
        "table4",
        "Transfer of FGSM: accuracy of the target",
        pd.DataFrame(shown),
        pd.DataFrame(data),
        tuple(missing),
        notes,
    )


def needs_sweep(what: str, experiments: Experiments, sweep: str = ON_CIFAR) -> Gap:
    """Return a gap (missing results and the command that computes them) that only a sweep can fill.

    Args:
        what: the missing results.
        experiments: the trials, for the name of their store.
        sweep: the built-in sweep that computes the results.
    """
    return Gap(what, f"prunesweep run {sweep} {in_store(experiments)}", hint=_HINTS.get(sweep, ""))


def needs_transfer(
    what: str, experiments: Experiments, sources: Sequence[str], targets: Sequence[str], epsilon: float = 8 / 255
) -> Gap:
    """Return a gap (missing results and the command that computes them) that a transfer of FGSM images can fill.

    Args:
        what: the missing results.
        experiments: the trials and their store.
        sources: keys of the trials on whose networks images are crafted.
        targets: keys of the trials whose networks classify these images.
        epsilon: ε in (0, 1].
    """
    from prunesweep.orchestrator.analyses.transfer import transfer

    options = [f"--sources {key[:KEY_DIGITS]}" for key in sources] + [
        f"--targets {key[:KEY_DIGITS]}" for key in targets
    ]
    text = epsilon_text(epsilon)
    exact = text if float(parse_number(text)) == epsilon else repr(epsilon)
    return Gap(
        what,
        f"prunesweep transfer {' '.join(options)} --epsilon {exact} {in_store(experiments)}",
        lambda progress: transfer(experiments.store, sources, targets, epsilon=epsilon, progress=progress),
    )


def in_store(experiments: Experiments) -> str:
    """Return the command-line option that names the store, quoted for a shell."""
    return f"--store {quote(experiments.store.url)}"


def _find_network(experiments: Experiments, architecture: str, structure: str) -> TrialRow | None:
    """Return the network pruned of filters or, for the structure ``none``, its baseline; None if it is missing."""
    pruned = experiments.first(architecture=architecture, **ONE_SHOT, structure="filters")
    return pruned if structure != NONE else baseline_of(experiments, pruned, architecture)


def baseline_of(experiments: Experiments, pruned: TrialRow | None, architecture: str) -> TrialRow | None:
    """Return the baseline of a pruned network or, without a pruned network, a plain baseline of the architecture.

    It is None if the baseline is missing.

    Args:
        experiments: the trials.
        pruned: the trial of the pruned network; None if there is none.
        architecture: the architecture.
    """
    if pruned is None:
        return experiments.first(architecture=architecture, **UNPRUNED)
    return experiments.trial(pruned["baseline_key"])


def _transfer_accuracy(
    experiments: Experiments, source: TrialRow | None, target: TrialRow | None, epsilon: float = 8 / 255
) -> float:
    """Return the accuracy of the target on images crafted on the source, in percent; NaN if it is not stored."""
    if source is None or target is None:
        return math.nan
    rows = experiments.transferred(source, target)
    at_epsilon = (rows["severity"] - epsilon).abs() < 1e-9
    return 100 * float(rows.loc[at_epsilon, "accuracy"].iloc[0]) if at_epsilon.any() else math.nan
