"""The page about one trial: a list of sections, each of which is tables and lists of facts."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from prunesweep.orchestrator.display.formats import print_view
from prunesweep.orchestrator.display.sparkline import sparkline
from prunesweep.orchestrator.display.statistics_cells import format_p_value
from prunesweep.orchestrator.display.table_view import GAP, TableView, ViewColumn
from prunesweep.orchestrator.query.descriptions import HASH_COLUMNS, KEY_DIGITS
from prunesweep.orchestrator.trial_facts.accuracies import AccuracyFacts, GainFacts
from prunesweep.orchestrator.trial_facts.attacks import SeverityFacts
from prunesweep.orchestrator.trial_facts.classes import ClassesFacts, ClassFacts
from prunesweep.orchestrator.trial_facts.facts import TrialFacts
from prunesweep.orchestrator.trial_facts.relatives import CHILD
from prunesweep.orchestrator.trial_facts.sizes import LayerSize
from prunesweep.sweeps.attacks import EpsilonSettings, epsilon_text
from prunesweep.sweeps.catalogue import EVALUATIONS, NONE
from prunesweep.sweeps.setting import TRAINING_SETTINGS
from prunesweep.sweeps.words import counted, listed

PRUNING_SETTINGS = ("iterations", "ratio", "blocks", "quota", "scoring_images")
ADJUSTMENT_SETTINGS = ("adjustment_recipe", *TRAINING_SETTINGS, "rewind_epoch")
MAX_CHILDREN = 6
WORST_CLASSES = 5
SPARKLINE_WIDTH = 40
BAR_WIDTH = 20

_HASHES = HASH_COLUMNS | {"test_fingerprint"}


@dataclass(frozen=True)
class FactList:
    """A list of facts to print: each has a name and a text, which is wrapped at words.

    Attributes:
        title: what the facts are about.
        facts: the name and the text of each fact.
        block: lines that are printed as they are, below the facts.
    """

    title: str
    facts: Sequence[tuple[str, str]] = ()
    block: Sequence[str] = ()


PagePart = TableView | FactList
"""A piece of a page."""

PageSection = Callable[[TrialFacts], Iterable[PagePart]]
"""A function that returns a section of the page, without parts if there is nothing to show."""


def print_page(facts: TrialFacts, console: Console, *, wide: bool = False) -> None:
    """Print everything about one trial.

    Args:
        facts: the facts.
        console: the console to print on.
        wide: whether tables are printed with all their columns, however long the lines get.
    """
    for number, part in enumerate(page_parts(facts)):
        if number:
            console.print()
        if isinstance(part, TableView):
            print_view(part, console, "wide" if wide else "table")
        else:
            _print_facts(part, console)


def page_parts(facts: TrialFacts) -> list[PagePart]:
    """Return the parts of the page about one trial, section by section."""
    return [part for section in SECTIONS for part in section(facts)]


def _print_facts(part: FactList, console: Console) -> None:
    grid = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, text in part.facts:
        grid.add_row(Text(name, style="cyan"), Text(text))
    content: list[RenderableType] = [Text(f"{part.title}\n", style="bold"), *([grid] if part.facts else [])]
    console.print(Group(*content))
    for line in part.block:  # a terminal wraps these lines itself, so that they can be copied
        console.print(Text(line), soft_wrap=True)


# ------------------------------------------------------------------------------------------------- the sections


def identity_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield what the trial is, and whether it is done."""
    yield FactList(
        f"{facts.network}, seed {facts.seed}",
        [("key", facts.key), ("state", facts.state), ("sweeps", ", ".join(facts.sweeps) or "none")],
    )


def failure_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield why the trial failed."""
    failure = facts.failure
    if failure is None:
        return
    lines = [("error", failure.error), ("failed at", failure.failed_at)]
    if failure.ancestor is not None:
        lines.append(("ancestor", f"{failure.ancestor} failed, so this trial cannot run"))
    elif failure.result is not None:
        lines.append(("missing", failure.result if failure.result == "network" else f"the attack {failure.result}"))
    yield FactList("Failure", lines, failure.details.rstrip().splitlines())


def setting_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the setting, in the words of the columns of the table ``trials``."""
    settings = facts.settings
    groups = {"baseline": (f"{settings['architecture']} {settings['recipe']}", _settings_of_baseline(settings))}
    if settings["iterations"] > 0:
        groups["pruning"] = (f"{settings['structure']} by {settings['criterion']}", PRUNING_SETTINGS)
        groups["adjustment"] = (settings["adjustment"], ADJUSTMENT_SETTINGS)
    groups["data"] = (settings["dataset"], ("train_fingerprint", "test_fingerprint"))
    groups["computation"] = (f"seed {facts.seed}", ("precision", "threads", "dynamics"))
    yield FactList(
        "Setting",
        [(group, ", ".join([first, *_setting_words(facts, names)])) for group, (first, names) in groups.items()],
    )


