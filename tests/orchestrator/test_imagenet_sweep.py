"""A whole sweep over streamed images on a real Ray, and the plan of the ImageNet sweep."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.helpers.command import command, process

SWEEP = """
name: streamed
dataset: {name: imagenet, train: pictures/train, test: pictures/val, size: 32}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 16}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 16}
pruning: {scoring_images: 16, blocks: 1}
axes: {architecture: resnet20, structure: [filters, layers], criterion: l1}
attacks: {fgsm: {epsilons: [8/255]}, corruptions: {kinds: [fog], severities: [5]}}
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Class folders of JPEGs of unequal sizes."""
    for split, count in (("train", 24), ("val", 10)):
        for number in range(count):
            folder = tmp_path / "pictures" / split / f"n{number % 2:08}"
            folder.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng([number, count]).integers(0, 128, (40 + number, 44, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(noise + np.uint8(100 * (number % 2))).save(buffer, "JPEG")
            (folder / f"{number:03}.JPEG").write_bytes(buffer.getvalue())
    return tmp_path


def test_a_sweep_over_streamed_images_runs_from_the_folder_in_which_its_paths_hold(pictures: Path) -> None:
    (pictures / "streamed.yaml").write_text(SWEEP)
    ran = process("run", "streamed.yaml", "--store", "store", "--set", "resources.workers=1", folder=pictures)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "4 trials run, 0 were stored already, 0 failed" in ran.stdout
    trials = pd.read_parquet(pictures / "store" / "trials")
    assert trials["error"].isna().all() and trials["generalization"].between(0, 1).all()
    assert (pd.read_parquet(pictures / "store" / "attacks")["total"] == 10).all()


def test_the_imagenet_sweep_is_planned_on_any_class_folders(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    places = ["--set", "dataset.train=pictures/train", "--set", "dataset.test=pictures/val"]
    planned = command("plan", "imagenet", "--store", "store", *places)
    assert planned.exit_code == 0, planned.output
    assert "to run: 5 trials" in planned.stdout


def test_where_the_images_lie_has_to_be_said(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pictures)
    planned = command("plan", "imagenet", "--store", "store")
    assert planned.exit_code == 2
    assert "dataset.train" in planned.output
