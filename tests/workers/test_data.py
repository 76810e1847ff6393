"""Data sets: the contract of all readers, the particulars of each, and the one-line messages about bad data."""

import hashlib
import io
import pickle
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor
from torchvision.datasets import CIFAR10, CIFAR100

from prunesweep.results_store.halves import selection_half
from prunesweep.sweeps.catalogue import DATASETS
from prunesweep.sweeps.datasets import Cifar10, Cifar100, DatasetSettings, Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.language import Training
from prunesweep.workers.data.dataset import Dataset, Split
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.data.split import LabelledImages
from prunesweep.workers.random_streams import stream

Pixels = NDArray[np.uint8]
SIDE = 32
TRAIN, TEST = 24, 11
PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def real_images(count: int, skip: int = 0) -> tuple[Pixels, NDArray[np.int64]]:
    """Return digits enlarged fourfold with unequal channels, uint8 (count, 32, 32, 3), and their labels."""
    digits = load_digits()
    grey = np.kron(digits.images[skip : skip + count], np.ones((4, 4)))
    channels = [grey * scale for scale in (15, 10, 5)]
    return np.stack(channels, axis=-1).astype(np.uint8), digits.target[skip : skip + count].astype(np.int64)


TRAIN_IMAGES, TRAIN_LABELS = real_images(TRAIN)
TEST_IMAGES, TEST_LABELS = real_images(TEST, skip=TRAIN)


