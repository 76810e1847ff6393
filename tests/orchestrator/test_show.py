"""Everything about one trial: the facts against the tables, the command against its plan, and the page."""

import io
import json
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from prunesweep import Store, compare_settings, plan_sweep, run_sweep, show_trial
from prunesweep.orchestrator.display.sparkline import sparkline
from prunesweep.orchestrator.display.trial_page import MAX_CHILDREN, SECTIONS, page_parts, print_page
from prunesweep.orchestrator.query.trials import UnknownTrial
from prunesweep.orchestrator.trial_facts.facts import TrialFacts
from prunesweep.orchestrator.trial_facts.sizes import LayerSize, layers_of
from prunesweep.sweeps.reader import built_in_sweeps
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import trial as life
from prunesweep.workers.work import TrialError, Work
from tests.helpers.command import command, refusal
from tests.helpers.documents import failure

STORED = Path(__file__).parents[1] / "stores" / "version_0.1.0" / "store"
PAGE = Path(__file__).parents[2] / "docs" / "query.md"
SWEEP: dict[str, Any] = {
    "name": "shown",
    "dataset": {"name": "digits", "train_limit": 64, "test_limit": 40},
    "seeds": [0, 3],
    "baseline": {"epochs": 2, "batch_size": 32},
    "adjustment": {"epochs": 3, "batch_size": 32, "rewind_epoch": 1},
    "pruning": {"scoring_images": 8},
    "axes": [
        {"architecture": "resnet20", "structure": "both", "criterion": "l1", "iterations": [1, 2], "ratio": 0.2},
        {"architecture": "resnet20", "criterion": "l1", "adjustment": "winning_ticket"},
    ],
    "attacks": {"fgsm": {"epsilons": ["4/255", "8/255"]}, "corruptions": {"kinds": ["fog", "snow"], "severities": [5]}},
}
OVERRIDES = ["adjustment.epochs=1", "seeds=[3]", "axes.0.ratio=0.3"]  # the first one enters keys


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a sweep of 1 baseline, 3 controls and 3 pruned networks."""
    store = Store(str(tmp_path_factory.mktemp("show") / "store"))
    ran = run_sweep(SWEEP, store=store, in_process=True, overrides=OVERRIDES, console=Console(file=io.StringIO()))
    assert not ran.failures
    return store


@pytest.fixture(scope="module")
def trials(store: Store) -> pd.DataFrame:
    return store.table("trials")


def key_of(trials: pd.DataFrame, **settings: Any) -> str:
    for name, value in settings.items():
        trials = trials[trials[name] == value]
    (key,) = trials["trial_key"]
    return str(key)


PRUNED = {"structure": "both", "iterations": 2}
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {"iterations": 0},
    "control": {"structure": "none", "iterations": 2},
    "control of a winning ticket": {"structure": "none", "adjustment": "winning_ticket"},
    "first iteration": {"structure": "both", "iterations": 1},
    "second iteration": PRUNED,
    "winning ticket": {"structure": "filters", "adjustment": "winning_ticket"},
}


# ------------------------------------------------------------------------------------------------- the command


def parsed(facts: TrialFacts) -> tuple[str, list[str]]:
    """The sweep and the overrides of the command, from its line."""
    assert facts.command is not None, facts.no_command
    program, verb, sweep, *options = shlex.split(facts.command.line)
    assert (program, verb) == ("prunesweep", "run")
    pairs = list(zip(options[::2], options[1::2], strict=True))
    assert ("--store", facts.command.store) in pairs
    return sweep, [value for option, value in pairs if option == "--set"]


def family(trial: Trial) -> set[str]:
    """A trial with all its ancestors."""
    return {trial.key} | (family(trial.parent) if trial.parent is not None else set())


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_makes_the_trial_and_its_ancestors_alone(
    store: Store, trials: pd.DataFrame, tmp_path: Path, kind: str
) -> None:
    key = key_of(trials, **KINDS[kind])
    sweep, overrides = parsed(show_trial(store, key))
    plan = plan_sweep(sweep, store=tmp_path / "empty", overrides=overrides)
    trial = plan.tree.trials[key]
    expected = family(trial)
    if trial.is_control:  # it is the control of something
        (pruned,) = (other for other in plan.tree if other.control is trial)
        expected |= family(pruned)
    assert {other.key for other in plan.to_run} - expected <= {
        each.control.key for each in plan.tree if trial.is_control and each.control is not None
    }
    assert expected <= {other.key for other in plan.to_run}
    assert plan_sweep(sweep, store=store, overrides=overrides).to_run == ()
    assert plan.sweep.name not in store.sweep_names()  # whose records would be replaced
    keys = [override.partition("=")[0] for override in overrides]
    assert keys[:5] == ["adjustment.epochs", "name", "seeds", "control", "axes"] and len(keys) == len(set(keys))


def test_the_command_of_a_trial_without_a_control_runs_nothing_else(
    store: Store, trials: pd.DataFrame, tmp_path: Path
) -> None:
    for kind in ("baseline", "second iteration", "winning ticket"):
        sweep, overrides = parsed(show_trial(store, key_of(trials, **KINDS[kind])))
        plan = plan_sweep(sweep, store=tmp_path / "empty", overrides=overrides)
        assert {each.key for each in plan.to_run} == family(plan.tree.trials[key_of(trials, **KINDS[kind])])


def test_the_command_runs(store: Store, trials: pd.DataFrame, tmp_path: Path) -> None:
    key = key_of(trials, **KINDS["winning ticket"])
    facts = show_trial(store, key)
    words = shlex.split(facts.command.line)[1:] if facts.command is not None else []
    words[words.index("--store") + 1] = str(tmp_path / "alone")
    assert command(*words, "--in-process").exit_code == 0
    other = show_trial(tmp_path / "alone", key)
    assert other.accuracies[0].all == facts.accuracies[0].all and other.state == "done"
    assert [each.key for each in other.relatives if each.state == "stored"] == [facts.relatives[0].key]


def test_a_built_in_sweep_is_named_only_if_its_text_is_the_same(store: Store, tmp_path: Path) -> None:
    copy = Store(str(tmp_path / "copy"))
    shutil.copytree(store.url, copy.url)
    run = store.load_sweep_run("shown")
    text = built_in_sweeps()["quickstart"].read_text(encoding="utf-8")
    small = ["dataset.train_limit=64", "dataset.test_limit=40"]
    tree = plan_sweep("quickstart", store=tmp_path / "empty", overrides=small).tree
    shown = show_trial(store, next(iter(run["result_keys"])))
    assert shown.command is not None and shown.command.sweep == f"{store.url}/sweeps/shown/sweep.yaml"

    baseline = next(trial for trial in tree if trial.is_baseline)
    copy.save_failure(failure(baseline.key, parent_key=None, baseline_key=baseline.key, control_key=None,
                              settings=baseline.settings, failed=baseline.key))  # fmt: skip
    record = {
        "overrides": small,
        "settings": plan_sweep("quickstart", store=tmp_path / "empty", overrides=small).sweep.model_dump(mode="json"),
        "result_keys": {baseline.key: list(baseline.result_keys)},
        "fingerprints": {"train": baseline.context.train_fingerprint, "weights": {}},
    }
    for yaml, named in ((text, "quickstart"), (f"{text}# mine\n", f"{copy.url}/sweeps/quickstart/sweep.yaml")):
        copy.save_sweep("quickstart", yaml, record)
        facts = show_trial(copy, baseline.key)
        assert facts.command is not None and facts.command.sweep == named
        assert baseline.key in plan_sweep(named, store=copy, overrides=parsed(facts)[1]).tree.trials


def test_a_key_of_another_version_has_no_command(
    store: Store, trials: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prunesweep.sweeps.trial.TRAINING_VERSION", 99)
    facts = show_trial(store, key_of(trials, **PRUNED))
    assert facts.command is None and "gives the trial another key" in facts.no_command


def test_a_store_of_an_older_version_is_shown_with_a_note(tmp_path: Path) -> None:
    shutil.copytree(STORED, tmp_path / "store")
    store = Store(str(tmp_path / "store"))
    for key in store.table("trials")["trial_key"]:
        facts = show_trial(store, key)
        assert facts.command is not None
        assert facts.command.notes[0].startswith("The sweep was run by an older version")
        assert key in plan_sweep(*parsed(facts)[:1], store=store, overrides=parsed(facts)[1]).tree.trials
    store.objects.delete("sweeps/golden/run.json")
    assert show_trial(store, key).no_command == "No sweep of this store asked for the trial."


def test_relative_paths_are_noted(store: Store, trials: pd.DataFrame, tmp_path: Path) -> None:
    from prunesweep.orchestrator.trial_facts.command import _path_notes
    from prunesweep.sweeps.reader import read_sweep

    sweep = read_sweep({**SWEEP, "dataset": {"name": "image_folder", "train": "mine/train", "test": "/data/test"}})
    assert list(_path_notes(store, sweep)) == ["Run it in the folder of the sweep's relative path: mine/train."]
    assert list(_path_notes(store, read_sweep(SWEEP))) == []
    assert list(_path_notes(Store("memory://show"), read_sweep(SWEEP))) == [
        "Copy the sweep file to this machine first, and name the copy."
    ]


# ------------------------------------------------------------------------------------------------------ the facts


@pytest.mark.parametrize("kind", KINDS)
def test_accuracies_and_gains_are_those_of_the_tables(store: Store, trials: pd.DataFrame, kind: str) -> None:
    key = key_of(trials, **KINDS[kind])
    row = trials.set_index("trial_key").loc[key]
    facts = show_trial(store, key)
    assert [each.figure for each in facts.accuracies] == [
        "generalization", "robustness", "robustness_fgsm", "robustness_corruptions",
    ]  # fmt: skip
    for each in facts.accuracies:
        halves = [row[f"{each.figure}{half}"] for half in ("", "_selection", "_report")]
        assert [each.all, each.selection, each.report] == halves
        for name, gain in (("gain", each.gain), ("gain_over_control", each.gain_over_control)):
            expected = row[f"{each.figure}_{name}"]
            assert gain is None if np.isnan(expected) else gain is not None and gain.all == expected


def test_intervals_are_those_of_the_comparison_of_settings(store: Store, trials: pd.DataFrame) -> None:
    facts = show_trial(store, key_of(trials, **PRUNED))
    for over, name in (("baseline", "gain"), ("control", "gain_over_control")):
        compared = compare_settings(store, over=over, where=["structure == both and iterations == 2"])
        for each in facts.accuracies:
            gain = getattr(each, name)
            row = compared.set_index("figure").loc[each.figure]
            assert [gain.low, gain.high] == [row["images_low"], row["images_high"]]


def test_a_gain_without_stored_outcomes_has_no_interval(store: Store, trials: pd.DataFrame, tmp_path: Path) -> None:
    copy = Store(str(tmp_path / "copy"))
    shutil.copytree(store.url, copy.url)
    shutil.rmtree(Path(copy.url) / "outcomes")
    facts = show_trial(copy, key_of(trials, **PRUNED))
    assert all(each.gain is not None and each.gain.low is None for each in facts.accuracies)
    assert "(" not in page(facts).partition("Accuracies")[2].partition("Gains in")[0]


def test_severities_are_those_of_the_table_of_attacks(store: Store, trials: pd.DataFrame) -> None:
    key = key_of(trials, **PRUNED)
    row, attacks = trials.set_index("trial_key").loc[key], store.table("attacks")
    accuracy = attacks.set_index(["trial_key", "attack", "kind", "severity"])["accuracy"]
    facts = show_trial(store, key).severities
    assert len(facts) == len(attacks[(attacks["trial_key"] == key) & (attacks["attack"] != "clean")])
    for each in facts:
        place = (each.attack, each.kind, each.severity)
        assert each.accuracy == each.correct / each.total == accuracy[key, *place]
        assert each.gain == pytest.approx(100 * (each.accuracy - accuracy[row["baseline_key"], *place]))
        assert each.gain_over_control == pytest.approx(100 * (each.accuracy - accuracy[row["control_key"], *place]))
    assert [each.severity for each in facts if each.is_headline] == [8 / 255, 5, 5]


def test_relatives_are_the_chain_from_the_baseline_the_control_and_the_children(
    store: Store, trials: pd.DataFrame
) -> None:
    key = {kind: key_of(trials, **settings) for kind, settings in KINDS.items()}
    second = [(each.role, each.key) for each in show_trial(store, key["second iteration"]).relatives]
    assert second == [
        ("baseline", key["baseline"]),
        ("parent", key["first iteration"]),
        ("control", key["control"]),
    ]
    children = {each.key for each in show_trial(store, key["baseline"]).relatives}
    assert children == {*trials.loc[trials["parent_key"] == key["baseline"], "trial_key"]}


def test_an_ancestor_that_is_not_stored_is_named(store: Store, trials: pd.DataFrame, tmp_path: Path) -> None:
    copy = Store(str(tmp_path / "copy"))
    shutil.copytree(store.url, copy.url)
    baseline = key_of(trials, iterations=0)
    copy.objects.delete(f"results/{baseline}.json")
    facts = show_trial(copy, key_of(trials, **PRUNED))
    assert (facts.relatives[0].key, facts.relatives[0].state, facts.relatives[0].network) == (
        baseline,
        "not stored",
        "",
    )
    assert facts.size is not None and facts.size.baseline_flops is None


def test_classes_are_those_of_the_table(store: Store, trials: pd.DataFrame) -> None:
    key = key_of(trials, **PRUNED)
    facts, row = show_trial(store, key).classes, trials.set_index("trial_key").loc[key]
    assert facts is not None and facts.over == "control"
    errors = trials.set_index("trial_key")["ece"]
    assert (facts.ece, facts.reference_ece) == (errors[key], errors[str(row["control_key"])])
    table = store.table("classes")
    own = table[(table["trial_key"] == key) & (table["total"] > 0)].set_index("class")
    assert sorted(each.number for each in facts.by_class) == own.index.tolist()
    for each in facts.by_class:
        of_class = own.loc[each.number]
        assert (each.images, each.accuracy) == (of_class["total"], of_class["accuracy"])
        assert each.gain == pytest.approx(of_class["gain_over_control"])
        assert each.name is None and each.low is not None and each.gain is not None and each.high is not None
        assert each.low <= each.gain <= each.high
    assert [each.gain for each in facts.by_class] == sorted(each.gain or 0 for each in facts.by_class)
    baseline = show_trial(store, key_of(trials, iterations=0)).classes
    assert baseline is not None and (baseline.over, baseline.reference_ece) == (None, None)
    assert all((each.gain, each.p_holm) == (None, None) for each in baseline.by_class)


def test_trials_of_older_versions_and_damaged_outcomes_have_no_classes(
    store: Store, trials: pd.DataFrame, tmp_path: Path
) -> None:
    older = show_trial(shutil.copytree(STORED, tmp_path / "older"), "1d7dd2ef")
    assert older.classes is None and older.no_classes.startswith("an older version of prunesweep evaluated the trial")
    assert "older version of prunesweep evaluated the trial" in " ".join(page(older).split())
    copy = Store(str(shutil.copytree(store.url, tmp_path / "copy")))
    key = key_of(trials, **PRUNED)
    (clean,) = (each["key"] for each in store.evaluations([key]) if each["attack"] == "clean")
    copy.objects.delete(f"outcomes/{clean}.safetensors")
    assert "not in the store" in show_trial(copy, key).no_classes


def test_sizes_and_layers_are_those_of_the_network(store: Store, trials: pd.DataFrame) -> None:
    import torch

    from prunesweep.workers.stored_network import rebuild_stored

    row = trials.set_index("trial_key").loc[key_of(trials, **PRUNED)]
    size = show_trial(store, str(row.name)).size
    assert size is not None
    assert size.filters_removed == row["filters_removed"] > 0 and size.blocks_removed == row["blocks_removed"] > 0
    assert size.parameters < (size.baseline_parameters or 0)
    modules = dict(rebuild_stored(store, str(row.name), torch.device("cpu")).body.named_modules())
    blocks = [each for each in size.layers if each.structure == "layers"]
    assert sum(each.before - each.after for each in blocks) == size.blocks_removed
    for each in size.layers:
        if each.structure == "filters":
            convolution: Any = modules[each.module]
            assert convolution.out_channels == each.after
    in_kept_blocks = sum(each.before - each.after for each in size.layers if each.structure == "filters")
    assert 0 < in_kept_blocks <= size.filters_removed


def test_layers_of_an_architecture_without_blocks_and_in_the_order_in_which_they_run() -> None:
    description = {"architecture": "vgg16", "kept_filters": {"features.0": [1, 2]}, "kept_blocks": {}}
    first, *others = layers_of(description)
    assert first == LayerSize("features.0", "filters", 64, 2)
    assert all(each.before == each.after for each in others)
    residual = {"architecture": "resnet20", "kept_filters": {}, "kept_blocks": {f"layer{n}": [0, 2] for n in (1, 2, 3)}}
    assert [each.module for each in layers_of(residual)[:6]] == [
        "layer1.0", "layer1.0.conv1", "layer1.1", "layer1.2", "layer1.2.conv1", "layer2.0",
    ]  # fmt: skip


def test_training_and_round_are_those_of_the_result(store: Store, trials: pd.DataFrame) -> None:
    key = key_of(trials, **PRUNED)
    facts, result = show_trial(store, key), store.result(key)
    assert facts.training is not None and facts.round is not None
    assert facts.training.history == result["history"] and facts.training.epochs_total == 2 + 1 + 1
    assert facts.round.versions == result["versions"] and [*facts.round.attack_seconds] == [
        "clean",
        "fgsm",
        "corruptions",
    ]
    seconds = trials.set_index("trial_key").loc[key, "seconds"]
    assert facts.round.seconds + sum(facts.round.attack_seconds.values()) == pytest.approx(seconds)
    assert facts.round.finished_at.endswith("+00:00")


def test_the_verdict_is_that_of_the_table(store: Store, trials: pd.DataFrame, tmp_path: Path) -> None:
    shutil.copytree(STORED, tmp_path / "store")
    verdicts = Store(str(tmp_path / "store")).table("verdicts")
    facts = show_trial(tmp_path / "store", verdicts["trial_key"].iloc[0])
    assert facts.verdict is not None and facts.verdict["verdict"] == verdicts["verdict"].iloc[0]
    assert "evidence" not in facts.verdict and verdicts["verdict"].iloc[0] in page(facts)
    assert show_trial(store, key_of(trials, **PRUNED)).verdict is None


# --------------------------------------------------------------------------------------------- trials that failed


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store in which the baseline failed by a bug."""

    def make_baseline(work: Work) -> None:
        raise TrialError("training diverged")

    monkeypatch.setattr(life, "make_baseline", make_baseline)
    store = Store(str(tmp_path / "failed"))
    run_sweep(SWEEP, store=store, in_process=True, overrides=OVERRIDES, console=Console(file=io.StringIO()))
    return store