def _settings_of_baseline(settings: Mapping[str, object]) -> Sequence[str]:
    return [name for name in settings if name.startswith("baseline_")]


def _setting_words(facts: TrialFacts, names: Iterable[str]) -> list[str]:
    """Return the settings of these names that are known, each as ``NAME VALUE``, hashes shortened."""
    values = {name: facts.settings[name] for name in names if name in facts.settings}
    return [f"{name.removeprefix('baseline_')} {_setting_text(name, value)}" for name, value in values.items()]


def _setting_text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)[:KEY_DIGITS] if name in _HASHES else str(value)
    return f"({text})" if "," in text else text


def relatives_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the trials that this one is made from and compared with, and its first children."""
    children = sum(relative.role == CHILD for relative in facts.relatives)
    shown = facts.relatives[: len(facts.relatives) - max(0, children - MAX_CHILDREN)]  # children are the last ones
    if not shown:
        return
    yield TableView(
        "Relatives",
        [
            ViewColumn("role", [relative.role for relative in shown]),
            ViewColumn("trial", [relative.key[:KEY_DIGITS] for relative in shown]),
            ViewColumn("network", [relative.network for relative in shown], wraps=True),
            ViewColumn("state", [relative.state for relative in shown], rank=1),
        ],
        pd.DataFrame(),
        notes=[f"Of {children} children, {MAX_CHILDREN} are shown; --json has all."] if children > MAX_CHILDREN else (),
    )


def accuracies_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the accuracies and the gains."""
    rows = facts.accuracies
    if not rows:
        return
    yield TableView(
        "Accuracies",
        [
            ViewColumn("figure", [row.figure.removeprefix("robustness_") for row in rows]),
            ViewColumn("all", [f"{row.all:.3f}" for row in rows], is_number=True),
            ViewColumn("gain", [_gain_text(row.gain) for row in rows], is_number=True, rank=1),
            ViewColumn("over control", [_gain_text(row.gain_over_control) for row in rows], is_number=True, rank=1),
            ViewColumn("selection", [f"{row.selection:.3f}" for row in rows], is_number=True, rank=1),
            ViewColumn("report", [f"{row.report:.3f}" for row in rows], is_number=True, rank=1),
        ],
        pd.DataFrame(),
        notes=_accuracy_notes(facts, rows),
    )


def _gain_text(gain: GainFacts | None) -> str:
    """Return a gain with its interval, without spaces in the interval, so that it stays on one line."""
    if gain is None:
        return ""
    return f"{gain.all:+.1f}" + ("" if gain.low is None else f" ({gain.low:+.1f}…{gain.high:+.1f})")


def _accuracy_notes(facts: TrialFacts, rows: Sequence[AccuracyFacts]) -> list[str]:
    notes = []
    if any(row.gain or row.gain_over_control for row in rows):
        notes.append("Gains in percentage points on all test images (paired 95 % interval over these images).")
    if "robustness_definition" in facts.settings:
        notes.append(f"Robustness: the mean of {facts.settings['robustness_definition']}.")
    if facts.logit_margin is not None and facts.vanishing_gradients is not None:
        vanishing = f"{100 * facts.vanishing_gradients:.1f} % of the images have no gradient"
        notes.append(f"Mean logit margin {facts.logit_margin:.1f}; {vanishing}.")
    return notes


