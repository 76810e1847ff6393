"""Single elements: L_i by hand, the command from a trial to the table, and what it refuses."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from prunesweep.orchestrator.analyses.elements import single_elements
from prunesweep.orchestrator.analyses.loss_curves import BUDGETS, loss_curves
from prunesweep.orchestrator.cli import app
from prunesweep.results_store import Store
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers.analyses import elements as of_workers
from tests.helpers import documents
from tests.helpers.command import refusal
from tests.helpers.run_here import run_here

SWEEP = """
name: elements
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 30}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 32}
axes: {architecture: resnet20, iterations: 0}
attacks: {fgsm: {}}
"""


def rows(attack: str, gains: list[float], **given: object) -> pd.DataFrame:
    """The rows of one attack, an element each."""
    row = {
        "trial_key": "base",
        "structure": "filters",
        "module": "conv",
        "attack": attack,
        "headline": "",
        "images": 2000,
        "test_fingerprint": "images",
    }
    return pd.DataFrame([{**row, **given, "element": i, "gain": gain} for i, gain in enumerate(gains)])


def shares(curves: pd.DataFrame, attack: str, column: str) -> list[float]:
    of_attack = curves[curves["attack"] == attack]
    assert of_attack["budget"].tolist() == list(BUDGETS)
    return [float(share) for share in of_attack[column]]


# L_i


def test_loss_curves_by_hand() -> None:
    """Five elements; by hand, those that gain robustness and what they cost in clean accuracy.

    fgsm: 0 (+0.05), 1 (0), 2 (-1), 4 (-5). occlusion: 1 (0), 3 (-2.45).
    """
    clean = rows("clean", [0.05, 0.0, -1.0, -2.45, -5.0])
    fgsm = rows("fgsm", [1.0, 0.05, 3.0, 0.0, 9.0])
    occlusion = rows("occlusion", [0.0, 0.05, -1.0, 2.0, -0.05])
    curves = loss_curves(pd.concat([fgsm, clean, occlusion]))
    assert shares(curves, "fgsm", "share") == [20.0, 40.0, 60.0, 60.0, 60.0, 60.0]
    assert shares(curves, "fgsm", "share_at_least") == [40.0, 60.0, 60.0, 60.0, 60.0, 80.0]
    assert shares(curves, "occlusion", "share") == [0.0, 20.0, 20.0, 40.0, 40.0, 40.0]
    assert shares(curves, "occlusion", "share_at_least") == [20.0, 20.0, 20.0, 40.0, 40.0, 40.0]
    assert set(curves["elements"]) == {5}


def test_elements_on_other_images_or_of_another_network_are_not_mixed() -> None:
    tables = []
    places: list[dict[str, Any]] = [
        {"trial_key": "a"},
        {"structure": "layers"},
        {"images": 100},
        {"test_fingerprint": "others"},
        {},
    ]
    for number, place in enumerate(places):
        # The share of elements that gain grows from place to place.
        gains = [1.0] * number + [-1.0] * (4 - number)
        tables += [rows("clean", [0.5] * 4, **place), rows("fgsm", gains, **place)]
    curves = loss_curves(pd.concat(tables))
    assert len(curves) == 5 * len(BUDGETS) and set(curves["elements"]) == {4}
    assert sorted(curves.loc[curves["budget"] == 0, "share"]) == [0.0, 25.0, 50.0, 75.0, 100.0]


def test_no_elements_have_no_curves() -> None:
    curves = loss_curves(Store("memory://no-elements").table("elements"))
    assert curves.empty and {"trial_key", "budget", "share", "share_at_least", "elements"} <= set(curves)


# From a trial to the table


@pytest.fixture(scope="module")
def key() -> str:
    """Of the baseline."""
    (baseline,) = grow_tree(parse_sweep(SWEEP))
    return baseline.key


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """What a run of the sweep leaves."""
    store = Store(str(tmp_path_factory.mktemp("store")))
    run_here(parse_sweep(SWEEP), store)
    return store


def run(*arguments: str) -> str:
    ran = CliRunner().invoke(app, ["elements", *arguments])
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_the_command_prints_the_curves_and_goes_on_where_it_was(
    store: Store, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["--trial", key[:12], "--structure", "filters", "--modules", "layer1", "--images", "20"]
    asked += ["--store", store.url]
    count_each, walks = of_workers.count_each, []

    def interrupted(*arguments: Any) -> object:
        walks.append(arguments)
        if len(walks) == 3:
            raise KeyboardInterrupt
        return count_each(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(of_workers, "count_each", interrupted)
        stopped = CliRunner().invoke(app, ["elements", *asked])
    assert stopped.exit_code == 130
    assert "[1/3] layer1.0.conv1: 16 elements" in stopped.output and "[2/3]" not in stopped.output
    table = pd.read_parquet(store.objects.path("elements"))
    assert len(table) == 3 * 16, "the tables hold what was measured until then"
    output = run(*asked)
    assert output.count("stored already") == 1
    table = store.table("elements").query("structure == 'filters'")
    size = len(table.groupby(["module", "element"]))
    assert size == 3 * 16 and f"{size} filters of {key[:10]}, 20 test images" in output
    assert set(table["attack"]) == {"clean", "fgsm", "occlusion"} and len(table) == 3 * size
    curves = loss_curves(table)
    for attack in ("fgsm at 8/255", "occlusion of half the side"):
        for reading, column in (("above", "share"), ("at least", "share_at_least")):
            (line,) = [line for line in output.splitlines() if attack in line and f" {reading} " in line]
            expected = shares(curves, attack.split()[0], column)
            assert [float(cell) for cell in line.split()[-len(BUDGETS) :]] == pytest.approx(expected, abs=0.006)
    assert "L_0" in output and "L_5" in output


def test_more_attacks_repeat_no_row(store: Store, key: str) -> None:
    few = single_elements(store, key, structure="layers", images=10, attacks=["occlusion"], modules="layer3")
    more = single_elements(store, key, structure="layers", images=10, modules="layer3")
    table = store.table("elements").query("trial_key == @key and images == 10")
    assert (len(few), len(more), len(table)) == (4, 6, 6)
    pd.testing.assert_frame_equal(table.reset_index(drop=True), more.reset_index(drop=True))


def test_gains_are_over_the_network_that_lost_nothing(store: Store, key: str) -> None:
    """Of all 30 test images, what the trial's own evaluation counted."""
    table = single_elements(store, key, structure="layers", images=1000, modules="layer2")
    trial = store.table("trials").query("trial_key == @key").iloc[0]
    assert set(table["total"]) == {30}
    for attack, column in (("clean", "generalization"), ("fgsm", "robustness_fgsm")):
        of_attack = table[table["attack"] == attack]
        assert (of_attack["accuracy"] - of_attack["gain"] / 100).tolist() == pytest.approx([trial[column]] * 2)


