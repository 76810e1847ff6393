"""`prunesweep init`: what is found out about data and weights, and sweep files that are planned and run as they are."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from prunesweep import init_sweep
from prunesweep.orchestrator.initialization.data import find_data, search_data
from prunesweep.orchestrator.initialization.found_data import FoundData, reader_settings
from prunesweep.orchestrator.initialization.sweep_file import batch_size_for, epochs_for, sweep_file_text
from prunesweep.orchestrator.initialization.weights import FoundWeights
from prunesweep.results_store import Store
from prunesweep.sweeps.pretrained import PRETRAINED
from prunesweep.sweeps.reader import parse_sweep, read_sweep
from prunesweep.workers.architectures.network import new_network
from prunesweep.workers.normalisations import NormalisationAccuracy
from tests.helpers.command import command, refusal
from tests.helpers.parquet import write_images
from tests.helpers.run_here import run_here


@pytest.fixture(autouse=True)
def _working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


def write_folder(folder: str, classes: Iterable[str], each: int, *sides: int) -> None:
    """Class folders of noise, with images of these sides in turn."""
    for label, name in enumerate(classes):
        Path(folder, name).mkdir(parents=True)
        for number in range(each):
            height, width = sides[number % len(sides)], sides[number % len(sides)]
            noise = np.random.default_rng([label, number, len(folder)]).integers(
                0, 128, (height, width, 3), dtype=np.uint8
            )
            Image.fromarray(noise + np.uint8(60 * (label % 3))).save(Path(folder, name, f"{number}.png"))


def settings_of(path: str | Path) -> dict[str, Any]:
    return read_sweep(str(path)).dataset.model_dump(exclude_defaults=True)


def planned(path: str | Path) -> str:
    ran = command("plan", str(path), "--store", "store")
    assert ran.exit_code == 0, ran.output
    return ran.stdout


# ------------------------------------------------------------------------------------------------- class folders


def test_class_folders_of_one_size_are_read_into_memory_and_the_sweep_runs() -> None:
    write_folder("photos/train", ["cat", "dog", "frog"], 12, 16)
    write_folder("photos/test", ["cat", "frog"], 8, 16)
    ran = command("init", "--data", "photos")
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.splitlines() == [
        "data: 36 training and 16 test images of 3 classes, 16 × 16 pixels, in class folders in photos/train and "
        "photos/test",
        "photos.yaml: 11 trials: 1 baseline, 2 controls, 8 pruned",
        "next:",
        "  prunesweep plan photos.yaml",
        "  prunesweep run photos.yaml",
    ]
    assert settings_of("photos.yaml") == {"name": "image_folder", "train": "photos/train", "test": "photos/test"}
    assert "photos: 11 trials: 1 baseline, 2 controls, 8 pruned" in planned("photos.yaml")
    short = ["baseline.epochs=1", "adjustment.epochs=1", "attacks={fgsm: {epsilons: [8/255]}}", "axes.criterion=l1"]
    store = Store("store")
    run_here(read_sweep("photos.yaml", [*short, "axes.iterations=1", "pruning.scoring_images=8"]), store)
    trials, classes = store.table("trials"), store.table("classes")
    assert len(trials) == 4 and trials["error"].isna().all()
    assert classes["name"].unique().tolist() == ["cat", "dog", "frog"]
    assert classes["total"].tolist() == [8, 0, 8] * 4


def test_images_of_several_sizes_are_streamed_and_a_test_split_without_labels_is_left_aside() -> None:
    write_folder("photos/train", ["n01", "n02"], 6, 70, 75, 80)
    write_folder("photos/val", ["n01", "n02"], 3, 80)
    Path("photos/test").mkdir()
    Image.new("RGB", (70, 70)).save("photos/test/0001.png")
    new = init_sweep(data="photos", store="store")
    assert new.notes == ()
    settings = settings_of(new.path)
    assert settings == {"name": "imagenet", "train": ("photos/train",), "test": ("photos/val",), "size": 64}
    assert (new.data.train_images, new.data.test_images, new.data.classes, new.data.side) == (12, 6, 2, 64)
    planned(new.path)


def test_validation_images_beside_test_images_are_said_not_to_be_used() -> None:
    for split in ("train", "test", "valid"):
        write_folder(f"photos/{split}", ["cat", "dog"], 3, 16)
    new = init_sweep(data="photos", store="store")
    assert settings_of(new.path)["test"] == "photos/test"
    assert new.notes == ("photos/valid is not used: networks are chosen on half of the test images.",)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["cat"], [], "photos: has class folders in train, but no test images in a folder test or val"),
        ([], ["cat"], "photos: has class folders in test, but no training images in a folder train"),
        (["cat"], ["cat", "dog"], "photos/test: class 'dog' is not in the training images (photos/train)"),
    ],
)
def test_incomplete_class_folders_are_one_line(train: list[str], test: list[str], message: str) -> None:
    write_folder("photos/train", train, 3, 16)
    write_folder("photos/test", test, 3, 16)
    assert refusal("init", "--data", "photos") == f"prunesweep: {message}\n"
    assert not Path("photos.yaml").exists()


def test_a_file_that_is_no_image_is_named() -> None:
    write_folder("photos/train", ["cat"], 2, 16)
    write_folder("photos/test", ["cat"], 2, 16)
    Path("photos/train/cat/broken.png").write_bytes(b"no image")
    assert "photos/train/cat/broken.png: cannot be decoded" in refusal("init", "--data", "photos")


@pytest.mark.parametrize(
    ("sizes", "images", "settings", "side"),
    [
        ([(32, 32)], 60_000, {"name": "image_folder"}, 32),
        ([(96, 96)] * 3, 1_300_000, {"name": "imagenet", "size": 96, "resize": 96}, 96),
        ([(500, 375), (400, 300), (640, 480)], 100, {"name": "imagenet", "size": 224}, 224),
        ([(64, 64), (64, 48)], 100, {"name": "imagenet", "size": 48}, 48),
        ([(32, 24)], 100, {"name": "imagenet", "size": 32}, 32),
        ([(8, 8)], 100, {"name": "imagenet", "size": 32}, 32),
        ([(1024, 1024)], 100_000, {"name": "imagenet", "size": 224}, 224),
    ],
)
def test_the_reader_is_chosen_by_the_sizes_and_the_memory(
    sizes: list[tuple[int, int]], images: int, settings: dict[str, Any], side: int
) -> None:
    assert reader_settings("image_folder", sizes, images) == (settings, side)


# ------------------------------------------------------------------------------------------------------ Parquet


def test_parquet_files_of_both_splits_are_read() -> None:
    write_images(Path("flowers/train.parquet"), [0, 1, 2, 0], ["rose", "lily", "iris"])
    write_images(Path("flowers/test.parquet"), [2, 1], ["rose", "lily", "iris"], first=50)
    new = init_sweep("first.yaml", data="flowers", store="store")
    assert new.data.describe() == (
        "4 training and 2 test images of 3 classes, 16 × 16 pixels, in Parquet files in flowers"
    )
    paths = {"train": ("flowers/train.parquet",), "test": ("flowers/test.parquet",)}
    assert settings_of("first.yaml") == {"name": "image_parquet", **paths}
    assert planned("first.yaml").startswith("first: 11 trials")


def test_shards_are_named_by_a_glob_and_hidden_labels_are_not_used() -> None:
    for shard in range(3):
        write_images(Path(f"flowers/data/train-0000{shard}-of-00003.parquet"), [0, 1], first=10 * shard)
    write_images(Path("flowers/data/test-00000-of-00001.parquet"), [-1, -1], first=60)
    write_images(Path("flowers/data/validation-00000-of-00001.parquet"), [1, 0], first=70)
    new = init_sweep(data="flowers", store="store")
    settings = settings_of(new.path)
    assert settings["train"] == ("flowers/data/train-*.parquet",)
    assert settings["test"] == ("flowers/data/validation-00000-of-00001.parquet",)
    assert new.notes == ("The labels of the test images are hidden, so the images for validation are the test images.",)
    assert (new.data.train_images, new.data.classes) == (6, 2)
    planned(new.path)


def test_text_labels_are_counted() -> None:
    write_images(Path("flowers/train.parquet"), ["rose", "iris", "rose"])
    write_images(Path("flowers/test.parquet"), ["iris", "rose"], first=50)
    assert find_data("flowers").classes == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["train"], "flowers: has Parquet files for train, but none with test images and their labels"),
        (["all"], "--data flowers: found no images; a data set is train/ and test/ or val/ with a folder per class"),
    ],
)
def test_incomplete_parquet_files_are_one_line(files: list[str], message: str) -> None:
    for name in files:
        write_images(Path(f"flowers/{name}.parquet"), [0, 1])
    assert message in refusal("init", "--data", "flowers")


def test_a_damaged_parquet_file_is_named() -> None:
    write_images(Path("flowers/train.parquet"), [0, 1])
    Path("flowers/test.parquet").write_bytes(b"<html>")
    assert "flowers/test.parquet: is HTML or XML" in refusal("init", "--data", "flowers")


# --------------------------------------------------------------------------------------------- names and searching


@pytest.mark.parametrize(
    ("folder", "data", "settings"),
    [
        ("cifar-10-batches-py", "cifar10", {"name": "cifar10", "root": "."}),
        ("data/cifar-100-python", "cifar100", {"name": "cifar100"}),
        ("here/cifar-10-batches-py", "here", {"name": "cifar10", "root": "here"}),
        ("here/cifar-10-batches-py", "here/cifar-10-batches-py", {"name": "cifar10", "root": "here"}),
    ],
)
def test_the_folders_of_cifar_are_found(folder: str, data: str, settings: dict[str, Any]) -> None:
    Path(folder).mkdir(parents=True)
    new = init_sweep("sweep.yaml", data=data, store="store")
    assert settings_of("sweep.yaml") == settings
    assert (new.data.train_images, new.data.test_images, new.data.side) == (50_000, 10_000, 32)


def test_cifar_by_name_is_downloaded_where_it_is_missing() -> None:
    init_sweep(data="cifar10", store="store")
    assert settings_of("cifar10.yaml") == {"name": "cifar10", "download": True}
    assert "data: 50,000 training and 10,000 test images of 100 classes" in command("init", "--data", "cifar100").stdout


def test_imagenet_by_name_is_searched_in_the_usual_folders() -> None:
    assert "name the one that has train and val: --data FOLDER" in refusal("init", "--data", "imagenet")
    write_folder("data/ILSVRC2012/train", ["n01", "n02"], 2, 70, 80)
    write_folder("data/ILSVRC2012/val", ["n01", "n02"], 2, 70)
    assert find_data("imagenet").settings["train"] == "data/ILSVRC2012/train"


def test_the_only_data_set_here_is_taken() -> None:
    write_folder("data/flowers/train", ["rose", "iris"], 2, 16)
    write_folder("data/flowers/test", ["rose", "iris"], 2, 16)
    assert init_sweep(store="store").data.settings["train"] == "data/flowers/train"
    write_images(Path("photos/train.parquet"), [0, 1])
    write_images(Path("photos/test.parquet"), [0, 1], first=50)
    assert [found.name for found in search_data()[0]] == ["photos", "flowers"]
    expected = "found several data sets here; choose one with --data: photos/train.parquet or data/flowers/train"
    assert refusal("init", "other.yaml") == f"prunesweep: {expected}\n"


def test_splits_directly_in_the_working_folder_are_found(tmp_path: Path) -> None:
    write_folder("train", ["rose", "iris"], 2, 16)
    write_folder("test", ["rose", "iris"], 2, 16)
    new = init_sweep(store="store")
    assert settings_of(new.path) == {"name": "image_folder", "train": "train", "test": "test"}
    assert new.data.name == tmp_path.name


def test_without_any_data_the_example_is_written_and_says_how_to_name_data() -> None:
    write_folder("photos/train", ["rose", "iris"], 2, 16)  # incomplete, which is told
    ran = command("init")
    assert ran.exit_code == 0, ran.output
    assert "photos: has class folders in train, but no test images" in ran.stdout
    assert "found no images here, so this is an example with scikit-learn's digits; for yours give --data" in ran.stdout
    assert settings_of("digits.yaml") == {"name": "digits"}
    assert planned("digits.yaml").startswith("digits: 11 trials: 1 baseline, 2 controls, 8 pruned")


def test_names_that_are_no_data_are_one_line() -> None:
    Path("empty").mkdir()
    Path("file.parquet").write_bytes(b"")
    assert "did you mean 'digits'?" in refusal("init", "--data", "digit")
    assert "--data empty: found no images; a data set is train/ and test/" in refusal("init", "--data", "empty")
    assert "is one file; name the folder" in refusal("init", "--data", "file.parquet")


# ------------------------------------------------------------------------------------------------------- the file


def test_a_file_is_replaced_only_if_that_is_asked_for() -> None:
    Path("digits.yaml").write_text("mine")
    assert refusal("init", "--data", "digits").startswith("prunesweep: digits.yaml: exists already;")
    assert Path("digits.yaml").read_text() == "mine"
    assert command("init", "--data", "digits", "--force").exit_code == 0
    assert "there is no folder none; name a file" in refusal("init", "none/mine.yaml", "--data", "digits")
    Path("folder").mkdir()
    assert "folder: is a folder; name a file" in refusal("init", "folder", "--data", "digits")


def test_the_name_of_the_sweep_is_made_of_the_name_of_the_file() -> None:
    printed = command("init", "my first sweep.yaml", "--data", "digits", "--store", "results here").stdout
    assert read_sweep("my first sweep.yaml").name == "my_first_sweep"
    assert "  prunesweep run 'my first sweep.yaml' --store 'results here'" in printed
    assert not Path("results here").exists()


SMALL = FoundData("small", {"name": "image_folder", "train": "a", "test": "b"}, 700, 300, 5, 32, "class folders")
LARGE = FoundData(
    "large", {"name": "imagenet", "size": 224, "train": "a", "test": "b"}, 1_281_167, 50_000, 1000, 224, "class folders"
)
FOUND = (
    NormalisationAccuracy("ImageNet's", ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), 0.97, 0.1),
    NormalisationAccuracy("the training images' own", None, 0.94, 0.2),
)
TEXTS = {
    "small": sweep_file_text("small", SMALL, None, has_gpu=False),
    "large": sweep_file_text("large", LARGE, None, has_gpu=True),
    "weights": sweep_file_text("x", SMALL, FoundWeights("w.pth", "vgg16", 5, None, FOUND, 128), has_gpu=False),
    "own": sweep_file_text("x", SMALL, FoundWeights("w.pth", "resnet56", 5, None, FOUND[::-1], 128), has_gpu=False),
    "torchvision": sweep_file_text(
        "x", LARGE, FoundWeights("torchvision:IMAGENET1K_V2", "resnet50", 1000, 600), has_gpu=True
    ),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_line_says_why_and_fits(text: str) -> None:
    parse_sweep(text)
    for line in text.splitlines():
        assert len(line) <= 120
        assert "  # " in line or line.startswith("# ") or re.match(r"dataset:|  std:|  # ", line), line


def test_settings_fit_the_data() -> None:
    assert (batch_size_for(SMALL), epochs_for(SMALL)) == (32, 40)
    assert (batch_size_for(LARGE), epochs_for(LARGE)) == (64, 10)
    small, large, vgg, own, published = (parse_sweep(text) for text in TEXTS.values())
    assert (small.axes[0].architecture, small.axes[0].iterations) == (("resnet20",), (1, 2))
    assert (large.axes[0].architecture, large.axes[0].iterations) == (("resnet50",), (1,))
    assert small.attacks.occlusion is not None and small.attacks.occlusion.sides == (8, 16)
    assert (small.baseline.learning_rate, small.adjustment.learning_rate) == (0.025, 0.0025)
    assert (small.resources.gpu, large.resources.gpu) == (0, "auto")
    assert vgg.axes[0].structure == ("filters",)
    assert vgg.baseline.mean == (0.485, 0.456, 0.406) and own.baseline.mean is None
    assert (published.baseline.weights, published.baseline.epochs) == ("torchvision:IMAGENET1K_V2", 600)
    assert "train_limit: 10000" in TEXTS["large"] and "train_limit" not in TEXTS["small"]


# -------------------------------------------------------------------------------------------------------- weights


def save_weights(path: str, classes: int) -> None:
    network = new_network("resnet20", classes, 16, (0.5,) * 3, (0.2,) * 3, generator=torch.Generator())
    torch.save({"state_dict": network.body.state_dict()}, path)


def test_the_architecture_and_the_normalisation_of_a_weights_file_are_found_out() -> None:
    write_folder("photos/train", ["cat", "dog", "frog", "owl", "ox"], 4, 16)
    write_folder("photos/test", ["cat", "dog"], 2, 16)
    save_weights("mine.pth", 5)
    ran = command("init", "--data", "photos", "--from", "mine.pth")
    assert ran.exit_code == 0, ran.output
    assert "weights: mine.pth, a resnet20 for 5 classes" in ran.stdout
    sweep = read_sweep("photos_resnet20.yaml")
    assert (sweep.baseline.weights, sweep.axes[0].architecture) == ("mine.pth", ("resnet20",))
    assert "On 20 training images:" in Path("photos_resnet20.yaml").read_text()
    planned("photos_resnet20.yaml")
    assert "mine.pth: classifies only" in ran.stdout  # it was not trained


def test_weights_for_other_classes_or_of_no_architecture_are_one_line() -> None:
    save_weights("mine.pth", 7)
    torch.save({"weight": torch.zeros(3)}, "other.pth")
    assert "is a resnet20 for 7 classes, but the data set has 10" in refusal(
        "init", "--data", "digits", "--from", "mine.pth"
    )
    assert "other.pth: matches none of resnet20" in refusal("init", "--data", "digits", "--from", "other.pth")
    assert "none.pth: there is no such weights file" in refusal("init", "--data", "digits", "--from", "none.pth")
    assert "for 1,000 classes, but the data set has 10" in refusal(
        "init", "--data", "digits", "--from", next(iter(PRETRAINED))
    )
    assert "did you mean" in refusal("init", "--data", "digits", "--from", "torchvision:IMAGENET1K")
    assert "found no images here for these weights" in refusal("init", "--from", "mine.pth")
    assert not list(Path().glob("*.yaml"))


def test_pretrained_weights_by_name_need_no_file() -> None:
    for split in ("train", "val"):
        for number in range(1000):
            folder = Path("imagenet", split, f"n{number:04}")
            folder.mkdir(parents=True)
            buffer = io.BytesIO()
            Image.new("RGB", (60 + number % 2, 60)).save(buffer, "PNG")
            (folder / "one.png").write_bytes(buffer.getvalue())
    new = init_sweep(data="imagenet", weights="torchvision:IMAGENET1K_V1", store="store")
    assert new.path == Path("imagenet_resnet50.yaml")
    assert (new.plan.sweep.baseline.epochs, new.weights and new.weights.architecture) == (90, "resnet50")
    assert planned(new.path).startswith("imagenet_resnet50: 11 trials")


def test_real_images_and_trained_weights(shared_data: Path) -> None:
    weights = next((shared_data / "weights").glob("resnet20-*.th"))
    new = init_sweep("real.yaml", data=str(shared_data / "cifar10"), weights=str(weights), store="store")
    assert new.data.describe().startswith("10,000 training and 10,000 test images of 10 classes, 32 × 32 pixels")
    assert new.weights is not None and new.weights.architecture == "resnet20"
    accuracies = {found.name: found.accuracy for found in new.weights.normalisations}
    assert accuracies["ImageNet's"] > 0.95 > accuracies["none"]
    assert len(new.plan.to_run) == 11 and not new.notes
    planned("real.yaml")
