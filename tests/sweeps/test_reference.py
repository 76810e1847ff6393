"""The reference of the sweep language: up to date, complete, and its schema accepts what the reader accepts."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import jsonschema
import pytest
import yaml

from prunesweep.sweeps.attacks import Attacks
from prunesweep.sweeps.catalogue import ATTACKS, DATASETS
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.language import (
    Adjustment,
    AdversarialTraining,
    Axes,
    Baseline,
    Pruning,
    Resources,
    Sweep,
)
from prunesweep.sweeps.reader import built_in_sweeps, parse_sweep
from prunesweep.sweeps.reference import as_markdown, json_schema, json_schema_text
from prunesweep.sweeps.reference.page import SAMPLE, SAMPLE_TRIALS
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.yaml_core import CoreLoader
from tests.sweeps.test_reader import MISTAKES, SWEEP, sweep_with

ROOT = Path(__file__).parents[2]
PAGE, SCHEMA = ROOT / "docs" / "sweep-files.md", ROOT / "docs" / "sweep-files.schema.json"
BLOCKS: dict[str, type[FrozenModel]] = {
    "": Sweep,
    "baseline.": Baseline,
    "baseline.adversarial.": AdversarialTraining,
    "adjustment.": Adjustment,
    "pruning.": Pruning,
    "axes.": Axes,
    "attacks.": Attacks,
    **{f"attacks.{name}.": entry.settings for name, entry in ATTACKS.items()},
    "resources.": Resources,
}


def loaded(text: str) -> Any:
    """A sweep file as an editor sees it."""
    return yaml.load(text, Loader=CoreLoader)


def accepts(text: str) -> bool:
    return bool(jsonschema.Draft7Validator(json_schema()).is_valid(loaded(text)))


def rows(page: str) -> dict[str, list[str]]:
    """The cells of every row, by its key; of a data set's own keys with the heading in front."""
    found, heading = {}, ""
    for line in page.splitlines():
        heading = line if line.startswith("#") else heading
        if line.startswith("| `"):
            key, *cells = (cell.strip() for cell in line.strip("| ").split(" | "))
            found[f"{heading} {key}" if heading.startswith("### dataset") else key] = cells
    return found


# ------------------------------------------------------------------------------------------------ up to date


def test_the_page_and_the_schema_are_those_of_the_models() -> None:
    text = "write sweeps.reference's as_markdown() and json_schema_text() to docs/sweep-files.md and .schema.json"
    assert PAGE.read_text(encoding="utf-8") == as_markdown(), text
    assert SCHEMA.read_text(encoding="utf-8") == json_schema_text(), text


@pytest.mark.parametrize(("prefix", "block"), BLOCKS.items(), ids=[f"{prefix}*" for prefix in BLOCKS])
def test_every_key_is_on_the_page_with_its_meaning(prefix: str, block: type[FrozenModel]) -> None:
    found = rows(as_markdown())
    for name in block.model_fields:
        values, _, meaning = found[f"`{prefix}{name}`"]
        assert len(values) > 3 and len(meaning) > 10, name


@pytest.mark.parametrize("name", DATASETS)
def test_every_key_of_a_data_set_is_on_the_page_with_its_meaning(name: str) -> None:
    found = rows(as_markdown())
    for key in DATASETS[name].settings.model_fields:
        heading = "" if key in DatasetSettings.model_fields else f"### dataset: {{name: {name}}} "
        values, _, meaning = found.get(f"`dataset.{key}`") or found[f"{heading}`dataset.{key}`"]
        assert len(values) > 3 and len(meaning) > 10, key


def test_the_tests_know_every_block() -> None:
    known = {block.__name__ for block in (*BLOCKS.values(), *(entry.settings for entry in DATASETS.values()))}
    below = re.findall(r"#/\$defs/(\w+)", json.dumps(Sweep.model_json_schema()))
    assert {"Sweep", *below} == known


@pytest.mark.parametrize(
    ("key", "cells"),
    [
        ("baseline.batch_size", ["whole number ≥ 2", "`128`", "images per batch"]),
        ("baseline.step_at", ["list of values, each a number in (0, 1)", "`[0.5, 0.75]`"]),
        ("baseline.learning_rate", ["number in (0, 10]", "`0.1`"]),
        ("adjustment.learning_rate", ["number in (0, 10]", "`0.01`"]),
        ("axes.ratio", ["number in (0, 1), or a list of them", "`0.1`"]),
        ("axes.architecture", ["`resnet20`, ", "required"]),
        ("attacks.pgd.epsilons", ["list of values, each a number in (0, 1]", "`[2/255, 8/255]`"]),
        ("attacks.corruptions.headline", ["whole number in [1, 5] or `mean`", "`5`"]),
        ("control", ["true or false", "`true`"]),
        ("resources.gpu", ["`auto` or number ≥ 0", "`0`"]),
        ("dataset.name", ["`digits`, `cifar10`, ", "required"]),
    ],
)
def test_rows_by_hand(key: str, cells: list[str]) -> None:
    found = rows(as_markdown())[f"`{key}`"]
    for cell, expected in zip(found, cells, strict=False):
        assert cell.startswith(expected)