# Bad input


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--trial", "0123456789"], "0123456789: no network of"),
        (["--structure", "layer"], "'layer' is not a structure of single elements; did you mean 'layers'?"),
        (["--structure", "both"], "Allowed: filters, layers"),
        (["--attacks", "fgms"], "'fgms' is not an attack on single elements; did you mean 'fgsm'?"),
        (["--attacks", "pgd"], "Allowed: fgsm, occlusion, corruptions"),
        (["--attacks", ""], "attacks: name one or more of fgsm, occlusion, corruptions"),
        (
            ["--modules", "layer4"],
            "modules 'layer4': no module with removable layers has a path that begins so; there are layer1.1",
        ),
        (["--images", "0"], "images 0: give 1 or more"),
    ],
)
def test_a_refusal_is_one_line_and_stores_nothing(store: Store, key: str, change: list[str], said: str) -> None:
    before = store.result_keys()
    assert said in refusal("elements", "--trial", key, "--structure", "layers", "--store", store.url, *change)
    assert store.result_keys() == before


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ({"architecture": "resnet200"}, "'resnet200' is not an architecture; did you mean 'resnet20'?"),
        ({"architecture": "resnet20"}, "network.json does not describe a resnet20; it is damaged"),
        ({"architecture": "resnet20", "kept_filters": {}, "kept_blocks": {"layer1": [9]}}, "it is damaged"),
    ],
)
def test_a_damaged_network_is_told_in_one_line(tmp_path: Path, description: dict[str, Any], said: str) -> None:
    store = Store(str(tmp_path))
    store.save_network("abcd", {}, description)
    store.save_result(documents.network("abcd"))
    assert said in refusal("elements", "--trial", "abcd", "--structure", "layers", "--store", store.url)


def test_layers_of_a_network_without_residual_blocks_are_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    store.save_network("abcd", {}, {"architecture": "vgg16"})
    store.save_result(documents.network("abcd", settings=documents.settings(architecture="vgg16")))
    said = refusal("elements", "--trial", "abcd", "--structure", "layers", "--store", store.url)
    assert "structure layers: vgg16 has no removable layers; use filters" in said
