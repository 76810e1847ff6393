"""The catalogue keeps its word: what it promises of the workers is there."""

from collections.abc import Mapping
from inspect import signature
from typing import Any, get_args

import pytest

from sweeps.attacks import DEFAULT_ATTACKS, Attacks
from sweeps.catalogue import (
    ADJUSTMENTS,
    ARCHITECTURES,
    ATTACKS,
    CRITERIA,
    DATASETS,
    EVALUATIONS,
    NONE,
    PRUNED_STRUCTURES,
    resolve,
)
from sweeps.datasets import DatasetSettings
from sweeps.language import Dataset, Training
from sweeps.trial import Round
from workers.architectures.architecture import Architecture


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_one_and_has_blocks_where_blocks_may_be_removed(name: str) -> None:
    entry = ARCHITECTURES[name]
    architecture = resolve(entry.code)
    assert isinstance(architecture, Architecture)
    assert set(entry.structures) <= set(PRUNED_STRUCTURES)
    assert bool(architecture.stages()) == ("layers" in entry.structures) == ("both" in entry.structures)


@pytest.mark.parametrize("name", CRITERIA)
def test_a_criterion_scores_filters_and_blocks(name: str) -> None:
    module = resolve(CRITERIA[name].code)
    assert callable(module.score_filters)
    assert callable(module.score_blocks)


@pytest.mark.parametrize("name", ADJUSTMENTS)
def test_an_adjustment_takes_a_network_and_its_work(name: str) -> None:
    assert list(signature(resolve(ADJUSTMENTS[name].code)).parameters) == ["network", "work"]


@pytest.mark.parametrize("name", EVALUATIONS)
def test_an_attack_takes_its_subject_and_settings_that_have_defaults(name: str) -> None:
    entry = EVALUATIONS[name]
    assert list(signature(resolve(entry.code)).parameters) == ["subject", "settings"]
    assert isinstance(entry.settings().headline_text(), str)


@pytest.mark.parametrize("name", DATASETS)
def test_a_data_set_is_loaded_from_its_settings(name: str) -> None:
    entry = DATASETS[name]
    assert list(signature(resolve(entry.code)).parameters) == ["settings"]
    assert get_args(entry.settings.model_fields["name"].annotation) == (name,)


def test_the_blocks_of_the_sweep_language_are_those_of_the_catalogue() -> None:
    fields = {name: get_args(field.annotation)[0] for name, field in Attacks.model_fields.items()}
    assert fields == {name: entry.settings for name, entry in ATTACKS.items()}
    union: tuple[type[DatasetSettings], ...] = get_args(get_args(Dataset)[0])
    assert set(union) == {entry.settings for entry in DATASETS.values()}


def test_by_default_every_attack_is_run() -> None:
    assert DEFAULT_ATTACKS.chosen().keys() == ATTACKS.keys()


@pytest.mark.parametrize("registry", [ARCHITECTURES, CRITERIA, ADJUSTMENTS, EVALUATIONS, DATASETS])
def test_versions_are_whole_numbers_from_one(registry: Mapping[str, Any]) -> None:
    assert all(isinstance(entry.version, int) and entry.version >= 1 for entry in registry.values())


def test_none_names_what_is_not_done() -> None:
    assert NONE not in PRUNED_STRUCTURES
    assert NONE not in CRITERIA
    assert Round(training=Training(epochs=1)).structure == NONE


def test_definitions_of_robustness_differ_where_the_attacked_images_do() -> None:
    corruptions = ATTACKS["corruptions"].settings
    settings: list[dict[str, Any]] = [
        {},
        {"severities": [3], "headline": 3},
        {"kinds": ["fog", "snow"]},
        {"kinds": ["fog", "frost"]},
        {"frost_textures": "generated"},
    ]
    definitions = [corruptions.model_validate(values).headline_text() for values in settings]
    assert definitions[0] == "mean of 15 kinds at 5"
    assert definitions[2] == "mean of snow, fog at 5"
    assert len(set(definitions)) == len(settings)
