"""The paper's tables and figures from a store: numbers by hand, missing results, and the files that are written."""

from math import nan
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from prunesweep.orchestrator.cli import app
from prunesweep.orchestrator.paper.experiments import Experiments, Gain
from prunesweep.orchestrator.paper.published import TABLE1, TABLE2, TABLE3, TABLE5
from prunesweep.orchestrator.paper.registry import REPRODUCTIONS, reproduce, write_reproduction
from prunesweep.orchestrator.paper.tables import agreement
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.results_store import Store
from prunesweep.results_store.documents import ElementCounts, ElementsResult, Epoch, EvaluationResult, NetworkResult
from prunesweep.results_store.halves import selection_half
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.reader import parse_sweep, read_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import TrialSettings
from tests.helpers.built_in import overrides_of
from tests.helpers.run_here import run_here

IMAGES = 200
ATTACKS = {"clean": 0.0, "fgsm": 8 / 255, "occlusion": 16.0, "corruptions": 5.0}


def put_network(
    store: Store, key: str, *, parent: str | None, control: str | None, epochs: int = 2, **settings: Any
) -> None:
    trial_settings: TrialSettings = {
        "dataset": "cifar10",
        "architecture": "resnet56",
        "recipe": "plain",
        "structure": "none",
        "criterion": "none",
        "adjustment": "none",
        "iterations": 0,
        "ratio": 0.0,
        "seed": 0,
    }
    trial_settings = cast(TrialSettings, {**trial_settings, **settings})
    history: list[Epoch] = [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "accuracy": 0.5,
            "learning_rate": 0.1,
            "seconds": 1.0,
            "gradient_confusion": -0.1,
            "layer_rotation": 0.1 * epoch,
        }
        for epoch in (1, 2)
    ]
    result: NetworkResult = {
        "kind": "network",
        "key": key,
        "parent_key": parent,
        "baseline_key": parent or key,
        "control_key": control,
        "plain_key": None,
        "settings": trial_settings,
        "setting": {"setting_key": key_of("setting", [{**trial_settings, "seed": None}, epochs])},
        "parameters": 10,
        "flops": 10,
        "filters_asked": 1,
        "filters_removed": 1,
        "blocks_asked": 0,
        "blocks_removed": 0,
        "epochs": epochs,
        "epochs_total": epochs + 2,
        "history": history,
        "seconds": 1.0,
        "device": "cpu",
        "versions": {},
        "finished_at": 1.0,
    }
    store.save_result(result)