def test_a_failed_trial_and_its_dependents_are_shown(failed: Store) -> None:
    frame = failed.table("trials")
    baseline, child = key_of(frame, iterations=0), key_of(frame, **PRUNED)
    facts = show_trial(failed, baseline[:12])
    assert (facts.state, facts.size, facts.training, facts.accuracies) == ("failed", None, None, [])
    assert facts.failure is not None
    assert (facts.failure.error, facts.failure.result, facts.failure.ancestor) == ("training diverged", "network", None)
    assert baseline in {
        trial.key for trial in plan_sweep(parsed(facts)[0], store=failed, overrides=parsed(facts)[1]).to_run
    }
    shown = page(facts)
    assert "state   failed" in shown and "training diverged" in shown
    dependent = show_trial(failed, child)
    assert dependent.failure is not None and dependent.failure.ancestor == baseline
    assert f"{baseline} failed, so this trial cannot run" in page(dependent)


def test_a_failed_attack_is_named_with_its_traceback(store: Store, trials: pd.DataFrame, tmp_path: Path) -> None:
    copy = Store(str(tmp_path / "copy"))
    shutil.copytree(store.url, copy.url)
    key = key_of(trials, **PRUNED)
    attack = copy.load_sweep_run("shown")["result_keys"][key][2]
    copy.objects.delete(f"results/{attack}.json")
    assert show_trial(copy, key).state == "unfinished"
    details = 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: x\n'
    copy.save_failure({**copy.documents_of([key]).networks[key], **failure(key, failed=attack, details=details)})  # type: ignore[typeddict-unknown-key]
    facts = show_trial(copy, key)
    assert facts.failure is not None and (facts.failure.result, facts.failure.details) == ("fgsm", details)
    assert facts.state == "failed" and facts.training is not None
    shown = page(facts)
    assert "the attack fgsm" in shown and details in shown


