"""Weights named ``torchvision:NAME``: keys, normalisation and refused names, without torch."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from prunesweep.sweeps.errors import DataError, SweepError
from prunesweep.sweeps.fingerprints import file_sha256, weights_fingerprint
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.pretrained import IMAGENET_MEAN, IMAGENET_STD, PRETRAINED, Pretrained, find_pretrained
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial

SWEEP = """
name: pretrained
dataset: {name: digits}
baseline: {weights: "torchvision:IMAGENET1K_V2"}
adjustment: {epochs: 2}
axes: {architecture: resnet50, criterion: l1}
"""
V1, V2 = "torchvision:IMAGENET1K_V1", "torchvision:IMAGENET1K_V2"
Root = Callable[..., Trial]


@pytest.fixture
def root(parse: Callable[..., Sweep]) -> Root:
    """Return a function that returns the baseline of ``SWEEP`` with overrides."""
    return lambda *overrides: next(iter(grow_tree(parse(SWEEP, *overrides))))


def test_the_published_beginning_of_the_sha256_is_the_fingerprint(tmp_path: Path) -> None:
    assert (weights_fingerprint(V1), weights_fingerprint(V2)) == ("0676ba61", "11ad3fa6")
    file = tmp_path / "weights.th"
    file.write_bytes(b"weights")
    assert weights_fingerprint(str(file)) == file_sha256(str(file), "")
    with pytest.raises(DataError, match=r"^defences\.styled: .*none\.th: No such file"):
        weights_fingerprint("none.th", "defences.styled")


def test_file_name_and_hash_come_from_the_url() -> None:
    assert PRETRAINED[V2].file_name == "resnet50-11ad3fa6.pth"
    for pretrained in PRETRAINED.values():
        assert len(pretrained.sha256_prefix) == 8
        assert int(pretrained.sha256_prefix, 16)
    assert find_pretrained("torchvision/resnet50-11ad3fa6.pth") is None


def test_the_key_depends_on_the_hash_of_the_weights(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    before = root()
    assert root(f"baseline.weights={V1}", "seeds=3").key != before.key
    assert root("seeds=3").key == before.key  # pretrained weights do not depend on the seed
    other = replace(PRETRAINED[V2], url="https://example.org/resnet50-aaaaaaaa.pth")
    monkeypatch.setitem(PRETRAINED, V2, other)
    assert root().key != before.key


def test_a_workers_weights_are_the_name_or_an_absolute_path(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("weights.th").write_bytes(b"weights")
    assert root().weights == V2
    assert root("baseline.weights=weights.th").weights == str(tmp_path / "weights.th")


def test_the_default_normalisation_is_that_of_imagenet(root: Root, tmp_path: Path) -> None:
    assert (root().round.mean, root().round.std) == (IMAGENET_MEAN, IMAGENET_STD)
    written = "baseline={weights: 'torchvision:IMAGENET1K_V2', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}"
    assert root(written).key == root().key
    own = root("baseline={weights: 'torchvision:IMAGENET1K_V2', mean: [0, 0, 0], std: [1, 1, 1]}")
    assert (own.round.mean, own.round.std) == ((0, 0, 0), (1, 1, 1))
    file = tmp_path / "weights.th"
    file.write_bytes(b"weights")
    assert root(f"baseline.weights={file}").round.mean is None


def test_adjustments_need_epochs_and_snapshots_as_with_a_weights_file(parse: Callable[..., Sweep]) -> None:
    schemes = "axes.adjustment=[fine_tune, scratch_e, winning_ticket]"
    assert {entry.description for entry in grow_tree(parse(SWEEP, schemes)).invalid} == {"scratch_e", "winning_ticket"}
    with_epochs = grow_tree(parse(SWEEP, schemes, "baseline.epochs=600"))
    assert {entry.description for entry in with_epochs.invalid} == {"winning_ticket"}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "baseline.weights=torchvision:IMAGENET_V2",
            "baseline.weights: 'torchvision:IMAGENET_V2' is not a pretrained network; did you mean "
            "'torchvision:IMAGENET1K_V2'?",
        ),
        ("baseline.weights=torchvision:resnet", "Allowed: torchvision:IMAGENET1K_V1, torchvision:IMAGENET1K_V2"),
        (
            "axes.architecture=[resnet50, resnet56]",
            "baseline.weights: torchvision:IMAGENET1K_V2 is a resnet50, not a resnet56",
        ),
    ],
)
def test_a_wrong_name_gives_a_message_of_one_line(parse: Callable[..., Sweep], override: str, message: str) -> None:
    with pytest.raises(SweepError) as refused:
        parse(SWEEP, override)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_has_no_fingerprint() -> None:
    with pytest.raises(DataError, match="'torchvision:V9' is not a pretrained network"):
        weights_fingerprint("torchvision:V9")


def test_the_hash_follows_the_last_dash() -> None:
    assert Pretrained("resnet50", "https://example.org/a-b/wide-resnet-01234567.pth").sha256_prefix == "01234567"
