"""Sweeps in this process: without Ray, in a store in memory, with errors that a debugger can catch."""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console

from prunesweep import Store, run_sweep
from prunesweep.orchestrator.running import attempt
from prunesweep.orchestrator.running.run import SweepRun
from prunesweep.sweeps.events import WorkCounts
from prunesweep.workers.attacks import fgsm
from tests.helpers.command import refusal

SWEEP: dict[str, Any] = {
    "name": "here",
    "dataset": {"name": "digits", "train_limit": 64, "test_limit": 20},
    "baseline": {"epochs": 1, "batch_size": 32, "learning_rate": "1/50"},
    "adjustment": {"epochs": 1, "batch_size": 32},
    "axes": {"architecture": "resnet20", "structure": "filters", "criterion": "l1", "iterations": [1, 2]},
    "control": False,
    "attacks": {"fgsm": {"epsilons": ("8/255",)}},
}
Attack = Callable[..., object]


def run_here(store: str | Path | Store, **changes: Any) -> SweepRun:
    return run_sweep({**SWEEP, **changes}, store=store, in_process=True, console=Console(file=io.StringIO()))


@pytest.fixture
def memory() -> str:
    """Return the URL of a store in this process's memory."""
    return f"memory://{uuid4().hex}"


@pytest.fixture
def broken_attack(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException, int], None]:
    """Return a function that makes the attack FGSM raise an error at its n-th call."""
    original: Attack = fgsm.fgsm

    def break_it(error: BaseException, at_call: int) -> None:
        calls: list[object] = []

        def broken(*arguments: object) -> object:
            calls.append(arguments)
            if len(calls) == at_call:
                raise error
            return original(*arguments)

        monkeypatch.setattr(fgsm, "fgsm", broken)

    return break_it


def test_a_sweep_runs_in_memory_and_a_second_run_does_no_work(memory: str) -> None:
    ran = run_here(memory)
    assert (ran.work, ran.failures, ran.unfinished) == (WorkCounts(epochs=3, scores=2, evaluations=6), {}, 0)
    assert ran.store.table("trials")["robustness_gain"].notna().sum() == 2
    again = run_here(ran.store)
    assert (again.work, len(again.plan.done)) == (WorkCounts(), 3)
    assert ran.store.load_sweep_run("here")["settings"]["baseline"]["learning_rate"] == 0.02


def test_an_unexpected_error_is_raised_and_earlier_results_are_kept(
    memory: str, broken_attack: Callable[[BaseException, int], None]
) -> None:
    broken_attack(ZeroDivisionError("of no use"), 2)
    with pytest.raises(ZeroDivisionError, match="of no use"):
        run_here(memory)
    trials = Store(memory).table("trials")
    assert len(trials) == 2 and trials["error"].isna().all()
    assert run_here(memory).work == WorkCounts(epochs=1, scores=1, evaluations=3)


def test_a_failed_trial_is_a_row_and_the_rows_of_its_descendants_name_it(memory: str) -> None:
    diverging = {"epochs": 1, "batch_size": 2, "learning_rate": 10, "momentum": 0.99, "weight_decay": 1}
    ran = run_here(memory, adjustment=diverging)
    trials = ran.store.table("trials").set_index("iterations")
    errors, keys = trials["error"], trials["trial_key"]
    assert "training diverged" in errors[1]
    assert keys[1] in errors[2]
    assert {key: failure.dependents for key, failure in ran.failures.items()} == {keys[1]: (keys[2],)}
    assert trials["failed_ancestor"].dropna().to_dict() == {2: keys[1]}


def test_ctrl_c_leaves_unfinished_trials_to_the_next_run(
    memory: str, broken_attack: Callable[[BaseException, int], None]
) -> None:
    broken_attack(KeyboardInterrupt(), 2)
    ran = run_here(memory)
    assert (ran.failures, ran.unfinished) == ({}, 2)
    assert run_here(memory).unfinished == 0


def test_a_permanent_storage_fault_leaves_no_row(
    tmp_path: Path, broken_attack: Callable[[BaseException, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "PAUSES", ())
    broken_attack(OSError(28, "No space left on device"), 2)
    ran = run_here(tmp_path / "store")
    (failure,) = ran.failures.values()
    assert failure.dependents == (), "its child runs, because the network was stored"
    assert failure.error == "not done: OSError: [Errno 28] No space left on device; run the sweep again"
    assert ran.store.table("trials")["error"].isna().all()


def test_options_that_contradict_each_other_are_refused(memory: str) -> None:
    assert "leave out --address" in refusal(
        "run", "quickstart", "--in-process", "--address", "host:1", "--store", memory
    )
    assert "or run --in-process" in refusal("run", "quickstart", "--store", memory)


def test_no_live_view_draws_over_a_debugger(memory: str) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True)
    run_sweep(
        {**SWEEP, "axes": {"architecture": "resnet20", "iterations": 0}},
        store=memory,
        in_process=True,
        console=terminal,
    )
    assert isinstance(terminal.file, io.StringIO) and "\x1b" not in terminal.file.getvalue()


def test_it_works_without_ray(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ray", "ray.tune", "ray.tune.search"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = run_here(memory, axes={"architecture": "resnet20", "iterations": 0})
    assert ran.work == WorkCounts(epochs=1, evaluations=2)