@pytest.mark.parametrize(
    ("prefix", "said"), [("", "no trial of"), ("zz", "no trial of"), ("0" * 31 + "x", "no trial of")]
)
def test_an_unknown_key_is_refused(store: Store, prefix: str, said: str) -> None:
    with pytest.raises(UnknownTrial, match=said):
        show_trial(store, prefix)


def test_a_beginning_of_several_keys_is_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for digit in "ab":
        store.save_failure(failure("c" * 31 + digit))
    assert "2 trials of" in refusal("show", "cc", "--store", store.url)


# ------------------------------------------------------------------------------------------------------- the page


def page(facts: TrialFacts, width: int = 100) -> str:
    printed = io.StringIO()
    print_page(facts, Console(file=printed, width=width))
    return "\n".join(line.rstrip() for line in printed.getvalue().splitlines()) + "\n"


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_fits_a_terminal_and_cuts_no_name(store: Store, trials: pd.DataFrame, kind: str, width: int) -> None:
    facts = show_trial(store, key_of(trials, **KINDS[kind]))
    shown = page(facts, width)
    long = [line for line in shown.splitlines() if len(line) > width and not line.startswith(("  --", "prunesweep"))]
    assert not long  # but for the command, which the terminal wraps so that it can be copied
    assert facts.key in shown and all(each.key[:10] in shown for each in facts.relatives[:4])
    assert all(each.figure.removeprefix("robustness_") in shown for each in facts.accuracies)