def png(image: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_parquet(path: Path, images: Sequence[bytes | None], labels: Sequence[int | None], **about: bytes) -> str:
    """Write images and labels to a Parquet file as Hugging Face does, with ``about`` as its metadata."""
    pictures = pa.array([{"bytes": image, "path": None} for image in images], PICTURE)
    table = pa.table({"img": pictures, "label": pa.array(labels, pa.int64())})
    pq.write_table(table.replace_schema_metadata(about), path, row_group_size=10)
    return str(path)


def write_folder(root: Path, images: Pixels, labels: NDArray[np.int64]) -> str:
    """Write PNG images, named by their indices, into one folder per class."""
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        (root / f"class{label}").mkdir(parents=True, exist_ok=True)
        (root / f"class{label}" / f"{index:03}.png").write_bytes(png(image))
    return str(root)


def digits(folder: Path, **limits: Any) -> Digits:
    return Digits(name="digits", size=SIDE, **limits)


def image_parquet(folder: Path, **limits: Any) -> ImageParquet:
    halves = [slice(0, 10), slice(10, TRAIN)]
    for number, half in enumerate(halves):
        write_parquet(folder / f"train-{number}.parquet", [*map(png, TRAIN_IMAGES[half])], TRAIN_LABELS[half].tolist())
    test = write_parquet(folder / "test.parquet", [*map(png, TEST_IMAGES)], TEST_LABELS.tolist())
    return ImageParquet(name="image_parquet", train=(f"{folder}/train-*.parquet",), test=(test,), **limits)


def image_folder(folder: Path, **limits: Any) -> ImageFolder:
    train = write_folder(folder / "train", TRAIN_IMAGES, TRAIN_LABELS)
    return ImageFolder(
        name="image_folder", train=train, test=write_folder(folder / "test", TEST_IMAGES, TEST_LABELS), **limits
    )


def imagenet(folder: Path, **limits: Any) -> Imagenet:
    """The same class folders, at a size at which the transform for evaluation changes nothing."""
    folders = image_folder(folder)
    return Imagenet(name="imagenet", train=(folders.train,), test=(folders.test,), size=SIDE, resize=SIDE, **limits)


def cifar10(folder: Path, **limits: Any) -> Cifar10:
    """A few images in the pickles that torchvision expects, with its checksums patched to those of these files."""
    write_cifar(folder, CIFAR10, ("data_batch_1", "test_batch", "batches.meta"), ("labels", "label_names"))
    return Cifar10(name="cifar10", root=str(folder)).model_copy(update=limits)


def cifar100(folder: Path, **limits: Any) -> Cifar100:
    """The same in the layout of CIFAR-100, which has other names, and coarse labels beside the fine ones."""
    write_cifar(folder, CIFAR100, ("train", "test", "meta"), ("fine_labels", "fine_label_names"))
    return Cifar100(name="cifar100", root=str(folder)).model_copy(update=limits)


def pixels_of(split: LabelledImages) -> Tensor:
    """Return the tensor of a split in memory itself, not a copy."""
    assert isinstance(split, Split)
    return split.images


def write_cifar(folder: Path, published: type[CIFAR10], names: tuple[str, str, str], words: tuple[str, str]) -> None:
    root = folder / published.base_folder
    root.mkdir()
    train, test, about = names
    label, label_names = words

    def write(name: str, content: dict[str, Any]) -> str:
        (root / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((root / name).read_bytes()).hexdigest()

    def batch(images: Pixels, labels: NDArray[np.int64]) -> dict[str, Any]:
        return {
            "data": images.transpose(0, 3, 1, 2).reshape(len(images), -1),
            label: labels.tolist(),
            "coarse_labels": [0] * len(labels),
        }

    files = {
        "train_list": [[train, write(train, batch(TRAIN_IMAGES, TRAIN_LABELS))]],
        "test_list": [[test, write(test, batch(TEST_IMAGES, TEST_LABELS))]],
        "meta": {
            "filename": about,
            "key": label_names,
            "md5": write(about, {label_names: [f"class{number}" for number in range(10)]}),
        },
    }
    for name, value in files.items():
        setattr(published, name, value)


MAKERS: dict[str, Callable[..., DatasetSettings]] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "image_parquet": image_parquet,
    "image_folder": image_folder,
    "imagenet": imagenet,
}
IN_MEMORY = {name: make for name, make in MAKERS.items() if name != "imagenet"}


@pytest.fixture(autouse=True)
def _torchvisions_checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo after each test what ``write_cifar`` patches in torchvision's classes."""
    for published in (CIFAR10, CIFAR100):
        for name in ("train_list", "test_list", "meta"):
            monkeypatch.setattr(published, name, getattr(published, name))


# The contract

each_data_set = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
each_in_memory = pytest.mark.parametrize("make", IN_MEMORY.values(), ids=IN_MEMORY)


def pixels(split: LabelledImages) -> torch.Tensor:
    return split.read(slice(None))


def assert_same(first: Dataset, second: Dataset) -> None:
    assert (first.name, first.classes) == (second.name, second.classes)
    for split, other_split in ((first.train, second.train), (first.test, second.test)):
        assert torch.equal(pixels(split), pixels(other_split))
        assert torch.equal(split.labels, other_split.labels)


def test_every_data_set_is_tested_here() -> None:
    assert MAKERS.keys() == DATASETS.keys()


@each_data_set
def test_images_are_square_bytes_and_labels_whole_numbers_in_range(make: Any, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path))
    assert data.side == SIDE
    for split in (data.train, data.test):
        assert pixels(split).dtype == torch.uint8
        assert pixels(split).shape == (len(split), 3, SIDE, SIDE)
        assert pixels(split).is_contiguous()
        assert split.side == SIDE
        assert (split.labels.dtype, split.labels.shape) == (torch.int64, (len(split),))
        assert 0 <= int(split.labels.min()) <= int(split.labels.max()) < len(data.classes) == 10
        assert pixels(split).float().std() > 10


@each_data_set
def test_images_are_read_by_slices_and_by_indices(make: Any, tmp_path: Path) -> None:
    split = load_dataset(make(tmp_path)).train
    indices = torch.tensor([5, 0, 5])
    assert torch.equal(split.read(slice(4, 6)), pixels(split)[4:6])
    assert torch.equal(split.read(indices), pixels(split)[indices])


@each_data_set
def test_an_epoch_has_every_image_once_and_depends_only_on_its_stream(make: Any, tmp_path: Path) -> None:
    split = load_dataset(make(tmp_path)).train
    orders = [split.order(stream("test", seed)) for seed in (0, 0, 1)]
    assert sorted(orders[0].tolist()) == list(range(len(split)))
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])
    state = torch.get_rng_state()
    training = Training(flip=True)
    batches = [split.training_batch(orders[0][:4], training, stream("test", seed)) for seed in (0, 0, 1)]
    assert batches[0].shape == (4, 3, SIDE, SIDE) and batches[0].dtype == torch.float32
    assert 0 <= float(batches[0].min()) <= float(batches[0].max()) <= 1
    assert torch.equal(batches[0], batches[1]) and not torch.equal(batches[0], batches[2])
    assert torch.equal(torch.get_rng_state(), state), "a random number came from torch's global state"


