"""The headline of an attack: an only severity is the headline, and settings accepted earlier keep their keys."""

from typing import Any

import pytest

from prunesweep.sweeps.attacks import MEAN, Corruptions, EpsilonSettings, Fgsm, Occlusion, Pgd
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.reader import parse_sweep
from tests.helpers.trees import TINY_SWEEP


def attack(name: str, settings: str, *overrides: str) -> Any:
    return parse_sweep(TINY_SWEEP, [f"attacks={{{name}: {settings}}}", *overrides]).attacks.chosen()[name]


@pytest.mark.parametrize("name", ["fgsm", "pgd", "square", "autoattack"])
@pytest.mark.parametrize("epsilons", ["[2/255]", "[2/255, 2/255]", f"[{2 / 255}, 2/255]"])
def test_the_only_epsilon_is_the_headline(name: str, epsilons: str) -> None:
    alone = attack(name, f"{{epsilons: {epsilons}}}")
    assert alone.headline == 2 / 255
    named = attack(name, "{epsilons: [2/255], headline: 2/255}")
    assert alone.non_default() == named.non_default() == {"epsilons": [2 / 255], "headline": 2 / 255}


@pytest.mark.parametrize("severity", [1, 3])
def test_the_only_severity_of_corruptions_is_the_headline(severity: int) -> None:
    alone = attack("corruptions", f"{{severities: [{severity}]}}")
    assert alone.headline == severity
    assert alone == attack("corruptions", f"{{severities: [{severity}], headline: {severity}}}")


def test_an_only_epsilon_is_the_headline_in_python_and_after_a_round_trip_through_json_too() -> None:
    assert Pgd(epsilons=(1 / 255,)).headline == 1 / 255
    alone = Fgsm(epsilons=(4 / 255,))
    assert Fgsm.model_validate(alone.model_dump(mode="json")) == alone


# Settings that earlier versions accepted: the same headline, and the same part of a key.


@pytest.mark.parametrize(
    ("settings", "headline", "in_key"),
    [
        (Fgsm(), 8 / 255, {}),
        (Fgsm(epsilons=(8 / 255,)), 8 / 255, {"epsilons": [8 / 255]}),
        (Fgsm(epsilons=(2 / 255, 8 / 255)), 8 / 255, {"epsilons": [2 / 255, 8 / 255]}),
        (Pgd(epsilons=(8 / 255,)), 8 / 255, {"epsilons": [8 / 255]}),
        (Pgd(epsilons=(4 / 255,), headline=4 / 255), 4 / 255, {"epsilons": [4 / 255], "headline": 4 / 255}),
        (Corruptions(severities=(5,)), 5, {"severities": [5]}),
        (Corruptions(severities=(2,), headline="mean"), MEAN, {"severities": [2], "headline": MEAN}),
        (Occlusion(sides=(4,)), None, {"sides": [4]}),
        (Occlusion(sides=(4,), headline=4), 4, {"sides": [4], "headline": 4}),
    ],
)
def test_settings_that_were_accepted_earlier_keep_their_headline_and_key(
    settings: EpsilonSettings | Corruptions | Occlusion, headline: Any, in_key: dict[str, Any]
) -> None:
    assert settings.headline == headline
    assert settings.non_default() == in_key


def test_the_headline_of_imagenet_c_files_is_the_mean_even_of_an_only_severity() -> None:
    official = attack("corruptions", "{source: imagenet_c, root: files, severities: [3]}")
    assert official.headline == MEAN


def test_half_of_the_image_side_is_evaluated_in_addition_to_an_only_side() -> None:
    occlusion = attack("occlusion", "{sides: [4]}")
    assert (occlusion.sides_on(16), occlusion.headline_on(16)) == ((4, 8), 8)


# Several severities without the default among them


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "pgd",
            "{epsilons: [2/255, 4/255]}",
            "8/255 is not among the epsilons (it is the default); give headline: 2",
        ),
        ("fgsm", "{epsilons: [3/255, 1/255, 2/255]}", "give headline: 1/255, 2/255 or 3/255"),
        (
            "square",
            "{epsilons: [4/255], headline: 8/255}",
            "headline 8/255 is not among the epsilons; give headline: ",
        ),
        ("corruptions", "{severities: [2, 1]}", "headline 5 is not among the severities (it is the default); give "),
        ("corruptions", "{severities: [1, 2]}", "give headline: 1, 2 or mean"),
        ("occlusion", "{sides: [2, 4], headline: 8}", "headline 8 is not among the sides; give headline: 2 or 4"),
    ],
)
def test_several_severities_without_the_default_need_a_headline(name: str, settings: str, message: str) -> None:
    with pytest.raises(SweepError) as refused:
        attack(name, settings)
    assert f"attacks.{name}: " in str(refused.value)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "override", "headline"),
    [
        ("pgd", "headline=2/255", 2 / 255),
        ("fgsm", "epsilons=[1/255]", 1 / 255),
        ("square", "epsilons=[0.01]", 0.01),
        ("corruptions", "severities=[2]", 2),
        ("corruptions", "headline=3", 3),
        ("corruptions", "headline=mean", MEAN),
    ],
)
def test_overriding_either_the_severities_or_the_headline_is_enough(name: str, override: str, headline: Any) -> None:
    assert attack(name, "{}", f"attacks.{name}.{override}").headline == headline
