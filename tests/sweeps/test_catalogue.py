"""The code that the catalogue names exists in the workers and has the expected interface."""

from collections.abc import Mapping
from dataclasses import replace
from inspect import signature
from typing import Any, get_args

import pytest

from prunesweep.sweeps.attacks import DEFAULT_ATTACKS, Attacks
from prunesweep.sweeps.catalogue import (
    ADJUSTMENTS,
    ARCHITECTURES,
    ATTACKS,
    CRITERIA,
    DATASETS,
    EVALUATIONS,
    NONE,
    PLAIN,
    PRUNED_STRUCTURES,
    RECIPES,
    resolve,
)
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.language import AnyDatasetSettings, Training
from prunesweep.sweeps.trial import Round
from prunesweep.workers.architectures.architecture import Architecture


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_architectures_have_blocks_if_and_only_if_blocks_are_removable(name: str) -> None:
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
def test_adjustments_take_a_network_and_its_work(name: str) -> None:
    assert list(signature(resolve(ADJUSTMENTS[name].code)).parameters) == ["network", "work"]


def test_every_adjustment_also_exists_followed_by_recalibration() -> None:
    schemes = {name for name, entry in ADJUSTMENTS.items() if not entry.recalibrates}
    recalibrated = {"bn_recalibrate", *(f"{name}+bn_recalibrate" for name in schemes - {NONE})}
    assert schemes == {"fine_tune", "scratch_e", "scratch_b", "winning_ticket", NONE}
    assert set(ADJUSTMENTS) == schemes | recalibrated
    for name in recalibrated:
        scheme = ADJUSTMENTS[NONE if name == "bn_recalibrate" else name.removesuffix("+bn_recalibrate")]
        assert ADJUSTMENTS[name] == replace(scheme, recalibrates=True)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_take_a_batch_and_a_generator_and_have_a_module_each(name: str) -> None:
    code = RECIPES[name].code
    assert list(signature(resolve(code)).parameters) == ["network", "images", "labels", "training", "generator"]
    assert code == f"prunesweep.workers.training.recipes.{name}:{name}"


@pytest.mark.parametrize("name", EVALUATIONS)
def test_attacks_take_a_subject_and_settings_that_have_defaults(name: str) -> None:
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
    union: tuple[type[DatasetSettings], ...] = get_args(get_args(AnyDatasetSettings)[0])
    assert set(union) == {entry.settings for entry in DATASETS.values()}


def test_the_default_attacks_are_the_papers_three() -> None:
    assert list(DEFAULT_ATTACKS.chosen()) == ["fgsm", "occlusion", "corruptions"]


@pytest.mark.parametrize("registry", [ARCHITECTURES, CRITERIA, ADJUSTMENTS, RECIPES, EVALUATIONS, DATASETS])
def test_versions_are_whole_numbers_from_1(registry: Mapping[str, Any]) -> None:
    assert all(isinstance(entry.version, int) and entry.version >= 1 for entry in registry.values())


def test_none_is_neither_a_pruned_structure_nor_a_criterion() -> None:
    assert NONE not in PRUNED_STRUCTURES
    assert NONE not in CRITERIA
    assert Round(training=Training(epochs=1)).structure == NONE
    assert Training().recipe == PLAIN


def test_robustness_definitions_differ_if_the_attacked_images_do() -> None:
    corruptions = ATTACKS["corruptions"].settings
    settings: list[dict[str, Any]] = [
        {},
        {"severities": [3], "headline": 3},
        {"kinds": ["fog", "snow"]},
        {"kinds": ["fog", "frost"]},
        {"frost_textures": "generated"},
        {"headline": "mean"},
        {"headline": "mean", "severities": [1, 3]},
        {"source": "cifar10_c", "root": "files"},
        {"source": "imagenet_c", "root": "files"},
        {"source": "imagenet_c", "root": "files", "headline": 5},
    ]
    definitions = [corruptions.model_validate(values).headline_text() for values in settings]
    assert definitions[0] == "mean of 15 kinds at 5"
    assert definitions[2] == "mean of snow, fog at 5"
    assert definitions[8] == "mean of 15 kinds at 1, 2, 3, 4, 5 of ImageNet-C's files"
    assert len(set(definitions)) == len(settings)


def test_robustness_definitions_differ_if_the_strength_of_the_attack_does() -> None:
    pgd: list[dict[str, Any]] = [
        {},
        {"headline": 2 / 255},
        {"steps": 20},
        {"step_size": 1 / 255},
        {"restarts": 5},
        {"loss": "margin"},
        {"random_start": False},
    ]
    definitions = [f"pgd {ATTACKS['pgd'].settings.model_validate(values).headline_text()}" for values in pgd]
    assert definitions[0] == "pgd at 8/255, 10 steps"
    assert definitions[3] == "pgd at 8/255, 10 steps of 1/255"
    for name, values in [("square", {"queries": 5000}), ("autoattack", {"version": "plus"}), ("fgsm", {})]:
        settings = ATTACKS[name].settings
        definitions += {f"{name} {settings.model_validate(chosen).headline_text()}" for chosen in ({}, values)}
    assert len(set(definitions)) == len(definitions) == len(pgd) + 5
