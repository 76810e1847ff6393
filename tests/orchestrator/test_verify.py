"""Is the gain real? Networks that only seem robust are caught, plain ones raise no alarm, and defended ones hold."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from prunesweep.orchestrator.analyses.answer import Answers
from prunesweep.orchestrator.analyses.robustness import HOLDS, MASKING, Verdict, judge, verify
from prunesweep.orchestrator.analyses.robustness.verify import verify_robustness
from prunesweep.orchestrator.cli import app
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.verdicts import current_verdicts
from prunesweep.orchestrator.selection.pareto import pareto_front
from prunesweep.results_store import Store
from prunesweep.results_store.halves import selection_half
from prunesweep.sweeps.analyses import Effort
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import parse_sweep, read_sweep
from prunesweep.workers import load_dataset
from prunesweep.workers.analyses.robustness.network_comparison import NetworkComparison
from prunesweep.workers.stored_network import load_stored
from tests.helpers.run_here import run_here

# Digits, an easy task, on which a few epochs of FGSM training make a network robust.
SWEEP = """
name: defended
dataset: {name: digits, size: 16, test_limit: 160}
baseline: {epochs: 3, learning_rate: 0.1, batch_size: 32, adversarial: {epsilon: 16/255, steps: 1}}
axes:
  - {architecture: resnet20, recipe: adversarial, structure: filters, criterion: l1, adjustment: none, ratio: 0.1}