@each_data_set
def test_loading_again_gives_the_same_data_set(make: Any, tmp_path: Path) -> None:
    settings = make(tmp_path)
    assert_same(load_dataset(settings), load_dataset(settings))


@each_data_set
def test_limits_keep_images_of_all_classes_in_their_order(make: Any, tmp_path: Path) -> None:
    settings = make(tmp_path)
    whole = load_dataset(settings)
    some = load_dataset(settings.model_copy(update={"train_limit": 7, "test_limit": 3}))
    assert (len(some.train), len(some.test)) == (7, 3)
    assert some.train.subset is not None
    assert torch.equal(pixels(some.train), pixels(whole.train)[some.train.subset.indices])
    assert len(some.train.labels.unique()) == 7 and len(some.test.labels.unique()) == 3
    assert some.classes == whole.classes


@each_in_memory
def test_arrays_give_the_data_set_back_without_a_copy(make: Any, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path))
    arrays = data.arrays()
    for pixels, _ in (arrays["train"], arrays["test"]):
        pixels.flags.writeable = False  # as shared memory is
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = Dataset.from_arrays(arrays)
    assert_same(again, data)
    assert pixels_of(again.train).data_ptr() == pixels_of(data.train).data_ptr()


@each_in_memory
def test_channel_statistics_are_those_of_numpy(make: Any, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path))
    images = pixels(data.train).numpy() / 255
    means, deviations = data.channel_statistics()
    np.testing.assert_allclose(means, images.mean(axis=(0, 2, 3)), atol=5.1e-5)
    np.testing.assert_allclose(deviations, images.std(axis=(0, 2, 3)), atol=5.1e-5)


def test_a_channel_without_any_contrast_has_a_deviation_to_divide_by(tmp_path: Path) -> None:
    data = load_dataset(image_folder(tmp_path))
    pixels_of(data.train)[:, 1] = 51
    means, deviations = data.channel_statistics()
    assert (means[1], deviations[1]) == (0.2, 1e-4)


@each_data_set
def test_moving_to_a_device_keeps_the_data(make: Any, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path))
    moved = data.to(torch.device("cpu"))
    assert_same(moved, data)
    assert moved.device == torch.device("cpu")


# Particulars of each reader


@pytest.mark.parametrize("make", [image_parquet, image_folder, cifar10, cifar100, imagenet])
def test_pixels_and_labels_are_those_of_the_files(make: Any, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path))
    files = {"train": (TRAIN_IMAGES, TRAIN_LABELS), "test": (TEST_IMAGES, TEST_LABELS)}
    for name, (images, labels) in files.items():
        sorted_by_class = make in (image_folder, imagenet)
        order = np.argsort(labels, kind="stable") if sorted_by_class else np.arange(len(labels))
        split = getattr(data, name)
        np.testing.assert_array_equal(pixels(split).permute(0, 2, 3, 1), images[order])
        np.testing.assert_array_equal(split.labels, labels[order])


def test_digits_have_a_fixed_split_with_a_fifth_of_each_class_for_testing() -> None:
    data = load_dataset(Digits(name="digits"))
    assert (len(data.train), len(data.test), data.side) == (1437, 360, 16)
    assert data.test.labels[:12].tolist() == [7, 6, 3, 7, 7, 3, 2, 8, 9, 3, 2, 6]
    train, test = (np.bincount(split.labels) for split in (data.train, data.test))
    assert np.abs(test - 0.2 * (train + test)).max() < 1


def test_digits_are_enlarged_and_grey() -> None:
    images = load_dataset(Digits(name="digits", size=24)).train.read(slice(None))
    assert images.shape[1:] == (3, 24, 24)
    assert torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(images[:, 0], images[:, 2])
    assert (int(images.min()), int(images.max())) == (0, 255)


def test_class_names_are_read_from_hugging_faces_metadata(tmp_path: Path) -> None:
    names = b'{"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}'
    file = write_parquet(tmp_path / "a.parquet", [png(image) for image in TRAIN_IMAGES[:2]], [0, 1], huggingface=names)
    settings = ImageParquet(name="image_parquet", train=(file,), test=(file,), allow_overlap=True)
    assert load_dataset(settings).classes == ("cat", "dog")
    assert load_dataset(settings.model_copy(update={"classes": 3})).classes == ("0", "1", "2")


