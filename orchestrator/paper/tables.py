"""Tables 1 to 5: the paper's figures with ours beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from shlex import quote
from typing import Any

import pandas as pd

from prunesweep.orchestrator.comparison.compare import OVER
from prunesweep.orchestrator.paper.experiments import RATIO, Experiments, Gain, TrialRow
from prunesweep.orchestrator.paper.published import (
    FIGURES,
    TABLE1,
    TABLE2,
    TABLE3,
    TABLE4,
    TABLE4_NETWORKS,
    TABLE5,
    TABLE5_FIGURES,
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
PUBLISHED_NETWORKS = ("stylized", "debiased")  # by their authors' weights files alone
ON_CIFAR, ON_IMAGENET, ON_PUBLISHED = "paper/cifar10", "paper/imagenet", "paper/imagenet_published"
_HINTS = {ON_CIFAR: "on a small machine paper/cifar10_short", ON_IMAGENET: "on a small machine paper/imagenet_short"}
_BASELINE, _CONTROL = OVER

SettingsWanted = Mapping[str, Any]
"""Settings that name one row's trials."""


def table1(experiments: Experiments) -> Reproduction:
    """Gains by architecture and structure."""
    rows: list[tuple[str, SettingsWanted, PaperRow]] = [
        (f"{architecture} {structure}", {**ONE_SHOT, "architecture": architecture, "structure": structure}, row)
        for (architecture, structure), row in TABLE1.items()
    ]
    return _gains("table1", "Gains by architecture and structure (PLS, one iteration, fine-tuning)", experiments, rows)


def table2(experiments: Experiments) -> Reproduction:
    """Gains by criterion."""
    filters = {**ONE_SHOT, "architecture": "resnet56", "structure": "filters"}
    rows: list[tuple[str, SettingsWanted, PaperRow]] = [
        (criterion, {**filters, "criterion": criterion}, row) for criterion, row in TABLE2.items()
    ]
    note = "the paper's rows of l1 and expected_abs, and those of hrank and kl_divergence, may stand in the other order"
    return _gains("table2", "Gains by criterion (ResNet56, filters)", experiments, rows, notes=(note,))


def table3(experiments: Experiments) -> Reproduction:
    """Gains in robustness by adjustment scheme."""
    filters = {**ONE_SHOT, "architecture": "resnet56", "structure": "filters"}
    rows: list[tuple[str, SettingsWanted, PaperRow]] = [
        (scheme, {**filters, "adjustment": scheme}, row) for scheme, row in TABLE3.items()
    ]
    attacks = {name: figure for name, figure in FIGURES.items() if name != "clean"}
    return _gains(
        "table3",
        "Gains in robustness by adjustment scheme (ResNet56, filters, PLS)",
        experiments,
        rows,
        figures=attacks,
    )


def table5(experiments: Experiments) -> Reproduction:
    """Defences on ResNet50, pruning among them."""
    rows: list[tuple[str, SettingsWanted, PaperRow]] = []
    for (recipe, structure), row in TABLE5.items():
        chosen: dict[str, Any] = {"architecture": "resnet50", "recipe": recipe, "structure": structure}
        chosen |= {"iterations": 0} if structure == NONE else ONE_SHOT | chosen
        rows.append((recipe if structure == NONE else f"pruning {structure} (PLS)", chosen, row))
    notes = (
        "the paper copies its first four rows from others, whose own baselines differ; ours are over the plain "
        "baseline of the same epochs and seed",
        f"{' and '.join(PUBLISHED_NETWORKS)} are published networks of ImageNet and need their authors' weights files: "
        "on any other data set their rows stay missing",
    )
    sweeps = {label: ON_PUBLISHED if label in PUBLISHED_NETWORKS else ON_IMAGENET for label, _, _ in rows}
    return _gains(
        "table5", "Defences on ResNet50", experiments, rows, figures=TABLE5_FIGURES, sweeps=sweeps, notes=notes
    )


def _gains(
    name: str,
    title: str,
    experiments: Experiments,
    rows: Sequence[tuple[str, SettingsWanted, PaperRow]],
    *,
    figures: Mapping[str, str] = FIGURES,
    sweeps: Mapping[str, str] | None = None,
    notes: tuple[str, ...] = (),
) -> Reproduction:
    """A table of gains: a row a setting and what the gain is over, a column a figure, and their average.

    ``sweeps``: what fills a row, by its label.
    """
    columns = {**{column: (figure,) for column, figure in figures.items()}, "average": tuple(figures.values())}
    data, shown, missing, left_out = [], [], [], 0
    for label, wanted, published in rows:
        trials = experiments.where(**wanted)
        left_out += len(experiments.meeting(**wanted)) - len(trials)
        has_control = wanted["structure"] != NONE and len(trials)  # a baseline has none, and nothing has none
        for over in (_BASELINE, _CONTROL) if has_control else (_BASELINE,):
            gains = {column: experiments.gain(trials, of, over) for column, of in columns.items()}
            papers = {column: published[column] if over == _BASELINE else None for column in columns}
            data += [_record(label, over, column, papers[column], gain) for column, gain in gains.items()]
            cells = {column: _cell(papers[column], gain) for column, gain in gains.items()}
            shown.append({"": label, "over": over} | cells)
            lacking = [column for column, gain in gains.items() if gain is None and column != "average"]
            if lacking:
                what = f"{label}{f' over the {over}' if len(trials) else ''}: {', '.join(lacking)}"
                missing.append(needs_sweep(what, experiments, (sweeps or {}).get(label, ON_CIFAR)))
    chosen = (
        f"left out: {counted(left_out, 'trial')} of other ratios, lengths of training, test images or attacks; of each "
        f"setting are shown those nearest the ratio {RATIO:g}, then of the most seeds, then of the longest training"
    )
    return Reproduction(
        name,
        title,
        pd.DataFrame(shown),
        pd.DataFrame(data),
        tuple(missing),
        (how_to_read(data), *([chosen] if left_out else []), *notes),
    )


