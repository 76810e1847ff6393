"""Golden keys: the keys under which existing stores hold their results do not change.

``golden_keys.json`` holds keys as they were when the first results were stored under them. If one of them changes,
results in existing stores are no longer found and are computed again. A new key is right only if the meaning of a phase
of a trial did change; then raise its version in ``sweeps/catalogue.py``.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from prunesweep.sweeps.analyses import Effort, SingleElements, Transfer, Verification
from prunesweep.sweeps.attacks import AttackSettings, Corruptions, Fgsm, Occlusion, Pgd
from prunesweep.sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, ATTACKS, CRITERIA, DATASETS, RECIPES
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.reader import parse_sweep
from tests.helpers.trees import SWEEP, only, pruned, tree_of

GOLDEN: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("golden_keys.json").read_text())

ONE = """
name: one
dataset: {name: digits}
baseline: {epochs: 4}
adjustment: {epochs: 2, rewind_epoch: 1}
axes: {architecture: resnet20}
attacks: {fgsm: }
"""
# Every setting of the sweep file that enters the key of a network, with a value other than its default.
EVERY_SETTING = """
name: every_setting
dataset: {name: digits, size: 20}
seeds: 3
baseline: &training
  epochs: 6
  batch_size: 32
  learning_rate: 1/20
  momentum: 0.8
  nesterov: false
  weight_decay: 1e-4
  schedule: step
  warmup_epochs: 1
  step_at: [0.4, 0.9]
  step_factor: 0.2
  label_smoothing: 0.1
  crop_padding: 3
  flip: true
  mean: [0.4, 0.5, 0.6]
  std: [0.1, 0.2, 0.3]
  adversarial: {epsilon: 4/255, steps: 3, step_size: 2/255}
adjustment:
  epochs: 3
  batch_size: 16
  learning_rate: 1e-3
  momentum: 0.7
  nesterov: false
  weight_decay: 0
  schedule: constant
  warmup_epochs: 2
  label_smoothing: 0.2
  crop_padding: 1
  flip: true
  rewind_epoch: 2
  recipe: baseline
pruning: {quota: per_layer, blocks: 2, scoring_images: 64}
axes:
  architecture: resnet32
  structure: both
  criterion: hrank
  adjustment: [fine_tune+bn_recalibrate, winning_ticket+bn_recalibrate]
  iterations: 2
  ratio: 0.25
  recipe: adversarial
