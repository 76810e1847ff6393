"""Messages of the commands: counts with their nouns, full stops, hints, and each name only once."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prunesweep.orchestrator.display.elements import describe_progress
from prunesweep.orchestrator.paper.tables import how_to_read
from prunesweep.sweeps.datasets import ImageFolder, Imagenet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.events import ImagesEvaluated, ModuleMeasured
from prunesweep.sweeps.notes import sweep_notes
from prunesweep.sweeps.reader import read_sweep
from prunesweep.workers import load_dataset
from tests.helpers.command import command, process, refusal

STORED = Path(__file__).parents[1] / "stores" / "version_0.1.0" / "store"


@pytest.mark.parametrize(
    ("seeds", "baselines", "images", "said"),
    [
        (1, 1, 1, "[95 % interval over 1 test image], p.p.; 1 seed over 1 baseline, which"),
        (3, 3, 10_000, "[95 % interval over 10,000 test images], p.p.; up to 3 seeds over 3 baselines, which"),
    ],
)
def test_a_table_says_how_many_seeds_and_baselines_it_covers(
    seeds: int, baselines: int, images: int, said: str
) -> None:
    assert said in how_to_read([{"mean": 1.0, "seeds": seeds, "baselines": baselines, "images": images}])


def test_progress_on_single_elements_counts_them() -> None:
    assert describe_progress(ModuleMeasured("conv1", 1, 1, 9, 2.0)) == "[1/9] conv1: 1 element, 2.0 s"
    assert describe_progress(ModuleMeasured("conv1", 16, 1, 9, 0)) == "[1/9] conv1: 16 elements, stored already"
    assert describe_progress(ImagesEvaluated(("conv1",), 1, 1)) == "  conv1: 1 of 1 image"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("messages") / "store"
    shutil.copytree(STORED, folder)
    return str(folder)


def test_a_count_of_one_has_a_singular_noun(store: str) -> None:
    network = "structure == filters"
    runs = [
        command("transfer", "--sources", network, "--targets", network, "--epsilon", "3/255", "--store", store),
        command("compare", "--store", store, "--where", network),
    ]
    assert "shown to 1 network\n" in runs[0].stderr
    for ran in runs:
        assert re.findall(r"(?<![\d.,×])1 [a-z]+s\b", ran.output) == []


def test_conditions_that_no_trial_meets_are_listed(store: str) -> None:
    conditions = ["structure == filters", "seed == 0", "iterations == 7"]
    sources = [part for condition in conditions for part in ("--sources", condition)]
    said = refusal("transfer", *sources, "--targets", "seed == 0", "--store", store)
    assert "no trial meets structure == filters, seed == 0 and iterations == 7" in said


def test_an_unknown_sweep_is_a_sentence_before_the_names() -> None:
    assert refusal("plan", "nosuch").startswith("prunesweep: nosuch: no such sweep file. Built in: cifar10_grid, ")
    assert "did you mean 'quickstart'? Built in: " in refusal("run", "quikstart")


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan"],
        ["nosuch"],
        ["pln"],
        ["plan", "quickstart", "--stor", "x"],
        ["plan", "quickstart", "again"],
        ["export", "1d7dd2ef"],
        ["compare", "--over"],
        ["verify-robustness", "x", "--images", "many"],
    ],
)
def test_a_parser_error_ends_with_a_full_stop_before_the_hint_to_the_help(arguments: list[str]) -> None:
    ran = process(*arguments)
    assert ran.returncode == 2
    assert re.fullmatch(r"prunesweep: .*[^\s.?!][.?!] See --help\.\n", ran.stderr), ran.stderr


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("axes.0.ratio=10", "axes.0.ratio"),
        ("baseline.lr=1", "baseline.lr"),
        ("dataset.siz=16", "dataset.siz"),
        ("baseline.epochs=null", "baseline"),
        ("adjustment.rewind_epoch=null", "adjustment.rewind_epoch"),
        ("axes.0.recipe=plian", "axes.0.recipe"),
    ],
)
def test_a_message_names_an_override_once(override: str, key: str) -> None:
    said = refusal("plan", "quickstart", "--set", override)
    assert len(re.findall(rf"{re.escape(key)}: ", said)) <= 1, said


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("3", "seeds: a single seed, 3; for 3 seeds give seeds: [0, 1, 2]"),
        ("2", "seeds: a single seed, 2; for 2 seeds give seeds: [0, 1]"),
        ("10", "seeds: a single seed, 10; for 10 seeds give seeds: [0, 1, …, 9]"),
    ],
)
def test_a_plan_says_that_a_single_number_is_a_seed_and_not_a_count(tmp_path: Path, seeds: str, said: str) -> None:
    ran = command("plan", "quickstart", "--store", str(tmp_path / "none"), "--set", f"seeds={seeds}")
    assert said in ran.output.splitlines()


@pytest.mark.parametrize("seeds", ["0", "1", "[0, 1, 2]", "[3, 4]", "20261127"])
def test_unambiguous_seeds_get_no_note(seeds: str) -> None:
    assert sweep_notes(read_sweep("quickstart", [f"seeds={seeds}"])) == []


def write_images(folder: Path, sides: dict[str, list[int]]) -> None:
    """Write class folders with images of these sides, in pixels, for each split."""
    draw = np.random.default_rng(0)
    for split, of_split in sides.items():
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True)
            for number, side in enumerate(of_split):
                pixels = draw.integers(0, 256, (side, side + (side == 18), 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")


@pytest.mark.parametrize(
    "sides",
    [
        {"train": [32, 20], "test": [32, 32]},
        {"train": [32, 32], "test": [20, 20]},
        {"train": [18, 18], "test": [18, 18]},  # not square
        {"train": [8, 8], "test": [8, 8]},
    ],
)
def test_the_refusal_of_mixed_image_sizes_names_a_data_set_that_resizes_and_it_works(
    tmp_path: Path, sides: dict[str, list[int]]
) -> None:
    write_images(tmp_path, sides)
    train, test = str(tmp_path / "train"), str(tmp_path / "test")
    with pytest.raises(DataError, match=r"set dataset\.name to imagenet and dataset\.size to a number of pixels$"):
        load_dataset(ImageFolder(name="image_folder", train=train, test=test))
    resized = load_dataset(Imagenet(name="imagenet", train=(train,), test=(test,), size=16))
    assert resized.test.read(slice(0, 2)).shape == (2, 3, 16, 16)
