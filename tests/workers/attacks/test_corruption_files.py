"""The official corruption files, in small versions that the tests write: their images, and mistakes in them."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from prunesweep.orchestrator.running.run import run_sweep
from prunesweep.results_store import Store
from prunesweep.results_store.corruption_metrics import mean_corruption_error, relative_mean_corruption_error
from prunesweep.sweeps.attacks import CORRUPTION_KINDS, Corruptions
from prunesweep.sweeps.datasets import Digits
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.corruptions import attack
from prunesweep.workers.attacks.corruptions.attack import corruptions
from prunesweep.workers.attacks.corruptions.corrupt import corrupt
from prunesweep.workers.attacks.corruptions.sources import check_files, corrupted_source, matching_share
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset, Split

MakeNetwork = Callable[..., Network]
CorruptedByCell = dict[tuple[str, int], Tensor]
Change = Callable[[Path], object]
IMAGES = 40
SEVERITIES = (1, 2, 3, 4, 5)
IN_FOLDERS: dict[str, Any] = {"source": "imagenet_c", "kinds": ["fog", "brightness"], "severities": [1, 5]}


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Images in random order of classes, as they are in shards."""
    return load_dataset(Digits(name="digits", size=16, train_limit=96, test_limit=IMAGES))


@pytest.fixture(scope="module")
def corrupted_cells(data: Dataset) -> CorruptedByCell:
    test, cells = data.test.read(slice(None)), product(CORRUPTION_KINDS, SEVERITIES)
    return {(kind, severity): corrupt(test, kind, severity, frost_textures="generated") for kind, severity in cells}


@pytest.fixture
def cifar10_c(tmp_path: Path, data: Dataset, corrupted_cells: CorruptedByCell) -> Path:
    """The test images in the form of CIFAR-10-C: one array per kind, and the labels once for each severity."""
    root = tmp_path / "CIFAR-10-C"
    root.mkdir()
    np.save(root / "labels.npy", np.tile(data.test.labels.numpy().astype(np.uint8), 5))
    for kind in CORRUPTION_KINDS:
        np.save(
            root / f"{kind}.npy", np.concatenate([by_pixel(corrupted_cells[kind, severity]) for severity in SEVERITIES])
        )
    np.save(root / "speckle_noise.npy", np.zeros(3))  # one of the four extra kinds, which are ignored
    return root


@pytest.fixture
def imagenet_c(tmp_path: Path, data: Dataset, corrupted_cells: CorruptedByCell) -> Path:
    """The test images in the form of ImageNet-C, under two kinds; lossless, so that pixels can be compared."""
    root = tmp_path / "ImageNet-C"
    for kind, severity in product(IN_FOLDERS["kinds"], IN_FOLDERS["severities"]):
        for index, image in enumerate(by_pixel(corrupted_cells[kind, severity])):
            folder = root / kind / str(severity) / f"n{int(data.test.labels[index]):08}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"val_{index:08}.png")
    return root


