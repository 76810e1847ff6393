"""Streamed images: torchvision's transforms, an order that reads each row group once, and constant memory."""

import io
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from benchmarks.memory import PROCESS_STATUS
from benchmarks.streaming import peak_memory
from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import EVALUATIONS, resolve
from prunesweep.sweeps.datasets import Imagenet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.language import Training
from prunesweep.sweeps.pretrained import IMAGENET_MEAN
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import run_trial
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.data.shards import RowGroup, Shards
from prunesweep.workers.data.split import Split
from prunesweep.workers.data.streaming import prefetch
from prunesweep.workers.data.views import ImageTransforms
from prunesweep.workers.random_streams import stream

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CLASSES = 3


def photograph(number: int, width: int, height: int) -> Image.Image:
    """Return a picture with coarse and fine structure, which differs for each number."""
    source = np.random.default_rng(number)
    coarse = Image.fromarray(source.integers(0, 256, (6, 7, 3), dtype=np.uint8)).resize((width, height))
    fine = source.integers(-20, 20, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + fine + number % 5, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def photographs(count: int, first: int = 0) -> list[bytes]:
    """Return JPEGs of unequal sizes."""
    return [jpeg(photograph(first + n, 40 + 3 * (n % 7), 36 + 5 * (n % 5))) for n in range(count)]


def write_shards(
    folder: Path, split: str, images: Sequence[bytes | None], labels: Sequence[int], files: int = 2
) -> str:
    """Write shards as Hugging Face does, in row groups of four images, and return the glob for them."""
    for number, rows in enumerate(np.array_split(np.arange(len(images)), files)):
        pictures = pa.array([{"bytes": images[row], "path": f"{row}.JPEG"} for row in rows], PICTURE)
        table = pa.table({"image": pictures, "label": pa.array([labels[row] for row in rows], pa.int64())})
        pq.write_table(table, folder / f"{split}-{number:05}.parquet", row_group_size=4)
    return f"{folder}/{split}-*.parquet"


def write_folders(root: Path, images: Sequence[bytes], labels: Sequence[int]) -> str:
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        (root / f"n{label:08}").mkdir(parents=True, exist_ok=True)
        (root / f"n{label:08}" / f"{row:04}.JPEG").write_bytes(image)
    return str(root)


def by_class(count: int) -> list[int]:
    return sorted(n % CLASSES for n in range(count))


def shards(folder: Path, train: int = 40, test: int = 11, **given: Any) -> Imagenet:
    paths = [
        write_shards(folder, split, photographs(count, first), by_class(count))
        for split, count, first in (("train", train, 0), ("test", test, 1000))
    ]
    return Imagenet(name="imagenet", train=(paths[0],), test=(paths[1],), **{"size": 32, **given})


def folders(folder: Path, train: int = 40, test: int = 11, **given: Any) -> Imagenet:
    """The same pictures in the same order."""
    paths = [
        write_folders(folder / split, photographs(count, first), by_class(count))
        for split, count, first in (("train", train, 0), ("val", test, 1000))
    ]
    return Imagenet(name="imagenet", train=(paths[0],), test=(paths[1],), **{"size": 32, **given})


each_layout = pytest.mark.parametrize("make", [folders, shards])


def in_memory(data: Dataset) -> Dataset:
    """Return the same images in memory, with the transform for evaluation applied."""
    train, test = (Split(split.read(slice(None)), split.labels) for split in (data.train, data.test))
    return Dataset(data.name, train, test, data.classes)


# Transforms


SIZES = [(64, 48), (48, 64), (50, 50), (37, 301), (400, 33), (20, 24)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("cropped", "resized"), [(32, 36), (32, 32), (33, 40)])
def test_the_transform_for_evaluation_equals_torchvisions(size: tuple[int, int], cropped: int, resized: int) -> None:
    image = photograph(1, *size)
    theirs = v2.Compose([v2.Resize(resized), v2.CenterCrop(cropped)])(image)
    np.testing.assert_array_equal(
        np.asarray(ImageTransforms(cropped, resized).for_evaluation(image)), np.asarray(theirs)
    )


@pytest.mark.parametrize("size", SIZES)
def test_the_transform_for_training_equals_torchvisions(size: tuple[int, int]) -> None:
    image = photograph(2, *size)
    theirs = v2.Compose([v2.RandomResizedCrop(32), v2.RandomHorizontalFlip()])
    for seed in range(20):
        ours = ImageTransforms(32, 36).for_training(image, flip=True, generator=torch.Generator().manual_seed(seed))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs(image)))