attacks: {fgsm: {epsilons: [8/255]}}
"""
FEW = Effort(steps=5, restarts=1, queries=20, subset=20)


class Wrapped(nn.Module):
    """A network between two functions: of the images it is shown, and of its logits."""

    def __init__(
        self,
        network: nn.Module,
        shown: Callable[[Tensor], Tensor] = lambda images: images,
        said: Callable[[Tensor], Tensor] = lambda logits: logits,
    ) -> None:
        super().__init__()
        self.network, self.shown, self.said = network, shown, said

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.said(self.network(self.shown(images)))
        return logits


def scaled(network: nn.Module, factor: float) -> Wrapped:
    return Wrapped(network, said=lambda logits: factor * logits)


def quantised(network: nn.Module, levels: int) -> Wrapped:
    """Rounds the images to so many levels: a step function, whose gradient is 0."""
    return Wrapped(network, shown=lambda images: (images * (levels - 1)).round() / (levels - 1))


def behind_a_step(network: nn.Module) -> Wrapped:
    """Hands on 8-bit pixels, as from a file: nothing to differentiate at all."""
    return Wrapped(network, shown=lambda images: (images * 255).round().to(torch.uint8).float() / 255)


def seeming(network: nn.Module) -> dict[str, nn.Module]:
    """Networks that decide as this one does, or worse, and hide it."""
    hidden: dict[str, nn.Module] = {f"logits × {factor}": scaled(network, factor) for factor in (5, 10, 50, 500)}
    hidden |= {f"{levels} levels": quantised(network, levels) for levels in (8, 32)}
    return {**hidden, "step": behind_a_step(network)}


def network_of(store: Store, key: str) -> nn.Module:
    return load_stored(store, key, torch.device("cpu")).network


def verification(sweep: Sweep, images: int, effort: Effort) -> NetworkComparison:
    test = load_dataset(sweep.dataset).test
    chosen = torch.from_numpy(selection_half(len(test))).nonzero()[:images, 0]
    return NetworkComparison(test.read(chosen).float() / 255, test.labels[chosen], chosen, effort)


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return parse_sweep(SWEEP)


@pytest.fixture(scope="module")
def defended(tmp_path_factory: pytest.TempPathFactory, sweep: Sweep) -> tuple[Store, dict[str, str]]:
    store = Store(str(tmp_path_factory.mktemp("store")))
    return store, run_here(sweep, store)


PLAIN, DEFENDED = "resnet20 baseline", "resnet20 adversarial baseline"
PRUNED = "resnet20 adversarial filters l1 0.1 ×1 none"


def test_what_only_seems_robust_is_caught_and_what_is_holds(
    defended: tuple[Store, dict[str, str]], sweep: Sweep
) -> None:
    store, keys = defended
    bench = verification(sweep, 40, FEW)
    plain = network_of(store, keys[PLAIN])

    def verdict(network: nn.Module) -> Verdict:
        return judge(bench.compare(network, plain))

    assert verdict(network_of(store, keys[DEFENDED])).verdict == HOLDS
    assert verdict(plain).alarms == []
    for name in ("logits × 5", "logits × 500", "8 levels", "step"):
        caught = verdict(seeming(plain)[name])
        assert caught.verdict != HOLDS, name
        assert name == "logits × 5" or caught.verdict == MASKING, name
        # Decisions do not depend on a factor, and neither does the worst case.
        assert not name.startswith("logits") or caught.gain == 0, name


def test_the_command_prints_the_verdict_and_the_front_keeps_to_it(
    defended: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = defended
    with pytest.raises(SelectionError, match="not verified: run `prunesweep verify-robustness`"):
        pareto_front(store, verified=True)
    asked = ["verify-robustness", keys[DEFENDED], "--store", store.url, "--images", "40", "--autoattack", "0"]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 0, ran.output
    assert f"{keys[DEFENDED][:10]}: holds" in ran.stdout
    assert "no sanity rule is broken" in ran.stdout and "worst case of these" in ran.stdout

    row = store.table("verdicts").iloc[0]
    assert (row["trial_key"], row["baseline_key"]) == (keys[DEFENDED], keys[PLAIN])
    assert (row["verdict"], row["images"]) == (HOLDS, 40)
    assert row["gain"] > row["lower"] > 0 and pd.isna(row["control_key"]) and pd.isna(row["alarms"])

    front = pareto_front(store, verified=True)
    assert [list(trials) for trials in front.compared["trial_keys"]] == [[keys[DEFENDED]]]
    (count,) = (n for reason, n in front.left_out.items() if reason.startswith("not verified"))
    assert count == len(keys) - 1
    shown = CliRunner().invoke(app, ["pareto", "--verified", "--store", store.url])
    assert "1 of 1 candidate" in shown.stdout and "not verified: run" in shown.stdout

    monkeypatch.setattr(verify, "judge", lambda *_: pytest.fail("made again"))
    (found,) = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert found["evidence"]["networks"]["baseline"]["worst_case"] == sorted(
        found["evidence"]["networks"]["baseline"]["worst_case"], reverse=True
    )


def test_a_pruned_trial_is_compared_with_its_baseline_and_what_is_done_is_kept(
    defended: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of adjustment none is the baseline itself, and no second network to compare with."""
    store, keys = defended
    made: list[str] = []
    compare = NetworkComparison.compare

    def interrupted(*networks: Any) -> object:
        made.append("once")
        if len(made) == 2:
            raise KeyboardInterrupt
        return compare(*networks)

    before = set(store.table("verdicts")["trial_key"])
    with monkeypatch.context() as patch:
        patch.setattr(NetworkComparison, "compare", interrupted)
        with pytest.raises(KeyboardInterrupt):
            verify_robustness(store, ["structure == filters", "iterations == 1"], images=10, autoattack=0)
            verify_robustness(store, [keys[DEFENDED]], images=10, autoattack=0)
    assert set(store.table("verdicts")["trial_key"]) - before == {keys[PRUNED]}
    (found,) = verify_robustness(store, [keys[PRUNED]], images=10, autoattack=0)
    assert found["baseline_key"] == keys[DEFENDED]
    assert found["control_key"] is None and found["gain_over_control"] is None
    assert found["evidence"]["networks"].keys() == {"network", "baseline"}


def test_plain_baselines_that_meet_conditions_are_passed_over(
    defended: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = defended
    cases: list[str] = []

    def note(_: Store, analyses: Sequence[Any], __: object) -> Answers:
        cases.extend(analysis.network for analysis in analyses)
        return Answers({}, 0)

    monkeypatch.setattr(verify, "answer", note)
    verify_robustness(store, ["iterations == 0"], images=11)
    assert cases == [keys[DEFENDED]]
    with pytest.raises(UserError, match=f"{keys[PLAIN]}: is a plain baseline"):
        verify_robustness(store, [keys[PLAIN], "iterations == 0"], images=11)


def test_only_verdicts_by_todays_rules_count(
    defended: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = defended
    verify_robustness(store, [keys[DEFENDED]], images=40, autoattack=0)
    assert current_verdicts(store)[keys[DEFENDED]] == HOLDS
    monkeypatch.setattr("prunesweep.orchestrator.query.verdicts.VERDICT_VERSION", 10**6)
    assert current_verdicts(store) == {}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["iterations == 0", "--images", "9"], "give 10 or more"),
        (["recipe == plain", "iterations == 0"], "is a plain baseline"),
        (["ffffffff"], "no network of"),
        (["recipe == adversarial", "--autoattack", "-1"], "give a number of images"),
    ],
)
def test_bad_usage_is_one_line_and_writes_nothing(
    defended: tuple[Store, dict[str, str]], asked: list[str], said: str
) -> None:
    store, _ = defended
    before = store.result_keys()
    ran = CliRunner().invoke(app, ["verify-robustness", *asked, "--store", store.url])
    assert ran.exit_code == 2 and ran.stderr.count("\n") == 1, ran.output
    assert said in ran.stderr
    assert store.result_keys() == before