def test_class_names_are_the_training_folders(tmp_path: Path) -> None:
    assert load_dataset(image_folder(tmp_path)).classes == tuple(f"class{label}" for label in range(10))


def test_grey_and_transparent_images_become_three_channels(tmp_path: Path) -> None:
    for mode in ("L", "RGBA"):
        buffer = io.BytesIO()
        Image.fromarray(TRAIN_IMAGES[0]).convert(mode).save(buffer, "PNG")
        file = write_parquet(tmp_path / f"{mode}.parquet", [buffer.getvalue()] * 2, [0, 1])
        data = load_dataset(ImageParquet(name="image_parquet", train=(file,), test=(file,), allow_overlap=True))
        assert pixels_of(data.train).shape == (2, 3, SIDE, SIDE)


def test_the_real_cifar10_is_read(shared_data: Path) -> None:
    file = f"{shared_data}/cifar10/test.parquet"
    data = load_dataset(
        ImageParquet(name="image_parquet", train=(file,), test=(file,), train_limit=100, allow_overlap=True)
    )
    assert (len(data.train), len(data.test), data.side, len(data.classes)) == (100, 10_000, 32, 10)
    assert np.bincount(data.test.labels).tolist() == [1000] * 10


# The halves of the test images


@pytest.mark.parametrize("images", [2, 3, 11, 360, 10_000])
def test_halves_have_the_same_size_and_depend_only_on_the_number_of_images(images: int) -> None:
    half = selection_half(images)
    assert (half.dtype, half.shape) == (np.dtype(bool), (images,))
    assert int(half.sum()) == images // 2
    np.testing.assert_array_equal(half, selection_half(images))


def test_the_halves_are_never_drawn_again() -> None:
    assert np.flatnonzero(selection_half(12)).tolist() == [0, 2, 3, 5, 6, 7]
    ten_thousand = np.packbits(selection_half(10_000)).tobytes()
    assert hashlib.sha256(ten_thousand).hexdigest()[:16] == "effda10bdfe14828"


# Bad data


def parquet_of(
    folder: Path, images: Sequence[bytes | None], labels: Sequence[int | None] | None = None, **given: Any
) -> ImageParquet:
    """A data set whose training images are also its test images."""
    numbers = list(range(len(images))) if labels is None else labels
    file = write_parquet(folder / "bad.parquet", images, numbers)
    return ImageParquet(name="image_parquet", train=(file,), test=(file,), **given)


def table_of(folder: Path, **columns: Any) -> ImageParquet:
    """A data set in a Parquet file with these columns."""
    pq.write_table(pa.table(columns), folder / "bad.parquet")
    return ImageParquet(name="image_parquet", train=(f"{folder}/bad.parquet",), test=("x",))


def no_parquet(folder: Path) -> ImageParquet:
    (folder / "bad.parquet").write_bytes(b"PAR1, but no more")
    return ImageParquet(name="image_parquet", train=(f"{folder}/bad.parquet",), test=(f"{folder}/bad.parquet",))


def folder_of(folder: Path, train: Pixels = TRAIN_IMAGES, test: Pixels = TEST_IMAGES, **other: bytes) -> ImageFolder:
    """A data set in class folders, with ``other`` files added or in place of images (``__`` stands for ``/``)."""
    settings = ImageFolder(
        name="image_folder",
        train=write_folder(folder / "train", train, TRAIN_LABELS[: len(train)]),
        test=write_folder(folder / "test", test, TEST_LABELS[: len(test)]),
    )
    for name, content in other.items():
        path = folder / name.replace("__", "/").replace("_png", ".png")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return settings


