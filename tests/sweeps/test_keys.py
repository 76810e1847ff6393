"""Keys: which settings, files and versions change the key of each stored object, and which do not."""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prunesweep.sweeps import catalogue
from prunesweep.sweeps.analyses import Effort, SingleElements, Transfer, Verification
from prunesweep.sweeps.attacks import Fgsm
from prunesweep.sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, CRITERIA, DATASETS, EVALUATIONS, RECIPES
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.language import Adjustment, AdversarialTraining, Baseline, Pruning, Training, TrainingSettings
from prunesweep.sweeps.trial import Round, Trial
from tests.helpers.trees import SWEEP, only, pruned, tree_of

# Changes of a network's key

SETTINGS = {
    "seed": "seeds=1",
    "architecture": "axes.architecture=resnet32",
    "structure": "axes.structure=both",
    "criterion": "axes.criterion=l1",
    "adjustment": "axes.adjustment=none",
    "iterations": "axes.iterations=2",
    "ratio": "axes.ratio=0.2",
    "quota": "pruning.quota=per_layer",
    "scoring_images": "pruning.scoring_images=64",
    "blocks": "pruning.blocks=1",
    "precision": "precision=bf16",
    "threads": "resources.cpu=2",
    "mean and std": "baseline={epochs: 4, mean: [0, 0, 0], std: [1, 1, 1]}",
    "training images": "dataset.train_limit=100",
    "image size": "dataset.size=32",
    "dynamics": "dynamics=true",
    **{f"recipe {name}": f"axes.recipe={name}" for name in RECIPES if name != "plain"},
    "recalibration": "axes.adjustment=bn_recalibrate",
    "recalibration after training": "axes.adjustment=fine_tune+bn_recalibrate",
}
TRAINING = {
    "epochs": "3",
    "batch_size": "32",
    "learning_rate": "0.03",
    "momentum": "0.8",
    "nesterov": "false",
    "weight_decay": "0",
    "schedule": "step",
    "warmup_epochs": "1",
    "step_at": "[0.4]",
    "step_factor": "0.2",
    "label_smoothing": "0.1",
    "crop_padding": "1",
    "flip": "true",
}
ADVERSARIAL = {"epsilon": "4/255", "steps": "1", "step_size": "2/255"}
ONE = (
    "name: one\ndataset: {name: digits}\nbaseline: {epochs: 4}\nadjustment: {epochs: 2}\naxes: {architecture: resnet20}"
)


def last_trial(*overrides: str) -> Trial:
    """Return the pruned trial with the most iterations of a sweep of one setting."""
    return pruned(ONE, *overrides)


@pytest.mark.parametrize("override", [o for name, o in SETTINGS.items() if name != "blocks"])
def test_each_setting_of_a_trial_changes_its_key(override: str) -> None:
    assert last_trial(override).key != last_trial().key


def test_the_number_of_blocks_changes_the_key_if_blocks_are_removed() -> None:
    blocks = SETTINGS["blocks"]
    assert last_trial("axes.structure=layers", blocks).key != last_trial("axes.structure=layers").key
    assert last_trial(blocks).key == last_trial().key


@pytest.mark.parametrize("block", ["baseline", "adjustment"])
@pytest.mark.parametrize("setting", TRAINING)
def test_each_training_setting_changes_the_keys_of_what_is_trained_with_it_and_after_it(
    block: str, setting: str
) -> None:
    before, after = last_trial(), last_trial(f"{block}.{setting}={TRAINING[setting]}")
    assert after.key != before.key
    assert (after.baseline.key != before.baseline.key) == (block == "baseline")


def test_the_rewind_epoch_changes_only_winning_tickets() -> None:
    rewound = [tree_of(SWEEP, f"adjustment.rewind_epoch={epoch}") for epoch in (1, 2)]
    tickets, tuned, baselines = (
        [only(tree, **settings).key for tree in rewound]
        for settings in (
            {"structure": "filters", "adjustment": "winning_ticket"},
            {"structure": "filters", "adjustment": "fine_tune"},
            {"iterations": 0},
        )
    )
    assert tickets[0] != tickets[1]
    assert tuned[0] == tuned[1]
    assert baselines[0] == baselines[1]