dynamics: true
precision: bf16
resources: {cpu: 2}
attacks: {fgsm: }
"""


def keys_of_trials(folder: Path) -> Iterator[tuple[str, str | None]]:
    weights = folder / "weights.th"
    weights.write_bytes(b"not read when keys are made")
    tree = tree_of(SWEEP)
    ticket = only(tree, structure="filters", adjustment="winning_ticket")
    both = only(tree, structure="both")
    yield "baseline", only(tree, iterations=0).key
    yield "weights-file baseline", only(tree_of(SWEEP, f"baseline={{weights: {weights}}}"), iterations=0).key
    yield "pruned", only(tree, structure="filters", adjustment="fine_tune").key
    yield "control", only(tree, structure="none", adjustment="fine_tune", iterations=1).key
    yield "winning ticket", ticket.key
    yield "snapshot", ticket.snapshot_key
    yield "scores of layers", only(tree, structure="layers").score_keys["layers"]
    yield "scores of both, layers", both.score_keys["layers"]
    yield "scores of both, filters", both.score_keys["filters"]
    published = "baseline={weights: torchvision:IMAGENET1K_V2}"
    yield "pretrained baseline", only(tree_of(ONE, published, "axes.architecture=resnet50"), iterations=0).key


def keys_of_names(folder: Path) -> Iterator[tuple[str, str]]:
    for name in ARCHITECTURES:
        yield f"architecture {name}", pruned(ONE, f"axes.architecture={name}").key
    for name in CRITERIA:
        trial = pruned(ONE, f"axes.criterion={name}")
        yield f"criterion {name}", trial.key
        yield f"scores of {name}", trial.score_keys["filters"]
    for name in ADJUSTMENTS:
        yield f"adjustment {name}", pruned(ONE, f"axes.adjustment={name}").key
    for name in RECIPES:
        trial = pruned(ONE, f"axes.recipe={name}")
        yield f"recipe {name}", trial.baseline.key
        yield f"pruned, recipe {name}", trial.key
        yield f"fine-tuned by recipe {name}", pruned(ONE, f"axes.recipe={name}", "adjustment.recipe=baseline").key


def keys_of_every_setting(folder: Path) -> Iterator[tuple[str, str | None]]:
    tree = tree_of(EVERY_SETTING)
    yield "baseline", only(tree, recipe="adversarial", iterations=0).key
    for adjustment in ("fine_tune+bn_recalibrate", "winning_ticket+bn_recalibrate"):
        for iterations in (1, 2):
            trial = only(tree, structure="both", adjustment=adjustment, iterations=iterations)
            yield f"{adjustment} {iterations}", trial.key
            yield f"{adjustment} {iterations}, scores of layers", trial.score_keys["layers"]
            yield f"{adjustment} {iterations}, scores of filters", trial.score_keys["filters"]
    yield (
        "snapshot",
        only(tree, adjustment="winning_ticket+bn_recalibrate", iterations=1, structure="both").snapshot_key,
    )


ATTACK_SETTINGS = {
    "fgsm": ["{}", "{epsilons: [1/255, 3/255], headline: 3/255}"],
    "occlusion": ["{}", "{sides: [3, 5], headline: 5}", "{sides: [3]}"],
    "corruptions": [
        "{frost_textures: package}",
        "{frost_textures: generated}",
        "{kinds: [fog, snow], severities: [1, 4], headline: mean}",
        "{source: cifar10_c, root: FOLDER/cifar10_c, kinds: [fog]}",
        "{source: imagenet_c, root: FOLDER/imagenet_c, kinds: [fog], severities: [5]}",
        "{frost_textures: package, severities: [3], headline: mean}",
        "{frost_textures: package, severities: [3]}",
    ],
    "pgd": [
        "{}",
        "{epsilons: [4/255], headline: 4/255, steps: 7, step_size: 1/255, restarts: 2, loss: margin}",
        "{random_start: false}",
        "{epsilons: [2/255]}",
    ],
    "square": ["{}", "{epsilons: [2/255], headline: 2/255, queries: 50}", "{epsilons: [8/255]}"],
    "autoattack": ["{}", "{epsilons: [2/255], headline: 2/255, version: plus, batch: 50}"],
}


def keys_of_evaluations(folder: Path) -> Iterator[tuple[str, str]]:
    trial = only(tree_of(SWEEP), structure="filters", adjustment="fine_tune")
    for attack in trial.evaluations:
        yield attack, trial.evaluation_key(attack)
    write_official_corruptions(folder)
    for attack, alternatives in ATTACK_SETTINGS.items():
        for settings in alternatives:
            chosen = settings.replace("FOLDER", str(folder))
            trial = pruned(ONE, f"attacks={{{attack}: {chosen}}}")
            yield f"{attack} {settings}", trial.evaluation_key(attack)


def write_official_corruptions(folder: Path) -> None:
    """Write files in the layouts of CIFAR-10-C and ImageNet-C; computing a key does not decode them."""
    for path, content in {
        "cifar10_c/labels.npy": b"labels",
        "cifar10_c/fog.npy": bytes(3 * 2**20),
        **{f"imagenet_c/fog/5/n{number}/{name}.JPEG": b"picture" for number in "012" for name in "ab"},
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def write_images(folder: Path) -> None:
    """Write files in the layouts of all image readers; a fingerprint depends only on their bytes."""
    for split in ("train", "test"):
        for number in range(2):
            footer = f"{split} {number}".encode()
            shard = b"PAR1" + b"rows" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
            (folder / f"{split}-{number}.parquet").write_bytes(shard)
        for name in ("cat", "dog"):
            (folder / split / name / "deeper").mkdir(parents=True, exist_ok=True)
            (folder / split / name / "0.png").write_bytes(f"{split} {name}".encode())
            (folder / split / name / "deeper" / "1.JPEG").write_bytes(f"{split} {name} deeper".encode())
            (folder / split / name / "notes.txt").write_bytes(b"not an image")
            # Earlier versions ignored images in folders below the class folders of ``imagenet``.
            shutil.copytree(
                folder / split / name, folder / FLAT / split / name, ignore=shutil.ignore_patterns("deeper")
            )
            shutil.copytree(folder / split / name, folder / OTHERWISE / split / name)
            (folder / OTHERWISE / split / name / "0.png").write_bytes(GREY_16_BITS)
        for number in range(2):
            shutil.copy(folder / f"{split}-{number}.parquet", folder / FLAT)


# Subfolders: with images directly in the class folders, as earlier versions of ``imagenet`` required; and with images
# that earlier versions decoded differently.
FLAT, OTHERWISE = "flat", "otherwise"
# An image of one 16-bit pixel, which earlier versions clipped at 255.
GREY_16_BITS = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABEAAAAABq7kcWAAAAC0lEQVR4nGPQ0AAAAHsAUX+ny3gAAAAASUVORK5CYII="
)
DATA_SETTINGS = {
    "digits": ["", "size: 32"],
    "cifar10": ["", "root: elsewhere, download: true"],
    "cifar100": ["", "root: elsewhere, download: true"],
    "image_parquet": [
        "train: FOLDER/train-0.parquet, test: FOLDER/test-0.parquet",
        "train: [FOLDER/train-*.parquet], test: [FOLDER/test-*.parquet], classes: 5",
    ],
    "image_folder": ["train: FOLDER/train, test: FOLDER/test"],
    "imagenet": [
        "train: FOLDER/train, test: FOLDER/test",
        "train: FOLDER/train, test: FOLDER/test, size: 64, resize: 80, shuffle_window: 1",
        "train: FOLDER/train-*.parquet, test: FOLDER/test-*.parquet, classes: 5",
        "train: FOLDER/train-*.parquet, test: FOLDER/test, classes: 5, size: 64, resize: 80, shuffle_window: 1",
    ],
}
LIMITS = ["train_limit: 10", "test_limit: 7", "train_limit: 10, test_limit: 7"]
# Limits below the four images of each split; a limit that keeps all images has the key of earlier versions.
EFFECTIVE_LIMITS = "{name: image_folder, train: FOLDER/train, test: FOLDER/test, train_limit: 2, test_limit: 3}"
NESTED = "{name: imagenet, train: FOLDER/train, test: FOLDER/test, size: 32}"
CHANGED_DECODING = [
    "{name: image_folder, train: FOLDER/otherwise/train, test: FOLDER/otherwise/test}",
    "{name: imagenet, train: FOLDER/otherwise/train, test: FOLDER/otherwise/test}",
]


def keys_of_datasets(folder: Path) -> Iterator[tuple[str, str]]:
    write_images(folder)
    for name, alternatives in DATA_SETTINGS.items():
        below = folder / FLAT if name == "imagenet" else folder
        for chosen in alternatives:
            for limits in ("", *LIMITS):
                yield from keys_of_dataset(
                    "{" + ", ".join(filter(None, [f"name: {name}", chosen, limits])) + "}", below
                )
    for settings in (EFFECTIVE_LIMITS, NESTED, *CHANGED_DECODING):
        yield from keys_of_dataset(settings, folder)


def keys_of_dataset(settings: str, folder: Path) -> Iterator[tuple[str, str]]:
    fingerprints = data_fingerprints(dataset_settings(settings.replace("FOLDER", str(folder))))
    yield f"{settings}, training images", fingerprints.train
    yield f"{settings}, test images", fingerprints.test


def dataset_settings(settings: str) -> DatasetSettings:
    return parse_sweep(ONE.replace("{name: digits}", settings)).dataset


def keys_of_analyses(folder: Path) -> Iterator[tuple[str, str]]:
    fgsm, strong = Fgsm(epsilons=(8 / 255,)), Pgd(epsilons=(4 / 255,), headline=4 / 255, steps=5, restarts=2)
    yield "transfer by fgsm", Transfer("source", "target", "fgsm", fgsm, "images").key
    yield "transfer by pgd", Transfer("source", "target", "pgd", strong, "images").key
    corruptions = Corruptions(severities=(5,), frost_textures="generated")
    attacks: dict[str, AttackSettings] = {"fgsm": fgsm, "occlusion": Occlusion(), "corruptions": corruptions}
    yield "single filters", elements_key("filters", "layer1.0.conv1", {"fgsm": fgsm}, 2000)
    yield "single layers", elements_key("layers", "layer2.1", attacks, 10)
    yield "single elements on clean images", elements_key("filters", "layer1.0.conv1", {}, 2000)
    yield "verdict", verdict_key(None, 300, Effort())
    yield "verdict with control and AutoAttack", verdict_key("control", 50, Effort(autoattack=50))
    other = Effort(steps=5, restarts=1, queries=20, subset=20)
    yield "verdict by another effort", verdict_key("control", 10, other)


def elements_key(structure: str, module: str, attacks: Mapping[str, AttackSettings], images: int) -> str:
    return SingleElements("trial", structure, module, attacks, images, "images").key


def verdict_key(control: str | None, images: int, effort: Effort) -> str:
    return Verification("trial", "baseline", control, images, effort, "test images").key


KINDS: dict[str, Callable[[Path], Iterator[tuple[str, str | None]]]] = {
    "trials": keys_of_trials,
    "names": keys_of_names,
    "every setting": keys_of_every_setting,
    "evaluations": keys_of_evaluations,
    "datasets": keys_of_datasets,
    "analyses": keys_of_analyses,
}


@pytest.mark.parametrize("kind", KINDS)
def test_golden_keys_do_not_change(kind: str, tmp_path: Path) -> None:
    assert dict(KINDS[kind](tmp_path)) == GOLDEN[kind]


def test_every_name_of_the_catalogue_has_a_golden_key() -> None:
    assert ATTACK_SETTINGS.keys() == ATTACKS.keys()
    assert DATA_SETTINGS.keys() == DATASETS.keys()
    assert GOLDEN.keys() == KINDS.keys()