def test_the_printed_command_is_the_command(store: Store, trials: pd.DataFrame) -> None:
    facts = show_trial(store, key_of(trials, **PRUNED))
    printed = page(facts, 60).partition("makes this trial alone\n")[2]
    assert facts.command is not None
    assert shlex.split(printed.replace("\\\n", " ")) == shlex.split(facts.command.line)


def test_numbers_on_the_page(store: Store, trials: pd.DataFrame) -> None:
    facts = show_trial(store, key_of(trials, **PRUNED))
    shown = " ".join(page(facts, 120).split())
    size, (generalization, *_) = facts.size, facts.accuracies
    assert size is not None and size.baseline_flops is not None and generalization.gain is not None
    share = f"{100 * size.flops / size.baseline_flops:.1f} %"
    assert f"FLOPs {size.flops:,} {size.baseline_flops:,} {share}" in shown
    gain = generalization.gain
    assert f"generalization {generalization.all:.3f} {gain.all:+.1f} ({gain.low:+.1f}…{gain.high:+.1f})" in shown
    assert f"{size.blocks_removed} of {size.blocks_asked} requested block" in shown
    fog = next(each for each in facts.severities if each.kind == "fog")
    assert f"fog {fog.accuracy:.3f} {fog.gain:+.1f} {fog.gain_over_control:+.1f}" in shown
    assert "4/255 8/255*" in shown and "layer" in shown.partition("Layers")[2]