@pytest.mark.parametrize("setting", ADVERSARIAL)
def test_settings_of_adversarial_training_change_only_keys_of_adversarially_trained_networks(setting: str) -> None:
    change, defended = f"baseline.adversarial.{setting}={ADVERSARIAL[setting]}", "axes.recipe=adversarial"
    assert last_trial(change).key == last_trial().key
    assert last_trial(change, "axes.recipe=mixup").key == last_trial("axes.recipe=mixup").key
    assert last_trial(change, defended).baseline.key != last_trial(defended).baseline.key


def test_fine_tuning_by_the_baselines_recipe_changes_the_key_unless_the_recipe_is_plain() -> None:
    by_recipe, defended = "adjustment.recipe=baseline", "axes.recipe=cutout"
    assert last_trial(by_recipe).key == last_trial().key
    assert last_trial(by_recipe, defended).key != last_trial(defended).key
    assert last_trial(by_recipe, defended).baseline.key == last_trial(defended).baseline.key


def test_the_key_of_recalibration_depends_only_on_the_batch_size_among_training_settings() -> None:
    alone = "axes.adjustment=bn_recalibrate"
    assert last_trial(alone, "adjustment.learning_rate=0.5", "adjustment.epochs=9").key == last_trial(alone).key
    assert last_trial(alone, "adjustment.batch_size=32").key != last_trial(alone).key


def test_no_two_recipes_or_adjustments_share_a_key() -> None:
    trials = list(tree_of(ONE, f"axes.recipe=[{','.join(RECIPES)}]", "adjustment.rewind_epoch=1"))
    trials += list(tree_of(ONE, f"axes.adjustment=[{','.join(ADJUSTMENTS)}]", "adjustment.rewind_epoch=1"))
    words = [tuple(trial.settings.values()) for trial in trials]
    assert len({trial.key for trial in trials}) == len(set(words))


def test_every_setting_is_covered_above() -> None:
    assert set(TRAINING) == set(TrainingSettings.model_fields)
    assert set(Training.model_fields) - set(TRAINING) == {"recipe", "adversarial"}
    assert set(Adjustment.model_fields) - set(TRAINING) == {"rewind_epoch", "recipe"}
    assert set(Baseline.model_fields) - set(TRAINING) == {"weights", "defences", "mean", "std", "adversarial"}
    assert set(ADVERSARIAL) == set(AdversarialTraining.model_fields)
    assert set(Pruning.model_fields) <= set(SETTINGS)


def parquet_sweep(folder: Path, train: bytes = b"train", test: bytes = b"test") -> Trial:
    """Return the baseline of a sweep on two files with these bytes; computing a key decodes no image."""
    folder.mkdir(exist_ok=True)
    for name, content in {"train": train, "test": test}.items():
        (folder / name).write_bytes(content)
    text = ONE.replace("{name: digits}", f"{{name: image_parquet, train: {folder}/train, test: {folder}/test}}")
    return next(iter(tree_of(text)))


def test_training_images_change_keys_of_networks_and_test_images_those_of_evaluations(tmp_path: Path) -> None:
    before, other_train = parquet_sweep(tmp_path / "a"), parquet_sweep(tmp_path / "b", train=b"other")
    other_test = parquet_sweep(tmp_path / "c", test=b"other")
    assert other_train.key != before.key
    assert other_test.key == before.key
    assert other_test.evaluation_key("fgsm") != before.evaluation_key("fgsm")


