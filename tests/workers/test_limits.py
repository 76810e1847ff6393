"""Limits: samples spread evenly over the classes, the same with every reader, and the classes without images."""

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from prunesweep.results_store import Store
from prunesweep.sweeps.attacks import AttackSettings, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import ATTACKS, DATASETS, EVALUATIONS, resolve
from prunesweep.sweeps.datasets import Cifar10, DatasetSettings, Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import data_fingerprints, sample_fingerprint
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers.attacks.corruptions.cifar10_c import Cifar10C
from prunesweep.workers.attacks.corruptions.imagenet_c import ImagenetC
from prunesweep.workers.attacks.corruptions.sources import corrupted_source
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset, Split
from prunesweep.workers.data.limits import sample_images
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.stored_network import load_stored
from tests.helpers.parquet import picture, write_images
from tests.helpers.run_here import run_here
from tests.helpers.single_elements import elements_of

Make = Callable[..., DatasetSettings]
CLASSES = ("ant", "bee", "cow")
COUNTS = (20, 9, 3)  # sorted by class, as folders are


def by_class(counts: tuple[int, ...] = COUNTS) -> list[int]:
    return np.repeat(np.arange(len(counts)), counts).tolist()


def folders(root: Path, counts: tuple[int, ...], first: int = 0) -> str:
    for row, label in enumerate(by_class(counts)):
        (root / CLASSES[label]).mkdir(parents=True, exist_ok=True)
        (root / CLASSES[label] / f"{row:03}.png").write_bytes(picture(first + row))
    return str(root)


def image_folder(folder: Path, train: tuple[int, ...] = COUNTS, test: tuple[int, ...] = COUNTS, **options: Any) -> Any:
    paths = folders(folder / "train", train), folders(folder / "test", test, first=1000)
    return ImageFolder(name="image_folder", train=paths[0], test=paths[1], **options)


def imagenet_folders(folder: Path, *counts: tuple[int, ...], **options: Any) -> Any:
    settings = image_folder(folder, *counts)
    return Imagenet(name="imagenet", train=(settings.train,), test=(settings.test,), size=16, resize=16, **options)


def image_parquet(folder: Path, train: tuple[int, ...] = COUNTS, test: tuple[int, ...] = COUNTS, **options: Any) -> Any:
    paths = [
        (write_images(folder / f"{split}.parquet", by_class(counts), CLASSES, first=first),)
        for split, counts, first in (("train", train, 0), ("test", test, 1000))
    ]
    return ImageParquet(name="image_parquet", train=paths[0], test=paths[1], **options)


def imagenet_shards(folder: Path, *counts: tuple[int, ...], **options: Any) -> Any:
    settings = image_parquet(folder, *counts)
    return Imagenet(name="imagenet", train=settings.train, test=settings.test, size=16, resize=16, **options)


FILES = {make.__name__: make for make in (image_folder, imagenet_folders, image_parquet, imagenet_shards)}
each_of_files = pytest.mark.parametrize("make", FILES.values(), ids=FILES)


# Which images


def counts_of(labels: NDArray[np.int64], limit: int, classes: int = 3) -> list[int]:
    subset = sample_images(labels, limit)
    assert subset is not None and len(subset.indices) == limit
    return [int(count) for count in np.bincount(labels[subset.indices], minlength=classes)]


def test_a_limit_is_spread_evenly_and_a_small_class_contributes_all_its_images() -> None:
    labels = np.asarray(by_class())
    assert counts_of(labels, 6) == [2, 2, 2]
    assert counts_of(labels, 15) == [6, 6, 3]
    assert counts_of(labels, 30) == [18, 9, 3]
    for limit in range(2, 32):
        counts = counts_of(labels, limit)
        assert max(counts) - min(count for count, size in zip(counts, COUNTS, strict=True) if count < size) <= 1