def test_without_flip_nothing_is_mirrored() -> None:
    ramp = Image.fromarray(np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, 2))
    for seed in range(20):
        cropped = ImageTransforms(32, 36).for_training(ramp, flip=False, generator=torch.Generator().manual_seed(seed))
        assert np.asarray(cropped)[0, 0, 0] < np.asarray(cropped)[0, -1, 0]


def test_the_shorter_side_is_resized_to_eight_sevenths_of_the_size_unless_it_is_given() -> None:
    settings = Imagenet(name="imagenet", train=("a",), test=("b",))
    assert settings.resized_side == 256
    assert settings.model_copy(update={"resize": 232}).resized_side == 232


@each_layout
def test_pixels_labels_and_classes_are_those_of_the_files(make: Callable[..., Imagenet], tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path))
    transforms = ImageTransforms(32, 36)
    for split, count, first in ((data.train, 40, 0), (data.test, 11, 1000)):
        expected = [
            np.asarray(transforms.for_evaluation(Image.open(io.BytesIO(content))))
            for content in photographs(count, first)
        ]
        np.testing.assert_array_equal(split.read(slice(None)).permute(0, 2, 3, 1), np.stack(expected))
        assert split.labels.tolist() == by_class(count)
    assert data.classes == (("n00000000", "n00000001", "n00000002") if make is folders else ("0", "1", "2"))


