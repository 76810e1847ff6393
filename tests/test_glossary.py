"""The glossary: every column, every option and every choice value of the command line is in it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from prunesweep.orchestrator.analyses.robustness import HOLDS, MASKING, ONLY_FGSM, UNDECIDED
from prunesweep.orchestrator.cli import COMMANDS, app
from prunesweep.orchestrator.comparison.axis_effects import EFFECT_COLUMNS, OVER_BASELINES, OVER_IMAGES
from prunesweep.orchestrator.comparison.compare import COMPARISON_COLUMNS, IS_ASCENDING
from prunesweep.orchestrator.comparison.compare_groups import GROUP_COLUMNS, OVER_SEEDS
from prunesweep.orchestrator.comparison.request import GAIN_BY_REFERENCE, IMAGE_SETS
from prunesweep.orchestrator.display.formats import TABLE_FORMATS
from prunesweep.orchestrator.display.reporting.choice import LOG_FORMATS
from prunesweep.orchestrator.export import FORMATS
from prunesweep.orchestrator.query.run_states import DEAD, SLOW
from prunesweep.results_store.schema import TABLES
from prunesweep.results_store.sweep_status import BROKEN, FINISHED, INTERRUPTED, RUNNING
from prunesweep.sweeps import catalogue
from prunesweep.sweeps.analyses import CRAFTING_ATTACKS, ELEMENT_ATTACKS, ELEMENT_STRUCTURES

GLOSSARY = (Path(__file__).resolve().parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")
ENTRIES = {*re.findall(r"`([^`]+)`", GLOSSARY)}

REGISTRIES = {
    "architectures": catalogue.ARCHITECTURES,
    "criteria": catalogue.CRITERIA,
    "adjustments": catalogue.ADJUSTMENTS,
    "recipes": catalogue.RECIPES,
    "structures": (*catalogue.PRUNED_STRUCTURES, catalogue.NONE),
    "attacks": catalogue.EVALUATIONS,
    "tables": TABLES,
    "compare --over": GAIN_BY_REFERENCE,
    "compare --images": IMAGE_SETS,
    "compare --sort": IS_ASCENDING,
    "columns of compare": COMPARISON_COLUMNS,
    "columns of compare A B": GROUP_COLUMNS,
    "columns of effects": EFFECT_COLUMNS,
    "intervals": (OVER_BASELINES, OVER_IMAGES, OVER_SEEDS),
    "elements --structure": ELEMENT_STRUCTURES,
    "elements --attacks": ELEMENT_ATTACKS,
    "transfer --attack": CRAFTING_ATTACKS,
    "export --format": FORMATS,
    "run --log": LOG_FORMATS,
    "--format of tables": TABLE_FORMATS,
    "run states": (RUNNING, SLOW, DEAD, FINISHED, INTERRUPTED, BROKEN),
    "verdicts": (HOLDS, MASKING, ONLY_FGSM, UNDECIDED),
}


def pattern_of(column: str) -> str:
    """The entry that stands for a column and others of its form."""
    attacks = "|".join(catalogue.ATTACKS)
    if re.search(r"_(selection|report)$", column):
        return "FIGURE_HALF"
    figure = re.fullmatch(rf"(?:generalization|robustness(?:_(?:{attacks}))?)_(gain(?:_over_control)?)", column)
    if figure:
        return f"FIGURE_{figure[1]}"
    if re.fullmatch(rf"robustness_({attacks})", column):
        return "robustness_ATTACK"
    is_setting = (
        column.startswith("baseline_") and column.removeprefix("baseline_") in ENTRIES and column not in ENTRIES
    )
    return "baseline_SETTING" if is_setting else column


def options(command: str) -> Iterator[str]:
    group: Any = typer.main.get_command(app)
    for parameter in group.commands[command].params:
        yield from (name for name in parameter.opts if name.startswith("--"))


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_in_it(table: str) -> None:
    assert {pattern_of(column.name) for column in TABLES[table]} <= ENTRIES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_it(command: str) -> None:
    assert {*options(command)} <= ENTRIES


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_choice_value_is_in_it(registry: str) -> None:
    assert {*REGISTRIES[registry]} <= ENTRIES


def test_no_word_has_two_lines() -> None:
    words = re.findall(r"^\| ([\w ]+) \|", GLOSSARY.partition("## Columns")[0], re.MULTILINE)
    assert len(words) > 70
    assert [word for word in words if words.count(word) > 1 and word != "word"] == []