def test_a_sample_depends_only_on_labels_and_limit_and_is_part_of_every_larger_one() -> None:
    labels = np.random.default_rng(0).integers(0, 7, 500)
    torch.manual_seed(1)
    subsets = [sample_images(labels, limit) for limit in range(2, 500, 13)]
    torch.manual_seed(2)
    for smaller, larger in pairwise(subsets):
        assert smaller is not None and larger is not None
        assert set(smaller.indices) < set(larger.indices)
        again = sample_images(labels, len(smaller.indices))
        assert again is not None and np.array_equal(again.indices, smaller.indices)


def test_images_within_a_class_are_from_all_over_it_and_always_the_same() -> None:
    subset = sample_images(np.zeros(1000, dtype=np.int64), 10)
    assert subset is not None
    assert subset.indices.tolist() == sorted(subset.indices.tolist())
    assert np.ptp(subset.indices) > 500
    assert subset.indices.tolist() == SAMPLE_OF_TEN


SAMPLE_OF_TEN = [73, 313, 351, 435, 473, 593, 826, 882, 890, 977]


@pytest.mark.parametrize("limit", [None, 32, 100])
def test_a_limit_that_keeps_all_images_gives_no_subset(limit: int | None) -> None:
    assert sample_images(np.asarray(by_class()), limit) is None


@each_of_files
def test_every_reader_takes_the_same_sample(make: Make, tmp_path: Path) -> None:
    settings = make(tmp_path)
    whole = load_dataset(settings)
    data = load_dataset(settings.model_copy(update={"train_limit": 6, "test_limit": 8}))
    assert np.bincount(data.train.labels).tolist() == [2, 2, 2]
    assert sorted(np.bincount(data.test.labels).tolist()) == [2, 3, 3]
    for split, whole_split in ((data.train, whole.train), (data.test, whole.test)):
        subset = sample_images(np.asarray(by_class()), len(split))
        assert subset is not None and split.subset is not None
        indices = torch.from_numpy(subset.indices)
        assert np.array_equal(split.subset.indices, subset.indices)
        assert torch.equal(split.read(slice(None)), whole_split.read(indices))
        assert torch.equal(split.read(torch.tensor([3, 0])), whole_split.read(indices[[3, 0]]))
        assert sorted(split.order(torch.Generator().manual_seed(0)).tolist()) == list(range(len(split)))
    assert data.notes == ()


def test_digits_are_sampled_evenly_too() -> None:
    data = load_dataset(Digits(name="digits", train_limit=30, test_limit=12))
    assert np.bincount(data.train.labels).tolist() == [3] * 10
    assert sorted(np.bincount(data.test.labels).tolist()) == [1] * 8 + [2] * 2


def test_the_subset_is_sent_to_other_processes(tmp_path: Path) -> None:
    for make in (image_parquet, imagenet_shards):
        data = load_dataset(make(tmp_path, test_limit=5))
        again = Dataset.from_arrays(data.arrays()).to(torch.device("cpu"))
        assert data.test.subset is not None and again.test.subset is not None
        assert np.array_equal(data.test.subset.indices, again.test.subset.indices)
        assert torch.equal(again.test.read(slice(None)), data.test.read(slice(None)))


# Which classes


@each_of_files
def test_a_training_split_of_one_class_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be at least two classes, not 1|images are of class 'ant'; at least two"):
        load_dataset(make(tmp_path, (4,), (4,)))


@pytest.mark.parametrize("make", [image_parquet, imagenet_shards])
def test_a_test_class_without_training_images_is_refused_by_name(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"3 test images of class 'cow', for which there is no training image$"):
        load_dataset(make(tmp_path, (4, 4), (4, 4, 3)))


@each_of_files
def test_a_class_without_test_images_is_named(make: Make, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path, (4, 4, 4), (4, 4)))
    assert data.notes == (f"{data.name}: no test image is of class 'cow'",)