def test_the_worst_classes_and_the_best_one_are_on_the_page(store: Store, trials: pd.DataFrame) -> None:
    facts = show_trial(store, key_of(trials, **PRUNED))
    shown = page(facts, 120).partition("Classes that pruning forgets\n")[2].partition("Size\n")[0]
    assert facts.classes is not None and len(facts.classes.by_class) == 10
    *_, best = facts.classes.by_class
    worst = facts.classes.by_class[0]
    lines = [line.split() for line in shown.splitlines()]
    numbers = [line[0] for line in lines if len(line) > 4 and line[0].isdigit()]
    assert numbers == [str(each.number) for each in [*facts.classes.by_class[:5], best]]
    assert f"{worst.gain:+.1f} ({worst.low:+.1f}…{worst.high:+.1f})" in shown
    assert "Of 10 classes, 6 are shown; --json has all." in shown
    assert f"Expected calibration error: {facts.classes.ece:.3f}; of the control: " in shown
    assert "\nClasses\n" in page(show_trial(store, key_of(trials, iterations=0)))


def test_many_children_are_counted(store: Store, trials: pd.DataFrame) -> None:
    facts = show_trial(store, key_of(trials, iterations=0))
    children = [each for each in facts.relatives if each.role == "child"]
    many = TrialFacts(
        **{**{field.name: getattr(facts, field.name) for field in fields(facts)}, "relatives": children * 9}
    )
    shown = page(many)
    assert f"Of {9 * len(children)} children, {MAX_CHILDREN} are shown; --json has all." in shown
    assert shown.count("\nchild ") == MAX_CHILDREN