@each_layout
def test_a_streamed_data_set_goes_to_workers_as_its_settings(
    make: Callable[..., Imagenet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path)
    monkeypatch.chdir(tmp_path)
    relative = {split: (str(Path(*getattr(settings, split)).relative_to(tmp_path)),) for split in ("train", "test")}
    data = load_dataset(settings.model_copy(update=relative))
    shipped = data.arrays()
    assert len(str(shipped)) < 1000
    monkeypatch.chdir("/")  # where a worker runs
    again = Dataset.from_arrays(shipped)
    assert torch.equal(again.test.read(slice(None)), data.test.read(slice(None)))
    assert again.classes == data.classes


def test_decoding_in_threads_changes_no_number(tmp_path: Path) -> None:
    split = load_dataset(shards(tmp_path)).train
    order = split.order(stream("test"))
    expected = split.training_batch(order, Training(flip=True), stream("test"))
    torch.set_num_threads(3)
    assert torch.equal(split.training_batch(order, Training(flip=True), stream("test")), expected)


def test_items_are_prefetched_in_order_and_errors_are_raised() -> None:
    computed: list[int] = []

    def items(last: int) -> Iterator[int]:
        for number in range(last):
            computed.append(number)
            yield number
        if last == 2:
            raise DataError("cannot be decoded")

    assert list(prefetch(items(5))) == [0, 1, 2, 3, 4]
    prefetched = prefetch(items(2))
    assert [next(prefetched), next(prefetched)] == [0, 1]
    with pytest.raises(DataError, match="cannot be decoded"):
        next(prefetched)
    computed.clear()
    prefetched = prefetch(items(100))
    next(prefetched)
    assert isinstance(prefetched, Generator)
    prefetched.close()  # as when training diverges
    assert len(computed) <= 2


# Order


class ReadCounter:
    """A record of the row groups that are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads: list[RowGroup] = []
        read = RowGroup.read

        def read_and_record(group: RowGroup) -> pa.ChunkedArray:
            self.reads.append(group)
            return read(group)

        monkeypatch.setattr(RowGroup, "read", read_and_record)


def large_shards(folder: Path, images: int = 96, limit: int | None = None) -> Shards:
    """Rows of 150 kB in row groups of four, so that a window of 1 MiB has room for one, but must hold two."""
    noise = np.random.default_rng(0)
    contents = [noise.bytes(150_000) for _ in range(images)]
    write_shards(folder, "train", contents, [n % 2 for n in range(images)])
    return Shards(sorted(map(str, folder.glob("train-*.parquet"))), limit, window=1)


def test_an_epoch_reads_each_row_group_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, counter = large_shards(tmp_path), ReadCounter(monkeypatch)
    order = source.order(stream("test"))
    assert sorted(order.tolist()) == list(range(96))
    for batch in order.split(7):
        source.encoded(batch.tolist())
        assert len(source._cache._contents) <= 2
    assert len(counter.reads) == len(set(counter.reads)) == 24


def test_an_order_mixes_row_groups_and_rows(tmp_path: Path) -> None:
    source = large_shards(tmp_path)
    groups = [[row // 4 for row in source.order(stream("test", epoch)).tolist()] for epoch in range(2)]
    assert groups[0] != groups[1]
    windows = [set(groups[0][start : start + 8]) for start in range(0, 96, 8)]
    assert all(len(window) == 2 for window in windows), "a window is two row groups"
    assert any(abs(first - second) > 4 for first, second in windows), "row groups lie far apart"
    assert any(groups[0][start : start + 4] != [groups[0][start]] * 4 for start in range(0, 96, 8)), "rows are mixed"


@pytest.mark.parametrize("limit", [18, 50])
def test_an_order_of_many_windows_keeps_to_the_limit(limit: int, tmp_path: Path) -> None:
    source = large_shards(tmp_path, limit=limit)
    assert sorted(source.order(stream("test")).tolist()) == list(range(limit))


def test_rows_are_read_in_any_order(tmp_path: Path) -> None:
    source = large_shards(tmp_path)
    noise = np.random.default_rng(0)
    contents = [noise.bytes(150_000) for _ in range(96)]
    rows = [95, 0, 47, 48, 0, 13]
    assert [content for _, content in source.encoded(rows)] == [contents[row] for row in rows]


def test_images_that_fit_into_one_window_are_shuffled_like_images_in_memory(tmp_path: Path) -> None:
    for make in (folders, shards):
        (tmp_path / make.__name__).mkdir()
        data = load_dataset(make(tmp_path / make.__name__))
        assert torch.equal(data.train.order(stream("test")), in_memory(data).train.order(stream("test")))


@pytest.mark.parametrize("limit", [2, 5, 20, 23])
@each_layout
def test_a_limit_takes_rows_of_many_row_groups(make: Callable[..., Imagenet], limit: int, tmp_path: Path) -> None:
    settings = make(tmp_path)
    whole = load_dataset(settings).train
    some = load_dataset(settings.model_copy(update={"train_limit": limit})).train
    assert sorted(some.order(stream("test")).tolist()) == list(range(limit))
    assert some.subset is not None
    assert torch.equal(some.read(slice(None)), whole.read(torch.from_numpy(some.subset.indices)))
    counts = np.bincount(some.labels, minlength=CLASSES)
    assert counts.max() - counts.min() <= 1


# Attacks and trials


@pytest.mark.parametrize("attack", ["clean", "fgsm", "occlusion", "corruptions"])
def test_attacks_give_the_same_outcomes_for_streamed_images_and_images_in_memory(
    attack: str, random_network: Callable[..., Network], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prunesweep.workers.attacks.subject.EVALUATION_BATCH", 4)  # so that there are several batches
    streamed = load_dataset(shards(tmp_path)).test
    in_memory_split = Split(streamed.read(slice(None)), streamed.labels)
    settings = EVALUATIONS[attack].settings().resolved()
    if attack == "corruptions":
        settings = settings.model_copy(update={"kinds": ("gaussian_noise", "glass_blur", "fog", "contrast")})
    evaluation, expected = (
        resolve(EVALUATIONS[attack].code)(
            Subject(random_network("resnet20", 32), split, f"streamed {attack}"), settings
        )
        for split in (streamed, in_memory_split)
    )
    assert evaluation.measures == expected.measures
    for outcome, other in zip(evaluation.outcomes, expected.outcomes, strict=True):
        assert (outcome.kind, outcome.severity) == (other.kind, other.severity)
        np.testing.assert_array_equal(outcome.correct, other.correct)


def test_gradient_signs_of_streamed_images_are_not_cached(
    random_network: Callable[..., Network], tmp_path: Path
) -> None:
    subject = Subject(random_network("resnet20", 32), load_dataset(shards(tmp_path)).test, "streamed")
    signs = subject.gradient_signs(slice(0, 4))
    assert subject.clean_pass.vanishing.shape == (11,)
    assert subject.clean_pass.signs is None
    assert signs.shape == (4, 3, 32, 32) and set(signs.unique().tolist()) <= {-1, 0, 1}


SWEEP = """
name: streamed
dataset: {{name: imagenet, train: "{train}", test: "{test}", size: 32}}
baseline: {{epochs: 1, learning_rate: 0.02, batch_size: 16}}
adjustment: {{epochs: 1, learning_rate: 0.01, batch_size: 16}}
pruning: {{scoring_images: 16}}
axes: {{architecture: resnet20, structure: filters, criterion: pls}}
control: false
attacks: {{fgsm: {{epsilons: [8/255]}}, corruptions: {{kinds: [snow, brightness], severities: [5]}}}}
"""


def test_a_whole_trial_gives_the_same_results_with_folders_and_with_shards(tmp_path: Path) -> None:
    outcomes = []
    for make in (folders, shards):
        folder = tmp_path / make.__name__
        folder.mkdir()
        settings, store = make(folder), Store(str(folder / "store"))
        sweep = parse_sweep(SWEEP.format(train=settings.train[0], test=settings.test[0]))
        data = load_dataset(sweep.dataset)
        baseline, pruned = grow_tree(sweep)
        for trial in (baseline, pruned):
            run_trial(trial, store, data)
        results = [store.result(key) for trial in (baseline, pruned) for key in trial.result_keys]
        histories = [[epoch["loss"] for epoch in result.get("history", [])] for result in results]
        weights, description = store.load_network(pruned.key)
        outcomes.append(([result.get("counts") for result in results], histories, weights, description))
    (counts, histories, weights, description), other = outcomes
    assert (counts, histories, description) == (other[0], other[1], other[3])
    assert len(histories[0]) == 1 and counts[1] is not None and sum(count["correct"][0] for count in counts[1]) <= 11
    for name, tensor in weights.items():
        np.testing.assert_array_equal(tensor, other[2][name])
    assert description["mean"] == list(IMAGENET_MEAN)


# Bad data


def mixed_layouts(folder: Path) -> Imagenet:
    return shards(folder).model_copy(update={"test": folders(folder).test})


def unknown_class(folder: Path) -> Imagenet:
    settings = folders(folder)
    write_folders(folder / "val", photographs(1), [7])
    return settings


def damaged_shard(folder: Path) -> Imagenet:
    settings = shards(folder)
    path = folder / "train-00001.parquet"
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    return settings


def no_bytes(folder: Path) -> Imagenet:
    settings = shards(folder)
    write_shards(folder, "train", [*photographs(6), None, *photographs(3)], [0, 1] * 5, files=1)
    return settings


def no_image(folder: Path) -> Imagenet:
    settings = folders(folder)
    (folder / "train" / "n00000000" / "0000.JPEG").write_bytes(b"<html>")
    return settings


BAD: dict[str, tuple[Callable[[Path], Imagenet], str]] = {
    "two layouts": (mixed_layouts, "dataset.train and dataset.test must both be folders, or both Parquet shards"),
    "a class of its own": (unknown_class, "val: class 'n00000007' is not in the training images"),
    "other classes": (lambda f: folders(f, classes=5), "dataset.classes is 5, but "),
    "labels beyond the classes": (lambda f: shards(f, classes=2), "with 2 classes labels run from 0 to 1"),
    "an empty folder": (
        lambda f: folders(f).model_copy(update={"test": (str(f),)}),
        "contains no image; it should contain one folder of images for each class (to use Parquet shards, give a glob)",
    ),
    "no such shards": (
        lambda f: shards(f).model_copy(update={"test": (f"{f}/val-*.parquet",)}),
        "val-*.parquet: no such file",
    ),
    "no bytes": (no_bytes, "train-00000.parquet: row 6 holds no image bytes"),
    "damaged": (damaged_shard, "train-00001.parquet: is damaged: "),
    "no image": (no_image, "train/n00000000/0000.JPEG: cannot be decoded: "),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_bad_data_is_one_line(make: Callable[[Path], Imagenet], message: str, tmp_path: Path) -> None:
    settings = make(tmp_path)
    with pytest.raises(DataError) as caught:
        load_dataset(settings).train.read(slice(None))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


# Memory


@pytest.mark.skipif(
    not PROCESS_STATUS.exists(), reason=f"peak memory is read from {PROCESS_STATUS}, which this system does not have"
)
@pytest.mark.parametrize("make", [shards, pytest.param(folders, marks=pytest.mark.full)])
def test_ten_times_the_images_take_less_than_a_tenth_more_memory(make: Callable[..., Imagenet], tmp_path: Path) -> None:
    """During an epoch of training and an evaluation; the pixels of the larger data set would take 150 MB."""
    images = [jpeg(photograph(number, 256, 240)) for number in range(50)]
    peaks = []
    for count in (100, 1000):
        folder = tmp_path / str(count)
        folder.mkdir()
        many, labels = [images[n % 50] for n in range(count)], by_class(count)
        if make is folders:
            train = test = write_folders(folder / "train", many, labels)
        else:
            train = test = write_shards(folder, "train", many, labels)
        peaks.append(
            peak_memory(Imagenet(name="imagenet", train=(train,), test=(test,), shuffle_window=1, allow_overlap=True))
        )
    assert peaks[1] < 1.1 * peaks[0], (
        f"{peaks[0] / 2**20:.0f} MiB, and for ten times as many {peaks[1] / 2**20:.0f} MiB"
    )