@each_of_files
def test_classes_that_a_small_limit_leaves_out_are_named(make: Make, tmp_path: Path) -> None:
    """They are not refused, because small limits are for trying out a sweep."""
    data = load_dataset(make(tmp_path, train_limit=2, test_limit=2))
    assert len(data.notes) == 2
    assert data.notes[0].startswith(
        f"{data.name}: none of the 2 training images that dataset.train_limit keeps is of class '"
    )
    assert data.notes[1].startswith(
        f"{data.name}: none of the 2 test images that dataset.test_limit keeps is of class '"
    )


def test_many_classes_are_not_all_named() -> None:
    (note,) = load_dataset(Digits(name="digits", train_limit=2)).notes
    assert note.endswith(" and 3 more") and note.count("'") == 10


# Keys


@each_of_files
def test_a_limit_that_keeps_all_has_the_key_of_earlier_versions(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path)
    rule = "prunesweep.sweeps.fingerprints._limit_content"
    for limit, same in ((31, False), (32, True), (1000, True)):
        limited = settings.model_copy(update={"train_limit": limit, "test_limit": limit})
        now = data_fingerprints(limited)
        with monkeypatch.context() as patch:
            patch.setattr(rule, lambda limit, images: [limit])
            before = data_fingerprints(limited)
        assert (now.train == before.train, now.test == before.test) == (same, same)


def test_the_split_sizes_in_the_catalogue_are_right(shared_data: Path) -> None:
    digits = Digits(name="digits")
    data = load_dataset(digits)
    assert resolve(DATASETS["digits"].split_sizes)(digits) == (len(data.train), len(data.test))
    train, test = (f"{shared_data}/cifar10/{name}.parquet" for name in ("train-10k", "test"))
    files = ImageParquet(name="image_parquet", train=(train,), test=(test,))
    published = resolve(DATASETS["cifar10"].split_sizes)(Cifar10(name="cifar10"))
    assert resolve(DATASETS["image_parquet"].split_sizes)(files) == (10_000, published[1])


# Official corruption files hold the whole test set


def test_cifar10_c_rows_are_those_of_the_images_that_a_limit_keeps(tmp_path: Path) -> None:
    data = load_dataset(image_parquet(tmp_path, test_limit=7))
    whole = load_dataset(image_parquet(tmp_path)).test
    images = whole.read(slice(None)).permute(0, 2, 3, 1).numpy()
    np.save(tmp_path / "labels.npy", np.tile(whole.labels.numpy().astype(np.uint8), 5))
    np.save(tmp_path / "fog.npy", np.concatenate([images] * 5))
    files = Cifar10C(str(tmp_path), ["fog"], data.test)
    files.check(data.test)
    for indices in (range(7), range(2, 6, 2), [6, 0]):
        assert torch.equal(files.read("fog", 5, indices), data.test.read(torch.tensor(list(indices))))
    np.save(tmp_path / "labels.npy", np.zeros(30, dtype=np.uint8))
    np.save(tmp_path / "fog.npy", np.concatenate([images[:6]] * 5))
    with pytest.raises(DataError, match="contains 6 images for each severity, but the data set has 7 test images"):
        Cifar10C(str(tmp_path), ["fog"], data.test).check(data.test)


def test_imagenet_c_files_are_those_of_the_images_that_a_limit_keeps(tmp_path: Path) -> None:
    data = load_dataset(imagenet_folders(tmp_path, test_limit=7))
    corrupted = tmp_path / "corrupted" / "fog"
    corrupted.mkdir(parents=True)
    shutil.copytree(tmp_path / "test", corrupted / "1")
    files = ImagenetC(str(tmp_path / "corrupted"), ["fog"], [1], data.test, 3)
    assert torch.equal(files.read("fog", 1, range(7)), data.test.read(slice(None)))


# Single elements


SWEEP = """
name: elements
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 40}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 32}
axes: {architecture: resnet20, iterations: 0}
attacks: {fgsm: {}}
"""
HEADLINES: dict[str, AttackSettings] = {
    "fgsm": Fgsm(epsilons=(8 / 255,)),
    "occlusion": Occlusion(),
    "corruptions": Corruptions(severities=(5,), kinds=("gaussian_noise", "fog"), frost_textures="generated"),
}