def by_pixel(images: Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def resolved(root: Path, **given: Any) -> Corruptions:
    return Corruptions.model_validate({"source": "cifar10_c", "root": str(root), **given}).resolved()


def part_of(data: Dataset, indices: Tensor) -> Dataset:
    test = Split(data.test.read(indices), data.test.labels[indices])
    return Dataset(data.name, data.train, test, data.classes)


@pytest.fixture
def subject(random_network: MakeNetwork, data: Dataset) -> Subject:
    return Subject(random_network("resnet20", classes=10), data.test, "official files")


def record_inputs(subject: Subject) -> list[Tensor]:
    """Return a list to which every batch that the network classifies from now on is added.

    The outcomes alone would show little: a random network predicts one class for all images.
    """
    pictures: list[Tensor] = []

    def record(_: nn.Module, inputs: tuple[Tensor]) -> None:
        pictures.append((inputs[0] * 255).round().to(torch.uint8))

    subject.folded_network.register_forward_pre_hook(record)
    return pictures


# The images of the files


def test_the_network_classifies_the_images_of_the_arrays(
    cifar10_c: Path, subject: Subject, corrupted_cells: CorruptedByCell
) -> None:
    recorded = record_inputs(subject)
    official = corruptions(subject, resolved(cifar10_c))
    assert len(official.outcomes) == 75
    generated = corruptions(subject, Corruptions(frost_textures="generated"))
    for outcome, pictures in zip((*official.outcomes, *generated.outcomes), recorded, strict=True):
        assert torch.equal(pictures, corrupted_cells[outcome.kind, int(outcome.severity)])
    assert official.source == "official CIFAR-10-C files"
    assert official.headline == "mean of 15 kinds at 5 of CIFAR-10-C's files"
    assert generated.source == "generated with CIFAR-10-C's constants; frost textures: generated"
    assert generated.headline == "mean of 15 kinds at 5 with generated frost"


def test_fewer_test_images_are_the_first_ones_of_the_arrays(
    cifar10_c: Path, data: Dataset, subject: Subject, corrupted_cells: CorruptedByCell
) -> None:
    settings, first = resolved(cifar10_c, kinds=["fog"]), part_of(data, torch.arange(17))
    check_files(settings, first)
    few = Subject(subject.network, first.test, "first")
    recorded = record_inputs(few)
    for outcome, pictures in zip(corruptions(few, settings).outcomes, recorded, strict=True):
        assert torch.equal(pictures, corrupted_cells["fog", int(outcome.severity)][:17])


def test_the_folders_give_each_test_image_its_own_corruption(
    imagenet_c: Path, data: Dataset, subject: Subject, corrupted_cells: CorruptedByCell
) -> None:
    settings = resolved(imagenet_c, **IN_FOLDERS)
    check_files(settings, data)
    recorded = record_inputs(subject)
    official = corruptions(subject, settings)
    for outcome, pictures in zip(official.outcomes, recorded, strict=True):
        assert torch.equal(pictures, corrupted_cells[outcome.kind, int(outcome.severity)])
    assert official.source == "official ImageNet-C files"
    assert official.headline == "mean of fog, brightness at 1, 5 of ImageNet-C's files"
    assert official.headline_severity is None


def test_images_of_the_first_classes_need_no_other_folder(imagenet_c: Path, data: Dataset) -> None:
    first = part_of(data, data.test.labels.argsort(stable=True)[:15])
    for path in imagenet_c.glob("*/*/n00000009/*"):
        path.unlink()
    with pytest.raises(DataError, match="n00000009: contains no image"):
        check_files(resolved(imagenet_c, **IN_FOLDERS), data)
    for folder in imagenet_c.glob("*/*/n00000009"):
        (folder / "unread.png").touch()
    check_files(resolved(imagenet_c, **IN_FOLDERS), first)


def test_a_trial_reads_the_files_and_stores_the_outcomes_of_all_severities(
    imagenet_c: Path, data: Dataset, tmp_path: Path
) -> None:
    text = sweep(imagenet_c, "source: imagenet_c, kinds: [fog, brightness], severities: [1, 5]")
    (trial,) = grow_tree(parse_sweep(text))
    store = Store(str(tmp_path / "store"))
    store.prepare()
    run_trial(trial, store, data)
    outcomes = store.load_outcomes(trial.evaluation_key("corruptions"))
    assert set(outcomes) == {"fog@1", "fog@5", "brightness@1", "brightness@5"}
    store.refresh_tables()
    row = store.table("trials").iloc[0]
    of_all = np.stack(list(outcomes.values())).mean()
    assert row["robustness_corruptions"] == pytest.approx(of_all)
    assert row["corruption_accuracy"] == pytest.approx(of_all)
    assert row["robustness_definition"] == "corruptions mean of fog, brightness at 1, 5 of ImageNet-C's files"
    assert np.isnan(row["mce"]), "two kinds are not the benchmark"


def test_errors_relative_to_alexnet_are_measured_on_imagenet_c_alone(
    monkeypatch: pytest.MonkeyPatch, corrupted_cells: CorruptedByCell, data: Dataset, subject: Subject
) -> None:
    class Files:
        def read(self, kind: str, severity: int, indices: range) -> Tensor:
            return corrupted_cells[kind, severity][indices.start : indices.stop]

    monkeypatch.setattr(attack, "corrupted_source", lambda subject, settings: Files())
    of_imagenet_c = Corruptions(source="imagenet_c", root="elsewhere")
    of_few_classes = corruptions(Subject(subject.network, part_of(data, torch.arange(20)).test, "few"), of_imagenet_c)
    assert set(of_few_classes.measures) == {"corruption_accuracy"}, "AlexNet's errors are on all thousand classes"
    monkeypatch.setattr(attack, "IMAGENET_CLASSES", 10)
    few = Subject(subject.network, part_of(data, torch.arange(20)).test, "few")
    evaluation = corruptions(few, of_imagenet_c)
    accuracies = {(o.kind, int(o.severity)): float(o.correct.mean()) for o in evaluation.outcomes}
    clean = float(few.correct_under(few.pixels).mean())
    assert evaluation.measures == {
        "corruption_accuracy": pytest.approx(np.mean(list(accuracies.values()))),
        "mce": pytest.approx(mean_corruption_error(accuracies)),
        "relative_mce": pytest.approx(relative_mean_corruption_error(accuracies, clean)),
    }
    elsewhere = corruptions(few, Corruptions(source="cifar10_c", root="elsewhere"))
    assert set(elsewhere.measures) == {"corruption_accuracy"}


# Without files


class Streamed(Split):
    """Images that a trial must not hold in memory, nor anything computed from them."""

    holds_pixels = False


def test_streamed_images_are_corrupted_as_those_in_memory(data: Dataset, subject: Subject) -> None:
    settings = Corruptions(kinds=("gaussian_noise", "fog"), severities=(2, 5)).resolved()
    subjects = [
        Subject(subject.network, split(data.test.read(slice(None)), data.test.labels), "40")
        for split in (Split, Streamed)
    ]
    cached, streamed = (corrupted_source(subject, settings) for subject in subjects)
    for kind, severity in product(settings.kinds, settings.severities):
        batch = range(25, IMAGES)
        assert torch.equal(cached.read(kind, severity, batch), streamed.read(kind, severity, batch))
    for one, other in zip(*(corruptions(subject, settings).outcomes for subject in subjects), strict=True):
        np.testing.assert_array_equal(one.correct, other.correct)


def test_source_and_headline_name_the_constants(data: Dataset, subject: Subject) -> None:
    settings = Corruptions(kinds=("contrast",), severities=(5,)).resolved()
    images = data.test.read(slice(0, 4))
    large = Split(torch.nn.functional.interpolate(images, scale_factor=8), data.test.labels[:4])
    of_small = corruptions(Subject(subject.network, Split(images, data.test.labels[:4]), "small"), settings)
    of_large = corruptions(Subject(subject.network, large, "large"), settings)
    assert of_small.source == "generated with CIFAR-10-C's constants"
    assert of_small.headline == "mean of contrast at 5"
    assert of_large.source == "generated with ImageNet-C's constants"
    assert of_large.headline == "mean of contrast at 5 with ImageNet-C's constants"
    assert set(of_large.measures) == {"corruption_accuracy"}


# Mistakes that are found before anything starts


def rewrite(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Change:
    return lambda root: np.save(root / name, change(np.load(root / name)))


def shortened(rows: np.ndarray) -> np.ndarray:
    return np.concatenate([rows[severity * IMAGES :][:30] for severity in range(5)])


def shorten_all(root: Path) -> None:
    for name in ("labels", *CORRUPTION_KINDS):
        rewrite(f"{name}.npy", shortened)(root)


def cut_off(root: Path) -> None:
    (root / "fog.npy").write_bytes((root / "fog.npy").read_bytes()[:5000])


def swap_two(labels: np.ndarray) -> np.ndarray:
    """Swap two different labels of the fourth severity."""
    row = 3 * IMAGES + int(np.flatnonzero(labels[1:] != labels[:-1])[0])
    labels[[row, row + 1]] = labels[[row + 1, row]]
    return labels


def shuffled(images: np.ndarray) -> np.ndarray:
    """Return the images of every severity in the same random order."""
    order = np.random.default_rng(0).permutation(IMAGES)
    return images.reshape(5, IMAGES, *images.shape[1:])[:, order].reshape(images.shape)


OBJECTS = np.array([{}], dtype=object)
ARRAY_MISTAKES: dict[str, tuple[Change, str]] = {
    "a kind is missing": (lambda root: (root / "fog.npy").unlink(), r"/fog\.npy: no such file; CIFAR-10-C has labels"),
    "no labels": (lambda root: (root / "labels.npy").unlink(), r"/labels\.npy: no such file"),
    "a kind is cut off": (cut_off, r"/fog\.npy: is not a NumPy array, or is cut off: "),
    "pickled objects": (
        lambda root: np.save(root / "fog.npy", OBJECTS),
        r"/fog\.npy: is not a NumPy array, or is cut off: ",
    ),
    "four severities": (
        rewrite("fog.npy", lambda images: images[: 4 * IMAGES]),
        r"/fog\.npy: is uint8 \(160, 16, 16, 3\); as labels\.npy has 200 rows, it should be uint8 \(200, H, H, 3\)$",
    ),
    "floats": (rewrite("fog.npy", lambda images: images / 255), r"/fog\.npy: is float64 \(200, .* it should be uint8"),
    "a label less": (
        rewrite("labels.npy", lambda labels: labels[:-1]),
        r"/labels\.npy: is uint8 \(199,\); it should have one label",
    ),
    "fewer images": (
        shorten_all,
        r"/CIFAR-10-C: contains 30 images for each severity, but the data set has 40 test images$",
    ),
    "larger images": (
        rewrite("fog.npy", lambda images: images.repeat(2, 1).repeat(2, 2)),
        r"/fog\.npy: images are 32 pixels a side, but the data set's are 16$",
    ),
    "labels in another order": (
        rewrite("labels.npy", swap_two),
        r"/labels\.npy: row 12\d has label \d, but test image \d has \d: the files hold other images or another order$",
    ),
    "pixels in another order": (
        rewrite("brightness.npy", shuffled),
        r"/CIFAR-10-C: brightness at severity 1: only \d\d% of 40 images resemble the test image with their index more",
    ),
    "pixels off by one": (
        rewrite("brightness.npy", lambda images: np.roll(images, 1, axis=0)),
        r"/CIFAR-10-C: brightness at severity 1: only \d\d% of 40 images resemble",
    ),
}


@pytest.mark.parametrize("mistake", ARRAY_MISTAKES)
def test_invalid_arrays_are_one_clear_line(mistake: str, cifar10_c: Path, data: Dataset) -> None:
    change, message = ARRAY_MISTAKES[mistake]
    check_files(resolved(cifar10_c), data)
    change(cifar10_c)
    with pytest.raises(DataError, match=message) as raised:
        check_files(resolved(cifar10_c), data)
    assert str(raised.value).startswith("attacks.corruptions.root: /")
    assert "\n" not in str(raised.value)


def on_each(pattern: str, change: Change) -> Change:
    """Return a change of every file or folder that matches the pattern."""
    return lambda root: [change(path) for path in sorted(root.glob(pattern))]


def last_file(folder: Path) -> Path:
    return max(folder.iterdir())


def first_becomes_last(folder: Path) -> None:
    min(folder.iterdir()).rename(folder / "val_99999999.png")


FOLDER_MISTAKES: dict[str, tuple[Change, str]] = {
    "a kind is missing": (
        on_each("fog", lambda path: path.rename(path.with_name("smog"))),
        r"/fog/1: no such folder; ImageNet-C has KIND/SEVERITY/CLASS/\*\.JPEG$",
    ),
    "a severity is missing": (
        on_each("brightness/5", lambda path: path.rename(path.with_name("6"))),
        r"/brightness/5: no such folder; ",
    ),
    "a class is missing": (
        on_each("*/*/n00000003", lambda path: path.rename(path.with_name(".hidden"))),
        r"/fog/1: contains 9 class folders, but the data set has 10 classes$",
    ),
    "a class is missing at one severity": (
        on_each("fog/5/n00000003", lambda path: path.rename(path.with_name(".hidden"))),
        r"/fog/5/n00000003/val_\d*\.png: no such file; every kind and severity must have the same file names$",
    ),
    "a file is missing": (
        on_each("brightness/5/n00000004", lambda path: last_file(path).unlink()),
        r"/brightness/5/n00000004/val_\d*\.png: no such file; every kind and severity must have the same file names$",
    ),
    "a file is missing everywhere": (
        on_each("*/*/n00000004", lambda path: last_file(path).unlink()),
        r"/fog/1/n00000004: contains \d images?, but the data set has \d test images? of that class$",
    ),
    "larger images": (
        on_each("fog/*/*/*", lambda path: Image.open(path).resize((20, 20)).save(path)),
        r"/fog/1/.*png: is 20 × 20 pixels, but the data set's images are 16 × 16$",
    ),
    "no images": (on_each("fog/1/*/*", lambda path: path.write_bytes(b"JFIF")), r"\.png: cannot be decoded: "),
    "images in another order": (on_each("*/*/*", first_becomes_last), r": fog at severity 1: only \d\d% of 40 images"),
}


@pytest.mark.parametrize("mistake", FOLDER_MISTAKES)
def test_invalid_folders_are_one_clear_line(mistake: str, imagenet_c: Path, data: Dataset) -> None:
    change, message = FOLDER_MISTAKES[mistake]
    change(imagenet_c)
    with pytest.raises(DataError, match=message) as raised:
        check_files(resolved(imagenet_c, **IN_FOLDERS), data)
    assert "\n" not in str(raised.value)


def test_class_names_are_compared_with_the_folders(imagenet_c: Path, data: Dataset) -> None:
    settings, folder_names = resolved(imagenet_c, **IN_FOLDERS), tuple(f"n{label:08}" for label in range(10))
    check_files(settings, Dataset(data.name, data.train, data.test, folder_names))
    other = Dataset(data.name, data.train, data.test, (*folder_names[:9], "n00000099"))
    with pytest.raises(DataError, match=r"/fog/1: class 9 is 'n00000009', but 'n00000099' in the data set$"):
        check_files(settings, other)


def sweep(root: Path, settings: str) -> str:
    return f"""
name: files
dataset: {{name: digits, size: 16, train_limit: 96, test_limit: {IMAGES}}}
baseline: {{epochs: 1, batch_size: 48}}
axes: {{architecture: resnet20, iterations: 0}}
attacks: {{corruptions: {{root: {root}, {settings}}}}}
"""


@pytest.mark.parametrize("mistake", ["a kind is missing", "labels in another order"])
def test_nothing_is_started_or_written_with_invalid_files(mistake: str, cifar10_c: Path, tmp_path: Path) -> None:
    change, message = ARRAY_MISTAKES[mistake]
    change(cifar10_c)
    path = tmp_path / "sweep.yaml"
    path.write_text(sweep(cifar10_c, "source: cifar10_c"))
    with pytest.raises(DataError, match=message):
        run_sweep(str(path), store=str(tmp_path / "store"))
    assert not list((tmp_path / "store").rglob("*"))


@pytest.mark.parametrize("kind", CORRUPTION_KINDS)
def test_the_comparison_of_pixels_accepts_every_kind_and_detects_another_order(
    kind: str, data: Dataset, corrupted_cells: CorruptedByCell
) -> None:
    clean, labels = data.test.read(slice(None)), data.test.labels
    other_order = torch.randperm(IMAGES, generator=torch.Generator().manual_seed(0))
    for severity in (1, 5):
        assert matching_share(clean, corrupted_cells[kind, severity], labels) > 0.8
        assert matching_share(clean, corrupted_cells[kind, severity].roll(1, 0), labels) < 0.7
        assert matching_share(clean, corrupted_cells[kind, severity][other_order], labels) < 0.7