def attacks_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield a table for each attack: the accuracy under each kind at each severity."""
    by_attack = {attack: list(each) for attack, each in groupby(facts.severities, key=lambda each: each.attack)}
    *_, last = by_attack or [""]
    for attack, of_attack in by_attack.items():
        gains = "; gains in percentage points" if any(each.gain is not None for each in facts.severities) else ""
        notes = [f"* headline, which enters robustness{gains}."] if attack == last else []
        yield _attack_view(attack, of_attack, notes)


def _attack_view(attack: str, facts: list[SeverityFacts], notes: Sequence[str]) -> TableView:
    severities = {each.severity: each.is_headline for each in facts}
    by_place = {(each.kind, each.severity): each for each in facts}
    kinds = list(dict.fromkeys(each.kind for each in facts))
    is_epsilon = issubclass(EVALUATIONS[attack].settings, EpsilonSettings)
    unit = "ε" if is_epsilon else "side in pixels" if attack == "occlusion" else "severity"
    if len(kinds) == 1:
        names, cells = _rows_of_one_kind([by_place[kinds[0], severity] for severity in severities])
    else:
        names = kinds
        cells = [[_accuracy_text(by_place.get((kind, severity))) for severity in severities] for kind in kinds]
    columns = [
        ViewColumn(
            (epsilon_text(severity) if is_epsilon else f"{severity:g}") + ("*" if is_headline else ""),
            [row[index] for row in cells],
            is_number=True,
            rank=0 if is_headline else 2,
        )
        for index, (severity, is_headline) in enumerate(severities.items())
    ]
    if len(kinds) > 1:
        columns += _headline_gains(facts, kinds)
    return TableView(
        f"{attack} by {unit}",
        [ViewColumn("", names), *columns],
        pd.DataFrame(),
        notes=notes,
    )


def _accuracy_text(facts: SeverityFacts | None) -> str:
    return "" if facts is None else f"{facts.accuracy:.3f}"


def _rows_of_one_kind(facts: list[SeverityFacts]) -> tuple[list[str], list[list[str]]]:
    """Return the names and the cells of the rows for an attack of one kind: accuracies and gains by severity."""
    rows = {
        "accuracy": [_accuracy_text(each) for each in facts],
        "gain": [_points(each.gain) for each in facts],
        "over control": [_points(each.gain_over_control) for each in facts],
    }
    known = {name: cells for name, cells in rows.items() if any(cells)}
    return list(known), list(known.values())


def _headline_gains(facts: list[SeverityFacts], kinds: list[str]) -> Iterator[ViewColumn]:
    """Yield the columns with the mean gains of each kind over its headlines."""
    for heading, name in (("gain", "gain"), ("over control", "gain_over_control")):
        cells = []
        for kind in kinds:
            gains = [getattr(each, name) for each in facts if each.kind == kind and each.is_headline]
            cells.append(_points(sum(gains) / len(gains)) if gains and None not in gains else "")
        yield ViewColumn(heading, cells, is_number=True, rank=1)


def _points(gain: float | None) -> str:
    return "" if gain is None else f"{gain:+.1f}"


def classes_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the classes on which the trial lost most, and the one on which it gained most or lost least."""
    if facts.classes is None:
        if facts.accuracies:
            yield FactList("Classes", [("not known", f"{facts.no_classes}.")])
        return
    over, rows = facts.classes.over, facts.classes.by_class
    shown = rows if len(rows) <= WORST_CLASSES + 1 else [*rows[:WORST_CLASSES], rows[-1]]
    yield TableView(
        "Classes that pruning forgets" if facts.settings["structure"] != NONE else "Classes",
        [
            ViewColumn("class", [each.name or str(each.number) for each in shown], wraps=True),
            ViewColumn("images", [f"{each.images:,}" for each in shown], is_number=True, rank=2),
            ViewColumn("accuracy", [f"{each.accuracy:.3f}" for each in shown], is_number=True),
            ViewColumn(over or "", [_share_text(each.reference) for each in shown], is_number=True, rank=1),
            ViewColumn("gain", [_class_gain_text(each) for each in shown], is_number=True, rank=1),
            ViewColumn("p Holm", [_p_text(each.p_holm) for each in shown], is_number=True, rank=1),
        ],
        pd.DataFrame(),
        notes=_class_notes(facts.classes),
        headings={} if shown is rows else {0: "the worst", WORST_CLASSES: "the best"},
    )


def _share_text(share: float | None) -> str:
    return "" if share is None else f"{share:.3f}"


def _p_text(p: float | None) -> str:
    return "" if p is None else format_p_value(p)


def _class_gain_text(facts: ClassFacts) -> str:
    """Return the gain on a class with its interval, without spaces in the interval."""
    return "" if facts.gain is None else f"{facts.gain:+.1f} ({facts.low:+.1f}…{facts.high:+.1f})"


def _class_notes(classes: ClassesFacts) -> list[str]:
    notes = []
    if len(classes.by_class) > WORST_CLASSES + 1:
        notes.append(f"Of {len(classes.by_class):,} classes, {WORST_CLASSES + 1} are shown; --json has all.")
    if classes.over is not None:
        notes.append(
            f"Gains over the {classes.over} in percentage points on all test images of a class (paired 95 % interval "
            "by Bonett and Price); p Holm: exact McNemar test, adjusted for all classes."
        )
    if classes.ece is not None:
        reference = "" if classes.reference_ece is None else f"; of the {classes.over}: {classes.reference_ece:.3f}"
        notes.append(f"Expected calibration error: {classes.ece:.3f}{reference}.")
    return notes