def put_evaluation(store: Store, key: str, attack: str, correct_images: int, images: int = IMAGES) -> None:
    """Store an evaluation in which the first ``correct_images`` images are correct, under the attack's one kind."""
    correct = np.arange(images) < correct_images
    half = selection_half(images)
    store.save_outcomes(f"{key}-{attack}", {attack: correct})
    counts = [int(correct.sum()), int(correct[half].sum()), int(correct[~half].sum())]
    result: EvaluationResult = {
        "kind": "evaluation",
        "key": f"{key}-{attack}",
        "trial_key": key,
        "attack": attack,
        "version": 1,
        "headline": "",
        "headline_severity": ATTACKS[attack],
        "test_fingerprint": f"{images} images",
        "total": [images, images // 2, images // 2],
        "counts": [{"kind": attack, "severity": ATTACKS[attack], "correct": counts}],
        "measures": {},
        "source": "",
        "seconds": 1.0,
        "finished_at": 2.0,
    }
    store.save_result(result)


PRUNED: dict[str, Any] = {
    "structure": "filters",
    "criterion": "pls",
    "adjustment": "fine_tune",
    "iterations": 1,
    "ratio": 0.1,
}
CORRECT_IMAGES = {
    "base": {"clean": 180, "fgsm": 40, "occlusion": 100, "corruptions": 100},
    "control": {"clean": 182, "fgsm": 40, "occlusion": 100, "corruptions": 100},
    "pruned": {"clean": 184, "fgsm": 80, "occlusion": 60, "corruptions": 100},
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a baseline of ResNet56, its control, and the network with fewer filters."""
    store = Store(str(tmp_path / "store"))
    store.prepare()
    put_network(store, "base", parent=None, control=None)
    put_network(store, "control", parent="base", control=None, adjustment="fine_tune", iterations=1)
    put_network(store, "pruned", parent="base", control="control", **PRUNED)
    for key, counts in CORRECT_IMAGES.items():
        put_all(store, key, counts)
    return store


def put_all(store: Store, key: str, counts: dict[str, int], images: int = IMAGES) -> None:
    for attack, correct_images in counts.items():
        put_evaluation(store, key, attack, correct_images, images)


def cells(data: pd.DataFrame, row: str, over: str = "baseline") -> pd.DataFrame:
    return data[(data["row"] == row) & (data["over"] == over)].set_index("column")


def test_table1_shows_our_gains_beside_the_papers(store: Store) -> None:
    (table,) = reproduce(store, "table1")
    ours = cells(table.data, "resnet56 filters")
    assert ours["mean"].to_dict() == pytest.approx(
        {"semantic": 0, "occlusion": -20, "FGSM": 20, "clean": 2, "average": (0 - 20 + 20 + 2) / 4}
    )
    assert ours["paper"].to_dict() == TABLE1["resnet56", "filters"]
    assert ours["sign"].to_dict() == {
        "semantic": "not shown",  # no gain at all
        "occlusion": "differs",
        "FGSM": "agrees",
        "clean": "agrees",
        "average": "not shown",
    }
    assert (ours["seeds"] == 1).all() and (ours["baselines"] == 1).all() and (ours["images"] == IMAGES).all()
    shown, over_control = table.shown[table.shown[""] == "resnet56 filters"].to_dict("records")
    assert shown["FGSM"].startswith("+3.68 | +20.00 [") and shown["FGSM"].endswith("✓")
    assert over_control["over"] == "control" and over_control["clean"].startswith("+1.00 [")


def test_gains_over_the_control_are_the_effect_of_pruning(store: Store) -> None:
    (table,) = reproduce(store, "table1")
    ours = cells(table.data, "resnet56 filters", "control")
    assert ours["mean"]["clean"] == pytest.approx(1)
    assert ours["paper"].isna().all() and set(ours["sign"]) == {"not shown"}


def test_a_row_averages_comparable_trials(store: Store) -> None:
    """These have the ratio nearest to the paper's, and among settings the most seeds, then the longest training."""
    more = {"clean": 190, "fgsm": 90, "occlusion": 70, "corruptions": 110}
    put_network(store, "base1", parent=None, control=None, seed=1)
    put_all(store, "base1", CORRECT_IMAGES["base"])
    put_network(store, "seed1", parent="base1", control=None, seed=1, **PRUNED)
    put_all(store, "seed1", more)
    put_network(store, "longer", parent="base", control="control", epochs=9, **PRUNED)
    put_all(store, "longer", more)
    put_network(store, "less", parent="base", control="control", **PRUNED | {"ratio": 0.05})
    put_all(store, "less", more)
    put_network(store, "base2", parent=None, control=None, seed=2)
    put_all(store, "base2", CORRECT_IMAGES["base"], 100)
    put_network(store, "few", parent="base2", control=None, seed=2, **PRUNED)
    put_all(store, "few", {"clean": 90, "fgsm": 50, "occlusion": 60, "corruptions": 70}, 100)
    trials = Experiments(store).comparable(architecture="resnet56", **PRUNED | {"ratio": 0.1})
    assert list(trials["trial_key"]) == ["pruned", "seed1"]
    (table,) = reproduce(store, "table1")
    ours = cells(table.data, "resnet56 filters")
    assert (ours["seeds"] == 2).all() and (ours["images"] == IMAGES).all()
    assert ours["mean"]["clean"] == pytest.approx((2 + 5) / 2)
    assert any(note.startswith("left out: 3 trials") for note in table.notes)


def test_missing_results_are_named_with_the_sweep_that_computes_them(store: Store) -> None:
    (table,) = reproduce(store, "table1")
    assert len(table.missing) == len(TABLE1) - 1
    assert (
        "vgg16 filters: semantic, occlusion, FGSM, clean: prunesweep run paper/cifar10 "
        f"--store {store.url} (on a small machine paper/cifar10_short)"
    ) in map(str, table.missing)
    put_network(store, "alone", parent="base", control=None, **PRUNED | {"structure": "layers"})
    put_all(store, "alone", CORRECT_IMAGES["pruned"])
    (table,) = reproduce(store, "table1")
    assert "resnet56 layers over the control: semantic, occlusion, FGSM, clean" in {gap.what for gap in table.missing}
    (defences,) = reproduce(store, "table5")
    assert any(gap.what.startswith("stylized: ") and "imagenet_published" in gap.command for gap in defences.missing)


def gain(low: float, mean: float, high: float, *, seeds: int = 1, over_seeds: tuple[float, float] = (nan, nan)) -> Gain:
    return Gain(mean, low, high, 1.0, *over_seeds, seeds=seeds, baselines=1, images=100)


def test_a_sign_agrees_only_if_no_interval_contains_0() -> None:
    assert agreement(1.0, gain(-0.1, 1.0, 2.0)) == "not shown"
    assert agreement(1.0, gain(0.1, 1.0, 2.0)) == "agrees"
    assert agreement(-1.0, gain(0.1, 1.0, 2.0)) == "differs"
    assert agreement(-1.0, gain(-2.0, -1.0, -0.1)) == "agrees"
    assert agreement(1.0, gain(0.1, 1.0, 2.0, seeds=3, over_seeds=(-5.0, 7.0))) == "not shown"
    assert agreement(1.0, gain(0.1, 1.0, 2.0, seeds=3, over_seeds=(0.2, 1.8))) == "agrees"
    assert agreement(1.0, None) == "not shown"


def test_table4_shows_the_transfers_at_its_epsilon(store: Store) -> None:
    for epsilon, correct_images in ((4 / 255, 150), (8 / 255, 60)):
        store.save_result(
            {
                "kind": "transfer",
                "key": f"t{correct_images}",
                "source_key": "base",
                "target_key": "pruned",
                "attack": "fgsm",
                "version": 1,
                "headline": "",
                "severity": epsilon,
                "test_fingerprint": "images",
                "total": [IMAGES, 100, 100],
                "correct": [correct_images, 30, 30],
                "seconds": 1.0,
                "finished_at": 3.0,
            }
        )
    (table,) = reproduce(store, "table4")
    (row,) = table.data.query("source == 'resnet56 unpruned' and target == 'resnet56 pruned'").to_dict("records")
    assert (row["paper"], row["ours"]) == (32.73, 30.0)
    assert "mobilenet_v2 unpruned" in table.missing[0].what


def test_figures_compare_a_network_with_its_own_baseline_and_control(store: Store, tmp_path: Path) -> None:
    put_network(store, "another", parent=None, control=None)
    put_all(store, "another", {"clean": 20, "fgsm": 2, "occlusion": 2, "corruptions": 2})
    (figure,) = reproduce(store, "figure3")
    assert set(figure.data.query("curve == 'unpruned' and attack == 'fgsm'")["accuracy"]) == {0.2}
    (figure,) = reproduce(store, "figure2")
    assert set(figure.data["curve"]) == {"pruned (filters, PLS)", "unpruned, as long trained"}
    assert not figure.missing
    (figure,) = reproduce(store, "figure2", where=["structure == none"])
    assert figure.data.empty and len(figure.missing) == 2


def test_a_sweep_is_shown_with_its_own_evaluations(store: Store) -> None:
    results = {key: [key, *(f"{key}-{attack}" for attack in ATTACKS)] for key in CORRECT_IMAGES}
    store.save_sweep("first", "", {"result_keys": results})
    later = store.result("base-fgsm")
    counts = [{"kind": "fgsm", "severity": 8 / 255, "correct": [20, 10, 10]}]
    changes = {"key": "later", "counts": counts, "finished_at": 9.0}
    store.save_result(later | changes)  # type: ignore[arg-type]  # JSON, as it is read

    def accuracy_of_baseline(sweep: str | None) -> float:
        (figure,) = reproduce(store, "figure3", sweep=sweep)
        return float(figure.data.query("curve == 'unpruned' and attack == 'fgsm'")["accuracy"].iloc[0])

    assert accuracy_of_baseline("first") == 0.2
    assert accuracy_of_baseline(None) == 0.1


def elements(module: str, count: int, images: int = 50) -> ElementsResult:
    """Return filters of one module: removing any of them costs no clean image and gains one image under each attack."""
    attacks = [
        ElementCounts(
            attack=attack,
            headline="",
            severity=None,
            correct=[20 + (attack != "clean")] * count,
            reference=20,
            total=50,
        )
        for attack in ("clean", "fgsm", "occlusion")
    ]
    return {
        "kind": "elements",
        "key": f"{module}-{images}",
        "trial_key": "base",
        "structure": "filters",
        "module": module,
        "elements": list(range(count)),
        "attacks": attacks,
        "images": images,
        "test_fingerprint": "images",
        "seconds": 1.0,
        "finished_at": 3.0,
    }


def test_figure5_names_structures_with_unmeasured_elements(store: Store) -> None:
    store.save_result(elements("layer1.0.conv1", 16))
    (figure,) = reproduce(store, "figure5")
    assert [gap.what for gap in figure.missing] == [
        "filters: 16 of 1008 elements are measured",
        "layers: 0 of 24 elements are measured",
    ]
    assert f"--structure filters --store {store.url}" in figure.missing[0].command
    store.save_result(elements("all", 1008))
    store.save_result(elements("layer1.0.conv1", 16, images=90))
    (figure,) = reproduce(store, "figure5")
    assert [gap.what for gap in figure.missing] == ["layers: 0 of 24 elements are measured"]
    assert set(figure.data["images"]) == {50}, "the analysis with the most elements"


def test_figure3_is_the_mean_over_kinds(store: Store) -> None:
    (figure,) = reproduce(store, "figure3")
    accuracy = figure.data.set_index(["curve", "attack"])["accuracy"]
    assert accuracy["unpruned", "fgsm"] == 0.2
    assert accuracy["pruned (filters, PLS)", "occlusion"] == 0.3


def test_figure4_never_mixes_definitions_of_robustness(store: Store) -> None:
    for key, criterion, attacks in (("l1", "l1", ["clean", "fgsm"]), ("hrank", "hrank", list(ATTACKS))):
        put_network(store, key, parent="base", control="control", **{**PRUNED, "criterion": criterion})
        for attack in attacks:
            put_evaluation(store, key, attack, 50)
    (figure,) = reproduce(store, "figure4")
    assert set(figure.data.query("over == 'settings'")["criterion"]) == {"pls", "hrank"}


def test_figure4_has_filters_and_layers_of_the_plain_recipe_at_one_ratio(store: Store) -> None:
    others: dict[str, dict[str, Any]] = {
        "both": {"structure": "both"},
        "mixed": {"recipe": "mixup", "criterion": "l1"},
        "less": {"ratio": 0.05},
        "layers": {"structure": "layers"},
    }
    for key, change in others.items():
        put_network(store, key, parent="base", control="control", **PRUNED | change)
        put_all(store, key, CORRECT_IMAGES["base"])
    (figure,) = reproduce(store, "figure4")
    settings = figure.data.query("over == 'settings'").set_index(["structure", "criterion"])
    assert set(settings.index) == {("filters", "pls"), ("layers", "pls")}
    assert settings.loc[("filters", "pls"), "robustness"] == pytest.approx((80 + 60 + 100) / 3 / IMAGES)


@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_everything_is_printed_and_written_even_with_missing_results(name: str, store: Store, tmp_path: Path) -> None:
    (reproduction,) = reproduce(store, name)
    written = write_reproduction(reproduction, tmp_path / "out")
    assert bool(written) == (len(reproduction.data) > 0), "without data nothing is drawn"
    if written:
        assert len(pd.read_csv(written[0])) == len(reproduction.data)
    if written and name.startswith("figure"):
        with Image.open(written[1]) as picture:
            assert picture.width > 800 and len(np.unique(np.asarray(picture.convert("L")))) > 10
    ran = CliRunner().invoke(app, ["reproduce", name, "--store", store.url, "--to", str(tmp_path / "again")])
    assert ran.exit_code == 0, ran.output
    assert reproduction.title.split(" (")[0].split()[0] in ran.output
    assert ("  written: " in ran.output) == bool(written) == any((tmp_path / "again").glob("*"))


SWEEP = """
name: filled
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 16}
baseline: {epochs: 1, batch_size: 32}
adjustment: {epochs: 1, batch_size: 32}
pruning: {scoring_images: 32}
axes: {architecture: resnet56, structure: filters, criterion: pls}
attacks: {fgsm: {epsilons: [4/255, 8/255]}}
"""


def test_results_that_need_no_training_are_computed(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    run_here(parse_sweep(SWEEP), store)
    arguments = ["reproduce", "figure1", "--store", store.url, "--to", str(tmp_path / "out")]
    assert CliRunner().invoke(app, arguments).stdout.count("  missing: ") == 2  # crafted images, at each ε
    filled = CliRunner().invoke(app, [*arguments, "--fill"])
    assert filled.exit_code == 0 and "missing" not in filled.stdout
    assert "prunesweep transfer --sources" in filled.stderr
    assert "[1/1] images of resnet56 baseline, shown to 1 network\n" in filled.stderr
    assert CliRunner().invoke(app, [*arguments, "--fill"]).stderr == ""

    (figure,) = reproduce(store, "figure5")
    (layers,) = (gap for gap in figure.missing if gap.what.startswith("layers"))
    lines: list[str] = []
    assert layers.fill is not None
    layers.fill(lines.append)
    assert lines[-1].startswith("[24/24] layer3.8: 1 element,")
    (figure,) = reproduce(store, "figure5")
    assert [gap.what for gap in figure.missing] == ["filters: 0 of 1008 elements are measured"]
    assert set(figure.shown["structure"]) == {"layers"}
    strict = figure.shown[figure.shown["clean accuracy"] == "above"]
    ours = figure.data[figure.data["budget"] == 0]["share"]
    assert list(strict["L_0"]) == [f"0.00 | {share:.2f}" for share in ours], "the paper's share, then ours"


def test_an_unknown_name_is_an_error_that_suggests_the_nearest(store: Store) -> None:
    with pytest.raises(UserError, match="did you mean 'table1'"):
        reproduce(store, "tabel1")


def test_a_store_without_trials_is_an_error(tmp_path: Path) -> None:
    Store(str(tmp_path / "empty")).prepare()
    ran = CliRunner().invoke(
        app, ["reproduce", "all", "--store", str(tmp_path / "empty"), "--to", str(tmp_path / "out")]
    )
    assert ran.exit_code == 2 and "no trials; run a sweep on this store first" in ran.stderr
    assert not (tmp_path / "out").exists()


def test_trials_of_two_data_sets_are_not_mixed(store: Store) -> None:
    put_network(store, "other", parent=None, control=None, dataset="digits")
    with pytest.raises(SelectionError, match=r"several data sets \(cifar10, digits\)"):
        Experiments(store)
    assert len(Experiments(store, where=["dataset == cifar10"]).trials) == 3


@pytest.mark.parametrize("name", ["paper/cifar10", "paper/cifar10_short", "paper/imagenet", "paper/imagenet_short"])
def test_the_built_in_sweeps_have_all_trials_of_the_tables_and_figures(name: str, tmp_path: Path) -> None:
    sweep = read_sweep(name, overrides_of(name, tmp_path))
    tree = grow_tree(sweep)
    in_sweep = {(t.architecture, t.recipe, t.structure, t.criterion, t.adjustment, t.iterations) for t in tree}
    if "cifar10" in name:
        assert sweep.dynamics
        iterations = {t.iterations for t in tree if (t.structure, t.criterion) == ("filters", "pls")}
        assert iterations >= {1, 2, 3, 4}
        needed = {(a, "plain", s, "pls", "fine_tune", 1) for a, s in TABLE1}
        needed |= {("resnet56", "plain", "filters", c, "fine_tune", 1) for c in TABLE2}
        needed |= {("resnet56", "plain", "filters", "pls", scheme, 1) for scheme in TABLE3}
    else:
        trained = [(r, s) for r, s in TABLE5 if r not in ("stylized", "debiased")]
        needed = {("resnet50", r, "none", "none", "none", 0) for r, s in trained if s == "none"}
        needed |= {("resnet50", "plain", s, "pls", "fine_tune", 1) for _, s in trained if s != "none"}
    assert needed <= in_sweep