class Streamed(Split):
    """A split in memory that claims to be streamed, so that nothing is cached for its images."""

    holds_pixels = False


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str]:
    """Return a store with one network, and the key of the network."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    run_here(parse_sweep(SWEEP), store)
    (trial,) = grow_tree(parse_sweep(SWEEP))
    return store, trial.key


@pytest.mark.parametrize("kind", [Split, Streamed])
def test_elements_are_measured_on_a_sample_over_the_classes(
    kind: type[Split], store: tuple[Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts are those of whole evaluations, restricted to the sample; here images are sorted by class."""
    monkeypatch.setattr("prunesweep.workers.attacks.subject.EVALUATION_BATCH", 4)
    whole = load_dataset(Digits(name="digits", size=16, test_limit=40))
    order = whole.test.labels.argsort(stable=True)
    test = kind(whole.test.read(order), whole.test.labels[order])
    data = Dataset("image_parquet", whole.train, test, whole.classes)
    (result, *_) = elements_of(
        store[1],
        store[0],
        data,
        test_fingerprint=f"sorted {kind.__name__}",
        structure="layers",
        attacks=HEADLINES,
        images=10,
    )
    assert result["images"] == 10
    assert result["test_fingerprint"] == sample_fingerprint(f"sorted {kind.__name__}", 10)
    subset = sample_images(test.labels.numpy(), 10)
    assert subset is not None and len(test.labels[subset.indices].unique()) == 10
    subject = Subject(load_stored(store[0], store[1], torch.device("cpu")).network, test, "sorted")
    for entry in result["attacks"]:
        settings = HEADLINES.get(entry["attack"], EVALUATIONS[entry["attack"]].settings())
        outcomes = resolve({**EVALUATIONS, **ATTACKS}[entry["attack"]].code)(subject, settings.resolved()).outcomes
        at_headline = outcomes if entry["attack"] == "corruptions" else [outcomes[0]]
        assert entry["reference"] == sum(int(outcome.correct[subset.indices].sum()) for outcome in at_headline)


@pytest.mark.parametrize("kind", [Split, Streamed])
def test_corrupted_images_are_read_by_their_indices(kind: type[Split], store: tuple[Store, str]) -> None:
    test = load_dataset(Digits(name="digits", size=16, test_limit=12)).test
    network = load_stored(store[0], store[1], torch.device("cpu")).network
    subject = Subject(network, kind(test.read(slice(None)), test.labels), f"twelve {kind.__name__}")
    settings = Corruptions(severities=(5,), kinds=("gaussian_noise",), frost_textures="generated")
    source = corrupted_source(subject, settings)
    whole = source.read("gaussian_noise", 5, range(12))
    assert torch.equal(source.read("gaussian_noise", 5, [7, 2, 11]), whole[torch.tensor([7, 2, 11])])


@pytest.mark.parametrize("images", [40, 100])
def test_elements_of_all_images_keep_their_keys(images: int, store: tuple[Store, str]) -> None:
    data = load_dataset(Digits(name="digits", size=16, test_limit=40))
    for name in ("digits", "image_parquet"):
        named = Dataset(name, data.train, data.test, data.classes)
        (result, *_) = elements_of(
            store[1], store[0], named, test_fingerprint="all", structure="layers", attacks={}, images=images
        )
        assert (result["images"], result["test_fingerprint"]) == (40, "all")


def test_the_sample_of_shuffled_images_are_the_first_ones(store: tuple[Store, str]) -> None:
    data = load_dataset(Digits(name="digits", size=16, test_limit=40))
    (result, *_) = elements_of(
        store[1], store[0], data, test_fingerprint="first", structure="layers", attacks={}, images=10
    )
    assert (result["images"], result["test_fingerprint"]) == (10, "first")