def test_the_sample_is_a_handful_of_trials() -> None:
    tree = grow_tree(parse_sweep(SAMPLE))
    assert len(tree) == SAMPLE_TRIALS and not tree.invalid
    baselines, controls = sum(trial.is_baseline for trial in tree), sum(trial.is_control for trial in tree)
    kinds = f"{baselines} baseline, {controls} controls and {len(tree) - baselines - controls} pruned networks"
    assert f"{SAMPLE_TRIALS} trials, namely {kinds}" in as_markdown()
    assert f"```yaml\n{SAMPLE}```" in as_markdown()


# ------------------------------------------------------------------------------------------------ the schema


def documented_samples() -> dict[str, str]:
    """The whole sweep files in README and docs/, by page and number."""
    pages = {
        path.name: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
    }
    blocks = {name: re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) for name, page in pages.items()}
    return {
        f"{name}, block {number}": dedent(text)
        for name, texts in blocks.items()
        for number, text in enumerate(texts, 1)
        if dedent(text).startswith("name:")
    }


FILES = {
    **{name: path.read_text(encoding="utf-8") for name, path in built_in_sweeps().items()},
    **documented_samples(),
    "the tests of the reader": SWEEP,
}
INCOMPLETE = {"cifar10_pretrained", "imagenet", "paper/imagenet", "paper/imagenet_published"}  # need --set


@pytest.mark.parametrize("name", FILES)
def test_the_schema_accepts_files_that_the_reader_accepts(name: str) -> None:
    errors = [error.message for error in jsonschema.Draft7Validator(json_schema()).iter_errors(loaded(FILES[name]))]
    assert errors == [] or (name in INCOMPLETE and len(errors) == 1 and "valid under any" in errors[0])


def test_there_are_samples_in_the_documents() -> None:
    assert SAMPLE in documented_samples().values() and len(documented_samples()) > 1


def test_the_schema_is_one_that_editors_read() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())
    unknown = {"gt", "ge", "lt", "le", "prefixItems", "$defs", "discriminator"}
    assert not unknown & {*re.findall(r'"([\w$]+)":', json_schema_text())}


WRITTEN_OTHERWISE = [
    (6, "  learning_rate: 1e-1"),
    (6, "  learning_rate: '1/10'"),
    (6, "  learning_rate: .5"),
    (6, "  nesterov: no"),
    (6, "  nesterov: 'On'"),
    (6, "  mean: [0.5, 127/255, 1e-1]\n  std: [1/4, 0.2, 0.2]"),
    (6, "  adversarial: {epsilon: 8/255, steps: 7}"),
    (3, "seeds: 3"),
    (11, "    criterion: l1"),
    (11, "    adjustment: 'none'"),
    (11, "    adjustment: [null, fine_tune]"),
    (11, "    recipe: [plain, cutout]"),
    (12, "    ratio: [0.1, 1/5, 2e-1]"),
    (14, "  fgsm:"),
    (14, "  corruptions: {kinds: [fog], severities: [3, 5], headline: mean}"),
    (16, "resources: {gpu: auto}"),
    (16, "resources: {gpu: 1/4}"),
    (15, "control: yes"),
    (2, "dataset: {name: image_parquet, train: a.parquet, test: [b.parquet, c.parquet]}"),
    (2, "dataset: {name: imagenet, train: a, test: b, resize: 300, size: 224}"),
]


@pytest.mark.parametrize(("line", "text"), WRITTEN_OTHERWISE)
def test_the_schema_accepts_every_way_to_write_a_value(line: int, text: str) -> None:
    file = sweep_with(line, text)
    parse_sweep(file)
    assert accepts(file), text


# What concerns several keys at once, or needs arithmetic; the reader finds these.
BEYOND_A_SCHEMA = {
    "  learning_rate: 1/0",
    "  pgd: {random_start: false, restarts: 2}",
    "resources: {gpu: 1.5}",
    "name: again",
    "  fgsm: {headline: 8/255, headline: 8/255}",
}
KEY_MISTAKES: list[tuple[int, str]] = [
    (int(line), str(text)) for line, text, *_ in MISTAKES if text not in BEYOND_A_SCHEMA
]


@pytest.mark.parametrize(("line", "text"), KEY_MISTAKES)
def test_the_schema_refuses_what_the_reader_refuses(line: int, text: str) -> None:
    assert not accepts(sweep_with(line, text))


def test_what_is_beyond_a_schema_is_a_mistake_that_the_reader_finds() -> None:
    assert len(KEY_MISTAKES) == len(MISTAKES) - len(BEYOND_A_SCHEMA)