def _record(label: str, over: str, column: str, published: float | None, gain: Gain | None) -> dict[str, Any]:
    ours = vars(gain) if gain else dict.fromkeys(Gain.__dataclass_fields__, math.nan)
    sign = agreement(published, gain)
    return {"row": label, "over": over, "column": column, "paper": published, **ours, "sign": sign}


def agreement(published: float | None, gain: Gain | None) -> str:
    """``agrees`` or ``differs`` in sign, where the intervals leave out 0; else ``not shown``."""
    if gain is None or published is None or not gain.is_clear:
        return "not shown"
    return "agrees" if (gain.mean > 0) == (published > 0) else "differs"


_MARKS = {"agrees": " ✓", "differs": " ✗", "not shown": ""}


def _cell(published: float | None, gain: Gain | None) -> str:
    paper = "" if published is None else f"{published:+.2f} | "
    if gain is None:
        return f"{paper}{MISSING}"
    spread = "" if math.isnan(gain.sd) else f" ± {gain.sd:.1f}"
    interval = f"[{gain.low:+.1f}, {gain.high:+.1f}]"
    return f"{paper}{gain.mean:+.2f}{spread} {interval}{_MARKS[agreement(published, gain)]}"


def how_to_read(data: Sequence[Mapping[str, Any]]) -> str:
    made = [record for record in data if not math.isnan(record["mean"])]
    if not made:
        return "paper | ours"
    seeds, baselines, images = (max(int(record[name]) for record in made) for name in ("seeds", "baselines", "images"))
    return (
        "paper | ours over the baseline, and ours over the control, which is what pruning did; ± standard deviation "
        f"of the seeds [95 % interval over {counted(images, 'test image')}], p.p.; {_up_to(seeds)} over "
        f"{counted(baselines, 'baseline')}, which says nothing of how baselines vary; ✓ the sign agrees, "
        "✗ it differs, no mark: an interval holds 0, over images or over seeds"
    )


def _up_to(seeds: int) -> str:
    return "1 seed" if seeds == 1 else f"up to {counted(seeds, 'seed')}"


def table4(experiments: Experiments) -> Reproduction:
    """Transfer of FGSM between networks and their pruned versions."""
    chosen = [_network(experiments, *place) for place in TABLE4_NETWORKS]
    labels = [
        f"{architecture} {'unpruned' if structure == 'none' else 'pruned'}"
        for architecture, structure in TABLE4_NETWORKS
    ]
    data: list[dict[str, Any]] = []
    shown, missing = [], []
    for source, (label, published) in enumerate(zip(labels, TABLE4, strict=True)):
        row = {"source \\ target": label}
        for target, paper in enumerate(published):
            ours = _transferred(experiments, chosen[source], chosen[target])
            data.append({"source": label, "target": labels[target], "paper": paper, "ours": ours})
            row[labels[target]] = f"{paper:.2f} | {MISSING if math.isnan(ours) else f'{ours:.2f}'}"
        shown.append(row)
    absent = [label for label, network in zip(labels, chosen, strict=True) if network is None]
    if absent:
        missing.append(needs_sweep(", ".join(absent), experiments))
    elif any(math.isnan(float(record["ours"])) for record in data):
        keys = [str(network["trial_key"]) for network in chosen if network is not None]
        missing.append(needs_transfer("transfers", experiments, keys, keys))
    notes = (
        "paper | ours: accuracy in % of the target on images crafted from the source by FGSM, ε = 8/255; one seed",
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
    """A gap that only a sweep fills."""
    return Gap(what, f"prunesweep run {sweep} {in_store(experiments)}", hint=_HINTS.get(sweep, ""))


def needs_transfer(
    what: str, experiments: Experiments, sources: Sequence[str], targets: Sequence[str], epsilon: float = 8 / 255
) -> Gap:
    """A gap that ``prunesweep transfer`` fills, by FGSM between the networks of these keys."""
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
    """The option that names the store, for a shell."""
    return f"--store {quote(experiments.store.url)}"


def _network(experiments: Experiments, architecture: str, structure: str) -> TrialRow | None:
    """The pruned network, or the baseline that it descends from."""
    pruned = experiments.first(architecture=architecture, **ONE_SHOT, structure="filters")
    return pruned if structure != NONE else baseline_of(experiments, pruned, architecture)


def baseline_of(experiments: Experiments, pruned: TrialRow | None, architecture: str) -> TrialRow | None:
    """The baseline of a network; where there is no such network, any plain one of the architecture."""
    if pruned is None:
        return experiments.first(architecture=architecture, **UNPRUNED)
    return experiments.trial(pruned["baseline_key"])


def _transferred(
    experiments: Experiments, source: TrialRow | None, target: TrialRow | None, epsilon: float = 8 / 255
) -> float:
    """The accuracy in percent; NaN where it is not stored."""
    if source is None or target is None:
        return math.nan
    rows = experiments.transferred(source, target)
    met = (rows["severity"] - epsilon).abs() < 1e-9
    return 100 * float(rows.loc[met, "accuracy"].iloc[0]) if met.any() else math.nan