IMAGE = png(TRAIN_IMAGES[0])
SMALLER = png(TRAIN_IMAGES[0][:16, :16])
PICTURES = pa.array([{"bytes": IMAGE, "path": None}] * 2, PICTURE)
BAD: dict[str, tuple[Callable[[Path], DatasetSettings], str]] = {
    "mixed sizes": (
        lambda f: parquet_of(f, [IMAGE, SMALLER]),
        "bad.parquet, row 1: the image is 16 × 16 pixels and the first one is 32 × 32; all must be of one size",
    ),
    "other sizes in test": (
        lambda f: folder_of(f, test=TEST_IMAGES[:, :16, :16]),
        "training images are 32 × 32 pixels and test images 16 × 16; all must be of one size",
    ),
    "not square": (
        lambda f: parquet_of(f, [png(TRAIN_IMAGES[0][:20])] * 2),
        "training images are 20 × 32 pixels; they must be square, with sides of at least 16 pixels",
    ),
    "too small": (
        lambda f: parquet_of(f, [png(TRAIN_IMAGES[0][:8, :8])] * 2),
        "training images are 8 × 8 pixels; they must be square, with sides of at least 16 pixels",
    ),
    "one image": (lambda f: parquet_of(f, [IMAGE]), "1 training image; there must be at least two"),
    "no image": (lambda f: parquet_of(f, []), "0 training images; there must be at least two"),
    "label too large": (
        lambda f: parquet_of(f, [IMAGE] * 3, [0, 1, 5], classes=3),
        "training image 2 has label 5; with 3 classes labels run from 0 to 2",
    ),
    "label below 0": (lambda f: parquet_of(f, [IMAGE] * 2, [0, -1]), "training image 1 has label -1; with 1 class"),
    "no label": (lambda f: parquet_of(f, [IMAGE] * 2, [0, None]), "bad.parquet: has rows without a label"),
    "no bytes": (lambda f: parquet_of(f, [IMAGE, None]), "bad.parquet: row 1 holds no image bytes"),
    "undecodable": (lambda f: parquet_of(f, [IMAGE, b"GIF89a"]), "bad.parquet, row 1: cannot be decoded: "),
    "truncated": (lambda f: parquet_of(f, [IMAGE, IMAGE[:-40]]), "bad.parquet, row 1: cannot be decoded: "),
    "broken header": (
        lambda f: folder_of(f, train__class0__000_png=b"P6 3x 32 255 "),
        "train/class0/000.png: cannot be decoded: ",
    ),
    "a class of its own": (
        lambda f: folder_of(f, test__unicorn__0_png=IMAGE),
        "test: class 'unicorn' is not in the training images",
    ),
    "no image column": (
        lambda f: table_of(f, label=[0, 1], image=["a.png", "b.png"]),
        "bad.parquet: has no column of images ({bytes, path}, or bytes alone): image is of type string; "
        "its columns are label, image",
    ),
    "no label column": (
        lambda f: table_of(f, img=PICTURES, target=[0, 1]),
        "bad.parquet: has no column of labels, named label, labels or fine_label; its columns are img, target",
    ),
    "labels of another type": (
        lambda f: table_of(f, img=PICTURES, label=[[0], [1]]),
        "bad.parquet: its column label is of type list<element: int64>; labels are whole numbers or text",
    ),
    "no Parquet": (no_parquet, "bad.parquet: is not a Parquet file, or is damaged"),
    "no such file": (
        lambda f: ImageParquet(name="image_parquet", train=(f"{f}/a-*.parquet",), test=("b",)),
        "a-*.parquet: no such file",
    ),
    "no such folder": (
        lambda f: ImageFolder(name="image_folder", train=f"{f}/nowhere", test="b"),
        "nowhere: no such folder",
    ),
    "no CIFAR-100": (
        lambda f: Cifar100(name="cifar100", root=f"{f}/nowhere"),
        "nowhere; set dataset.root to the folder that contains cifar-100-python, or set dataset.download=true",
    ),
    "no CIFAR-10": (
        lambda f: Cifar10(name="cifar10", root=f"{f}/nowhere"),
        "nowhere; set dataset.root to the folder that contains cifar-10-batches-py, or set dataset.download=true",
    ),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_bad_data_is_one_line(make: Callable[[Path], DatasetSettings], message: str, tmp_path: Path) -> None:
    settings = make(tmp_path)
    with pytest.raises(DataError) as caught:
        load_dataset(settings)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_cifar10_with_a_wrong_byte_is_refused(tmp_path: Path) -> None:
    settings = cifar10(tmp_path)
    with open(tmp_path / CIFAR10.base_folder / "test_batch", "ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match="cifar10: missing or damaged below"):
        load_dataset(settings)