def test_the_bytes_of_a_weights_file_change_the_key_and_its_path_does_not(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.th", "b.th", "c.th")]
    for path, content in zip(paths, [b"one", b"one", b"two"], strict=True):
        path.write_bytes(content)
    one, moved, two = (last_trial(f"baseline={{weights: {path}}}") for path in paths)
    assert one.key == moved.key != two.key


def test_the_name_of_a_published_network_does_not_change_the_key(tmp_path: Path) -> None:
    for name in ("plain.th", "sin.pth"):
        (tmp_path / name).write_bytes(name.encode())
    files = f"weights: {tmp_path}/plain.th, defences: {{NAME: {tmp_path}/sin.pth}}"
    names = ["stylized", "other"]
    one, other = (
        only(tree_of(ONE, f"baseline={{{files.replace('NAME', name)}}}", f"axes.recipe={name}"), structure="filters")
        for name in names
    )
    assert one.key == other.key
    assert [one.recipe, other.recipe] == names
    assert one.baseline.weights == str(tmp_path / "sin.pth")


VERSIONS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "training": lambda patch: patch.setattr("prunesweep.sweeps.trial.TRAINING_VERSION", 99),
    "scoring": lambda patch: patch.setattr("prunesweep.sweeps.trial.SCORING_VERSION", 99),
    "removal": lambda patch: patch.setattr("prunesweep.sweeps.trial.REMOVAL_VERSION", 99),
    "architecture": lambda patch: raise_version(patch, ARCHITECTURES, "resnet20"),
    "criterion": lambda patch: raise_version(patch, CRITERIA, "pls"),
    "adjustment": lambda patch: raise_version(patch, ADJUSTMENTS, "fine_tune"),
    "data set": lambda patch: raise_version(patch, DATASETS, "digits"),
}


def raise_version(patch: pytest.MonkeyPatch, registry: Any, name: str) -> None:
    patch.setitem(registry, name, replace(registry[name], version=99))