def test_every_section_has_something_to_say_or_nothing(store: Store, failed: Store, trials: pd.DataFrame) -> None:
    pages = [show_trial(store, key_of(trials, **PRUNED)), show_trial(failed, key_of(trials, iterations=0))]
    assert all(page_parts(facts) for facts in pages)
    said = {section.__name__ for section in SECTIONS for facts in pages if list(section(facts))}
    assert {section.__name__ for section in SECTIONS} - said == {"verdict_section"}


def test_the_command_show_prints_the_page_or_all_facts_as_json(store: Store, trials: pd.DataFrame) -> None:
    key = key_of(trials, **PRUNED)
    assert f"key     {key}" in command("show", key[:8], "--store", store.url).output
    facts = json.loads(command("show", key[:8], "--store", store.url, "--json").output)
    assert facts["key"] == key and facts["accuracies"][0]["gain"]["low"] is not None
    assert facts == json.loads(show_trial(store, key).as_json())


def test_wide_shows_every_column(store: Store, trials: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    arguments = ("show", key_of(trials, **PRUNED), "--store", store.url)
    assert "Not shown at this width" in command(*arguments).output
    assert "Not shown at this width" not in command(*arguments, "--wide").output


def field_names(kind: type) -> Iterator[str]:
    """The names of the fields of a dataclass and of those within it."""
    import types
    import typing

    for name, hint in typing.get_type_hints(kind).items():
        yield name
        for part in (hint, *typing.get_args(hint)):
            if is_dataclass(part) and isinstance(part, type) and not isinstance(part, types.GenericAlias):
                yield from field_names(part)


def test_every_field_of_the_json_is_documented() -> None:
    documented = PAGE.read_text(encoding="utf-8")
    assert [name for name in field_names(TrialFacts) if f"`{name}`" not in documented] == []


# ------------------------------------------------------------------------------------------------ the sparkline


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([], 5, ""),
        ([1.0], 5, "▁"),
        ([2, 2, 2], 5, "▁▁▁"),
        ([0, 7, 3.5, 1], 9, "▁█▅▂"),
        ([0, 2, 6, 8], 2, "▁█"),
        (range(80), 8, "▁▂▃▄▅▆▇█"),
    ],
)
def test_a_sparkline(values: list[float], width: int, line: str) -> None:
    assert sparkline(values, width=width) == line