def test_autoattack_is_run_where_it_is_installed(
    defended: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = defended
    monkeypatch.setattr(verify, "AUTOATTACK_IMAGES", 1)
    monkeypatch.setattr(verify, "Effort", partial(Effort, steps=2, restarts=1, queries=5, subset=10))
    (found,) = verify_robustness(store, [keys[DEFENDED]], images=10)
    assert "AutoAttack saw" in found["evidence"]["notes"][0]
    (baseline,) = (each for name, each in found["evidence"]["networks"].items() if name == "baseline")
    assert "autoattack" in {attack["attack"] for attack in baseline["attacks"]}
    monkeypatch.setattr("prunesweep.sweeps.attacks.find_spec", lambda name: None)
    (without,) = verify_robustness(store, [keys[DEFENDED]], images=10)
    assert "is not installed" in without["evidence"]["notes"][0]
    assert without["key"] != found["key"]


def test_autoattack_that_is_asked_for_and_not_installed_names_the_extra(
    defended: tuple[Store, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, keys = defended
    monkeypatch.setattr("prunesweep.sweeps.attacks.find_spec", lambda name: None)
    ran = CliRunner().invoke(app, ["verify-robustness", keys[DEFENDED], "--store", store.url, "--autoattack", "5"])
    assert ran.exit_code == 2
    assert "prunesweep[autoattack]" in ran.stderr


# On CIFAR-10, with trained networks.


def cifar(shared_data: Path, architecture: str, *changes: str) -> Sweep:
    weights = {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}[architecture]
    return read_sweep(
        "cifar10_pretrained",
        [
            f"dataset.train={shared_data / 'cifar10' / 'train-10k.parquet'}",
            f"dataset.test={shared_data / 'cifar10' / 'test.parquet'}",
            f"baseline.weights={shared_data / 'weights' / weights}",
            f"axes.architecture={architecture}",
            "attacks={fgsm: {epsilons: [8/255]}}",
            "dataset.train_limit=1000",
            "dataset.test_limit=400",
            "pruning.scoring_images=64",
            "adjustment={epochs: 1, learning_rate: 1e-3, batch_size: 128}",
            *changes,
        ],
    )


@pytest.mark.full
def test_disguises_of_a_trained_network_never_hold(shared_data: Path, tmp_path: Path) -> None:
    sweep, store = cifar(shared_data, "resnet20", "axes.iterations=0"), Store(str(tmp_path))
    plain = network_of(store, run_here(sweep, store)["resnet20 baseline"])
    bench = verification(sweep, 150, Effort())
    assert judge(bench.compare(plain, plain)).alarms == []
    for name, network in seeming(plain).items():
        verdict = judge(bench.compare(network, plain))
        bench.forget(network)
        assert verdict.verdict != HOLDS, name
        if name != "logits × 5":
            assert verdict.alarms, name
    # However large the logits are, the decisions are those of the plain network.
    assert judge(bench.compare(scaled(plain, 500), plain)).gain == 0


@pytest.mark.full
@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        ("resnet20", ["axes.structure=[filters, layers]", "axes.criterion=l1", "axes.adjustment=fine_tune"]),
        ("resnet56", ["axes.structure=filters", "axes.criterion=l1", "axes.adjustment=none"]),
    ],
)
def test_plain_and_pruned_networks_raise_no_alarm(
    shared_data: Path, tmp_path: Path, architecture: str, changes: list[str]
) -> None:
    sweep, store = cifar(shared_data, architecture, *changes), Store(str(tmp_path))
    keys = run_here(sweep, store)
    bench = verification(sweep, 150, Effort())
    plain = network_of(store, keys.pop(f"{architecture} baseline"))
    assert judge(bench.compare(plain, plain)).alarms == []
    for name, key in keys.items():
        evidence = bench.compare(network_of(store, key), plain)
        assert judge(evidence).alarms == [], name
        assert np.isfinite(np.median(evidence.networks["network"].smallest))