@pytest.mark.parametrize("phase", VERSIONS)
def test_the_version_of_a_phase_changes_the_key(phase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = last_trial().key
    VERSIONS[phase](monkeypatch)
    assert last_trial().key != before


def test_versions_of_phases_that_a_trial_does_not_use_do_not_change_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = last_trial()
    for registry, name in [(ARCHITECTURES, "vgg16"), (CRITERIA, "l1"), (ADJUSTMENTS, "none"), (DATASETS, "cifar10")]:
        raise_version(monkeypatch, registry, name)
    for phase in ("scoring", "removal", "criterion", "adjustment"):
        VERSIONS[phase](monkeypatch)
    for name in RECIPES:
        raise_version(monkeypatch, RECIPES, name)
    monkeypatch.setattr("prunesweep.sweeps.trial.RECALIBRATION_VERSION", 99)
    assert last_trial().baseline.key == before.baseline.key


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "plain"])
def test_the_version_of_a_recipe_changes_only_networks_trained_by_it(
    recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, plain = last_trial(f"axes.recipe={recipe}"), last_trial()
    raise_version(monkeypatch, RECIPES, recipe)
    assert last_trial(f"axes.recipe={recipe}").baseline.key != before.baseline.key
    assert last_trial().key == plain.key


def test_the_version_of_recalibration_changes_only_recalibrated_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    schemes = [f"axes.adjustment={name}" for name in ("bn_recalibrate", "fine_tune+bn_recalibrate", "fine_tune")]
    before = [last_trial(scheme).key for scheme in schemes]
    monkeypatch.setattr("prunesweep.sweeps.trial.RECALIBRATION_VERSION", 99)
    assert [last_trial(scheme).key == key for scheme, key in zip(schemes, before, strict=True)] == [False, False, True]


ANALYSES: dict[str, Transfer | SingleElements | Verification] = {
    "TRANSFER_VERSION": Transfer("source", "target", "fgsm", Fgsm(), "images"),
    "ELEMENTS_VERSION": SingleElements("network", "filters", "layer1.0.conv1", {"fgsm": Fgsm()}, 10, "images"),
    "VERDICT_VERSION": Verification("network", "baseline", None, 10, Effort(), "images"),
}


@pytest.mark.parametrize("version", ANALYSES)
def test_the_version_of_an_analysis_changes_only_its_own_keys(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: analysis.key for name, analysis in ANALYSES.items()}
    monkeypatch.setattr(f"prunesweep.sweeps.analyses.{version}", 99)
    changed = [name for name, analysis in ANALYSES.items() if analysis.key != before[name]]
    assert changed == [version]


def with_other(analysis: Any, **settings: Any) -> Transfer | SingleElements | Verification:
    other: Transfer | SingleElements | Verification = replace(analysis, **settings)
    return other


def test_each_part_of_an_analysis_changes_its_key() -> None:
    transfer, elements, verdict = ANALYSES.values()
    others = [
        *(with_other(transfer, **{name: "other"}) for name in ("source", "target", "test_fingerprint")),
        with_other(transfer, attack="pgd"),
        with_other(transfer, settings=Fgsm(epsilons=(8 / 255,))),
        *(with_other(elements, **{name: "other"}) for name in ("network", "structure", "module", "test_fingerprint")),
        with_other(elements, attacks={}),
        with_other(elements, images=11),
        *(with_other(verdict, **{name: "other"}) for name in ("network", "baseline", "control", "test_fingerprint")),
        with_other(verdict, images=11),
        *(with_other(verdict, effort=Effort(**{name: 3})) for name in Effort.model_fields),
    ]
    keys = [analysis.key for analysis in (*ANALYSES.values(), *others)]
    assert len(set(keys)) == len(keys)


def test_every_version_of_the_catalogue_is_covered_above() -> None:
    assert {name for name in vars(catalogue) if name.endswith("_VERSION")} == {
        *ANALYSES,
        "TRAINING_VERSION",
        "RECALIBRATION_VERSION",
        "REMOVAL_VERSION",
        "SCORING_VERSION",
    }


# Settings that do not change a key


@pytest.mark.parametrize(
    "overrides",
    [
        ["name=other"],
        ["control=false"],
        ["resources.workers=3", "resources.gpu=0.5"],
        ["resources.gpu=auto"],
        ["attacks={fgsm: {epsilons: [8/255]}}"],
        ["axes.ratio=[0.3, 0.1]", "axes.criterion=[l1, pls]", "seeds=[2, 0]"],
        ["axes=[{architecture: vgg16}, {architecture: resnet20}]"],
        ["dataset.test_limit=50"],
        ["baseline.learning_rate=1e-1", "baseline.momentum=9/10"],
        ["baseline.schedule=cosine", "pruning.scoring_images=512", "dataset.size=16"],
    ],
    ids=" ".join,
)
def test_a_networks_key_does_not_depend_on(overrides: Sequence[str]) -> None:
    assert last_trial().key in tree_of(ONE, *overrides).trials


class TrainingLater(Training):
    averaging: bool = False


class RoundLater(Round):
    training: TrainingLater | None = None
    regrow: float = 0.0


class FgsmLater(Fgsm):
    steps: int = 1


def later(trial: Trial, **settings: Any) -> Trial:
    """Return the trial as a later version of the product with more settings would describe it."""
    values = {**dict(trial.round), **settings}
    training = TrainingLater(**dict(trial.round.training or Training()))
    return replace(trial, round=RoundLater(**{**values, "training": settings.get("training", training)}))


def test_a_setting_that_is_added_later_does_not_change_keys_at_its_default() -> None:
    trial = last_trial()
    assert later(trial).key == trial.key
    assert later(trial, regrow=0.5).key != trial.key
    assert later(trial, training=TrainingLater(epochs=2, learning_rate=0.01, averaging=True)).key != trial.key


def test_an_attack_setting_that_is_added_later_does_not_change_keys_at_its_default() -> None:
    trial = last_trial("attacks={fgsm: {epsilons: [8/255]}}")
    later = replace(trial.context, attacks={"fgsm": FgsmLater(epsilons=(8 / 255,))})
    assert replace(trial, context=later).evaluation_key("fgsm") == trial.evaluation_key("fgsm")
    other = replace(trial.context, attacks={"fgsm": FgsmLater(epsilons=(8 / 255,), steps=2)})
    assert replace(trial, context=other).evaluation_key("fgsm") != trial.evaluation_key("fgsm")


# Evaluations and scores


def test_settings_and_version_of_an_attack_change_only_its_own_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    def keys(*overrides: str) -> dict[str, str]:
        trial = only(tree_of(SWEEP, *overrides), iterations=0)
        return {"network": trial.key} | {attack: trial.evaluation_key(attack) for attack in trial.evaluations}

    def changed(after: dict[str, str]) -> set[str]:
        return {name for name, key in before.items() if after[name] != key}

    before = keys()
    assert changed(keys("attacks.fgsm.epsilons=[8/255]")) == {"fgsm"}
    assert changed(keys("attacks.occlusion={sides: [8]}")) == {"occlusion"}
    assert changed(keys("attacks.corruptions.kinds=[fog]")) == {"corruptions"}
    assert changed(keys("attacks.corruptions.frost_textures=generated")) == {"corruptions"}
    assert changed(keys("attacks.corruptions.headline=mean")) == {"corruptions"}
    raise_version(monkeypatch, EVALUATIONS, "clean")
    assert changed(keys()) == {"clean"}


@pytest.mark.parametrize(
    ("attack", "again"),
    [
        ("fgsm", "{epsilons: [8/255, 4/255, 8/255]}"),
        ("occlusion", "{}"),
        ("corruptions", "{severities: [5, 5], frost_textures: package}"),
    ],
)
def test_order_and_repetition_of_severities_do_not_change_the_key(attack: str, again: str) -> None:
    before, after = (only(tree_of(SWEEP, *o), iterations=0) for o in ([], [f"attacks.{attack}={again}"]))
    assert after.evaluation_key(attack) == before.evaluation_key(attack)


OTHER_EPSILONS = {"epsilons": "epsilons: [1/255, 8/255]", "headline": "epsilons: [1/255, 8/255], headline: 1/255"}
STRONGER = {
    "pgd": {
        **OTHER_EPSILONS,
        "steps": "steps: 20",
        "step_size": "step_size: 1/255",
        "restarts": "restarts: 2",
        "loss": "loss: margin",
        "random_start": "random_start: false",
    },
    "square": {**OTHER_EPSILONS, "queries": "queries: 500"},
    "autoattack": {**OTHER_EPSILONS, "version": "version: plus", "batch": "batch: 50"},
}


@pytest.mark.parametrize("attack", STRONGER)
def test_each_setting_of_the_stronger_attacks_changes_the_evaluation(attack: str) -> None:
    assert STRONGER[attack].keys() == EVALUATIONS[attack].settings.model_fields.keys()
    trials = [last_trial(f"attacks={{{attack}: {{{settings}}}}}") for settings in ("", *STRONGER[attack].values())]
    keys = [trial.evaluation_key(attack) for trial in trials]
    assert len(set(keys)) == len(keys)


def test_order_and_repetition_of_kinds_do_not_change_the_key() -> None:
    trials = [last_trial(f"attacks.corruptions.kinds={kinds}") for kinds in ("[fog, frost]", "[frost, fog, frost]")]
    assert trials[0].evaluation_key("corruptions") == trials[1].evaluation_key("corruptions")


def with_arrays(root: Path, fog: bytes = b"fog", labels: bytes = b"labels", settings: str = "") -> str:
    """Return the key of an evaluation on CIFAR-10-C files with these bytes; computing it opens no array."""
    root.mkdir(exist_ok=True)
    for name, content in {"labels": labels, "fog": fog}.items():
        (root / f"{name}.npy").write_bytes(content)
    trial = last_trial(f"attacks={{corruptions: {{source: cifar10_c, root: {root}, kinds: [fog]{settings}}}}}")
    return trial.evaluation_key("corruptions")


def test_the_content_of_official_files_changes_the_key_and_their_path_does_not(tmp_path: Path) -> None:
    large = bytes(3 * 2**20)
    before = with_arrays(tmp_path / "a", large)
    assert with_arrays(tmp_path / "b", large) == before
    others = [
        with_arrays(tmp_path / "c", large + b"."),
        with_arrays(tmp_path / "d", b"." + large[1:]),
        with_arrays(tmp_path / "e", large[1:] + b"."),
        with_arrays(tmp_path / "f", large, labels=b"other"),
        with_arrays(tmp_path / "g", large, settings=", headline: mean"),
        with_arrays(tmp_path / "h", large, settings=", severities: [5]"),
        last_trial("attacks={corruptions: {kinds: [fog]}}").evaluation_key("corruptions"),
    ]
    assert len({before, *others}) == 1 + len(others)
    assert with_arrays(tmp_path / "i", large, settings=", frost_textures: generated") == before


def with_folders(root: Path, **files: bytes) -> str:
    """Return the key of an evaluation on ImageNet-C folders of three classes, with some files changed or added."""
    original = {f"fog/5/n{number}/{name}.JPEG": b"picture" for number in "012" for name in "ab"}
    for name, content in (original | {name.replace("_", "/"): content for name, content in files.items()}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    settings = f"{{source: imagenet_c, root: {root}, kinds: [fog], severities: [5]}}"
    return last_trial(f"attacks={{corruptions: {settings}}}").evaluation_key("corruptions")


def test_the_key_depends_on_names_sizes_and_two_files_of_imagenet_c(tmp_path: Path) -> None:
    before = with_folders(tmp_path / "a")
    assert with_folders(tmp_path / "b") == before
    others = [
        with_folders(tmp_path / "c", **{"fog_5_n3_a.JPEG": b"picture"}),
        with_folders(tmp_path / "d", **{"fog_5_n0_c.JPEG": b"picture"}),
        with_folders(tmp_path / "e", **{"fog_5_n0_b.JPEG": b"longer picture"}),
        with_folders(tmp_path / "f", **{"fog_5_n0_a.JPEG": b"another"}),
        with_folders(tmp_path / "g", **{"fog_5_n2_b.JPEG": b"another"}),
    ]
    assert len({before, *others}) == 1 + len(others)


def test_resolved_settings_survive_pickling(tmp_path: Path) -> None:
    with_arrays(tmp_path)
    trial = last_trial(f"attacks={{corruptions: {{source: cifar10_c, root: {tmp_path}, kinds: [fog]}}}}")
    unpickled = pickle.loads(pickle.dumps(trial))
    assert unpickled.context.attacks == trial.context.attacks
    assert unpickled.result_keys == trial.result_keys


def test_keys_of_scores_depend_only_on_parent_criterion_structure_and_images() -> None:
    def key(*overrides: str) -> str:
        return last_trial(*overrides).score_keys["filters"]

    for same in ("axes.ratio=0.5", "pruning.quota=per_layer", "axes.adjustment=none", "adjustment.epochs=5"):
        assert key(same) == key()
    for other in ("axes.criterion=l1", "pruning.scoring_images=64", "baseline.epochs=3", "seeds=1", "precision=bf16"):
        assert key(other) != key()


def test_equal_contents_of_different_kinds_have_different_keys() -> None:
    assert key_of("network", [1]) != key_of("scores", [1])


def test_a_key_does_not_depend_on_the_order_of_a_mapping() -> None:
    assert key_of("network", {"a": 1, "b": 2}) == key_of("network", {"b": 2, "a": 1})


def test_no_two_results_share_a_key() -> None:
    keys = [key for seed in (0, 1) for trial in tree_of(SWEEP, f"seeds={seed}") for key in trial.result_keys]
    assert len(keys) == len(set(keys))