def size_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the size of the network beside its baseline's, and what pruning left of each layer."""
    size = facts.size
    if size is None:
        return
    pairs = {
        "parameters": (size.parameters, size.baseline_parameters),
        "FLOPs": (size.flops, size.baseline_flops),
    }
    is_compared = any(here != baseline for here, baseline in pairs.values())
    columns = [
        ViewColumn("", list(pairs)),
        ViewColumn("network", [f"{here:,}" for here, _ in pairs.values()], is_number=True),
    ]
    if is_compared:
        columns += [
            ViewColumn("baseline", [_count(baseline) for _, baseline in pairs.values()], is_number=True),
            ViewColumn("share", [_percent(*pair) for pair in pairs.values()], is_number=True),
        ]
    removed = [
        f"{done:,} of {counted(asked, f'requested {noun}')}"
        for noun, done, asked in (
            ("filter", size.filters_removed, size.filters_asked),
            ("block", size.blocks_removed, size.blocks_asked),
        )
        if asked
    ]
    notes = [f"Removed since the baseline: {listed(removed)}."] if removed else []
    yield TableView("Size", columns, pd.DataFrame(), notes=notes)
    yield from _layers_view(size.layers)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _percent(here: int, baseline: int | None) -> str:
    return "" if not baseline else f"{100 * here / baseline:.1f} %"


def _layers_view(layers: list[LayerSize]) -> Iterator[TableView]:
    """Yield a table of the blocks and convolutions from which pruning removed something, if there are any."""
    changed = [layer for layer in layers if layer.after < layer.before]
    if not changed:
        return
    others = len(layers) - len(changed)
    yield TableView(
        "Layers",
        [
            ViewColumn("module", [layer.module for layer in changed]),
            ViewColumn("left", [_left_text(layer) for layer in changed], is_number=True),
            ViewColumn("", [_bar(layer) for layer in changed], rank=2),
        ],
        pd.DataFrame(),
        notes=[f"{counted(others, 'other module')} with removable structures kept all."] if others else (),
    )


def _left_text(layer: LayerSize) -> str:
    if layer.structure == "layers":
        return "block removed"
    return f"{layer.after} of {counted(layer.before, 'filter')}"


def _bar(layer: LayerSize) -> str:
    full = round(BAR_WIDTH * layer.after / layer.before)
    return "█" * full + "░" * (BAR_WIDTH - full)


def training_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield how the round was trained, and where and when it ran."""
    if facts.training is None or facts.round is None:
        return
    training, ran = facts.training, facts.round
    lines = [("epochs", f"{training.epochs:,} in this round, {training.epochs_total:,} since the start")]
    if training.history:
        losses = [epoch["loss"] for epoch in training.history]
        accuracy = training.history[-1]["accuracy"]
        lines.append(("loss", f"{losses[0]:.4g} {sparkline(losses, width=SPARKLINE_WIDTH)} {losses[-1]:.4g}"))
        lines.append(("accuracy", f"{accuracy:.3f} on the training images in the last epoch"))
    attacks = ", ".join(f"{name} {seconds:,.1f} s" for name, seconds in ran.attack_seconds.items())
    lines += [
        ("time", f"{ran.seconds:,.1f} s" + (f"; {attacks}" if attacks else "")),
        ("device", ran.device),
        ("finished", ran.finished_at),
        ("versions", ", ".join(f"{name} {version}" for name, version in ran.versions.items())),
    ]
    yield FactList("Training", lines)


def verdict_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the verdict on the gain in robustness."""
    verdict = facts.verdict
    if verdict is None:
        return
    gains = [("gain", verdict["gain"], verdict["lower"])]
    if verdict["gain_over_control"] is not None:
        gains.append(("over control", verdict["gain_over_control"], verdict["lower_over_control"]))
    yield FactList(
        "Verdict",
        [
            ("verdict", verdict["verdict"]),
            *((name, f"{gain:+.1f} p.p., at least {lower:+.1f} (95 %)") for name, gain, lower in gains),
            ("images", f"{verdict['images']:,} of the selection half, worst case over all attacks"),
            *(("alarm", alarm) for alarm in verdict["alarms"]),
            ("evidence", f"`prunesweep verify-robustness {facts.key[:KEY_DIGITS]}` on this store shows it"),
        ],
    )


def command_section(facts: TrialFacts) -> Iterator[PagePart]:
    """Yield the command that would make the trial alone."""
    if facts.command is None:
        yield FactList("The command that makes this trial alone", [("none", facts.no_command)])
        return
    yield FactList(
        "The command that makes this trial alone",
        [("note", note) for note in facts.command.notes],
        _broken_lines(facts.command.line),
    )


def _broken_lines(line: str) -> list[str]:
    """Return a shell command with each option on a line of its own."""
    words = shlex.split(line)
    starts = [index for index, word in enumerate(words) if word.startswith("--")]
    first, *others = [shlex.join(words[start:end]) for start, end in pairwise([0, *starts, len(words)])]
    return " \\\n  ".join([first, *others]).splitlines()


SECTIONS: tuple[PageSection, ...] = (
    identity_section,
    failure_section,
    relatives_section,
    accuracies_section,
    verdict_section,
    attacks_section,
    classes_section,
    size_section,
    training_section,
    setting_section,
    command_section,
)
"""The sections of the page, in their order."""
