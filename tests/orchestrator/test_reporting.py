"""Reporting ends no sweep and no command: not with closed readers, full disks, poor encodings or closed streams."""

import io
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from prunesweep import Store, run_sweep
from prunesweep.orchestrator.display.reporting.json_log import JsonReporter
from prunesweep.orchestrator.display.reporting.live import LiveReporter
from prunesweep.orchestrator.display.reporting.plain import PlainReporter
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.running.cluster.searcher import TreeSearcher
from prunesweep.orchestrator.running.dispatcher import Dispatcher
from prunesweep.orchestrator.running.interruption import Interrupted, interruptible
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.events import TrialDone, WorkCounts
from prunesweep.workers.attacks import fgsm
from prunesweep.workers.data import load
from tests.helpers.command import command
from tests.helpers.trees import tree_of
from tests.helpers.waiting import HANGS

SWEEP = """
name: reporting
dataset: {name: digits, train_limit: 64, test_limit: 20}
baseline: {epochs: 1, batch_size: 32}
adjustment: {epochs: 1, batch_size: 32}
axes: {architecture: resnet20, structure: filters, criterion: random}
attacks: {fgsm: {epsilons: [8/255]}}
"""
TRIALS = 3


@pytest.fixture(autouse=True)
def _ctrl_c_is_pythons() -> Iterator[None]:
    """Restore Python's SIGINT handler, because Ray Tune, run by other tests in this process, leaves its own behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sweep") / "reporting.yaml"
    file.write_text(SWEEP)
    return file


@pytest.fixture(scope="module")
def done(sweep: Path) -> Path:
    """Return a store on which the sweep has run."""
    store = sweep.parent / "store"
    run_sweep(sweep, store=store, in_process=True, console=Console(file=io.StringIO()))
    return store


def shell(line: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a line of bash in which ``prunesweep`` stands for the command and $1, $2 … for the arguments."""
    command = line.replace("prunesweep", f"{sys.executable} -m prunesweep")
    variables = {**os.environ, **environment}
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}", "bash", *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=HANGS,
        check=False,
        env=variables,
    )


def test_a_closed_reader_ends_no_sweep(sweep: Path, tmp_path: Path) -> None:
    ran = shell("prunesweep run $1 --store $2 --in-process | head -1", sweep, tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("prunesweep run ")
    trials = Store(str(tmp_path)).table("trials")
    assert len(trials) == TRIALS and trials["robustness"].notna().all()


def test_a_full_disk_is_reported_and_does_not_change_a_sweeps_exit_status(sweep: Path, done: Path) -> None:
    ran = shell("prunesweep run $1 --store $2 > /dev/full", sweep, done)
    assert ran.returncode == 0
    assert ran.stderr == ("prunesweep: standard output: No space left on device; what was printed is incomplete\n")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_an_encoding_lacks_are_replaced(done: Path, encoding: str) -> None:
    ran = shell("prunesweep pareto --store $1", done, PYTHONIOENCODING=encoding)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "? the knee" in ran.stdout


def test_the_c_locale_prints_a_plan_and_a_refusal(done: Path, sweep: Path) -> None:
    c_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = shell("prunesweep plan $1 --trials --store $2", sweep, done, **c_locale)
    assert (ran.returncode, ran.stderr) == (0, "") and "resnet20 filters random 0.1" in ran.stdout
    ran = shell("prunesweep plan $1 --store $2 --set axes.ratio=ε", sweep, done, **c_locale)
    assert ran.returncode == 2 and ran.stderr.count("\n") == 1


def test_a_command_ends_quietly_when_its_reader_closes(done: Path) -> None:
    ran = shell("prunesweep pareto --store $1 | true", done)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_command_whose_output_is_lost_says_so(done: Path) -> None:
    ran = shell("prunesweep pareto --store $1 > /dev/full", done)
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert "No space left on device" in ran.stderr


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_no_command(done: Path, closed: str) -> None:
    assert shell(f"prunesweep pareto --store $1 {closed}", done).returncode == 0
    refused = shell(f"prunesweep pareto --store $1 --sweep nosuch {closed}", done)
    assert refused.returncode == 2 and refused.stdout == ""


class BrokenFile(io.StringIO):
    """The output of a notebook whose kernel is gone."""

    def write(self, text: str) -> int:
        raise RuntimeError("the kernel is gone")


@pytest.mark.parametrize("terminal", [True, False])
def test_a_console_that_raises_ends_no_sweep(
    sweep: Path, tmp_path: Path, terminal: bool, caplog: pytest.LogCaptureFixture
) -> None:
    console = Console(file=BrokenFile(), force_terminal=terminal)
    with caplog.at_level(logging.WARNING):
        ran = run_sweep(sweep, store=tmp_path, in_process=True, console=console)
    assert (ran.failures, ran.unfinished, ran.work.epochs) == ({}, 0, TRIALS)
    assert [record.getMessage() for record in caplog.records] == [
        "the sweep ran on, but its progress could not be displayed: the kernel is gone"
    ]


@pytest.mark.parametrize("kind", [PlainReporter, LiveReporter, JsonReporter])
def test_a_reporter_displays_nothing_after_its_first_error_and_still_counts(
    kind: "type[PlainReporter | LiveReporter | JsonReporter]",
) -> None:
    tree = tree_of(SWEEP)
    reporter = kind(Console(file=BrokenFile(), force_terminal=True))
    with reporter.showing():
        for trial in tree:
            reporter.started(trial)
            reporter.finished(trial, WorkCounts(epochs=1))
    assert (reporter.ended, reporter.work) == (TRIALS, WorkCounts(epochs=TRIALS))
    assert str(reporter.fault) == "the kernel is gone"


def test_tune_may_report_the_end_of_a_trial_twice() -> None:
    tree = tree_of(SWEEP)
    reporter = Reporter()
    dispatcher = Dispatcher(Schedule(tree), reporter, store_dependent_failure=lambda *_: None, after_trial=lambda: None)
    searcher = TreeSearcher(dispatcher, capacity=lambda: 1, reason_of_loss=lambda _: "")
    assert isinstance(searcher.suggest("first"), dict)
    end: dict[str, Any] = {"event": TrialDone(WorkCounts())}
    searcher.on_trial_complete("first", end)
    searcher.on_trial_complete("first", end)
    searcher.on_trial_complete("unknown", error=True)
    assert (reporter.ended, dispatcher.failures) == (1, {})


# ------------------------------------------------------------------------------------------------- signals


ENDLESS = ["--set", "adjustment.epochs=9999"]


def test_slurms_sigterm_to_all_processes_of_a_sweep_on_ray_leaves_unfinished_trials_to_the_next_run(
    sweep: Path, tmp_path: Path
) -> None:
    long = tmp_path / ("job_of_a_scheduler_" * 5)  # too long a path for Ray's sockets
    long.mkdir()
    store = tmp_path / "store"
    driver = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "prunesweep",
            "run",
            str(sweep),
            "--store",
            str(store),
            "--set",
            "adjustment.epochs=9999",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(long), "SLURM_JOB_ID": "1"},
        start_new_session=True,
    )
    assert driver.stdout is not None
    lines = iter(driver.stdout.readline, "")
    assert any(f"[1/{TRIALS}] resnet20 baseline" in line for line in lines)
    os.killpg(driver.pid, signal.SIGTERM)
    output, errors = driver.communicate(timeout=HANGS)
    assert (driver.returncode, errors) == (143, "")
    assert "interrupted with 2 trials unfinished; run the same command again to continue" in output
    assert "Pareto-optimal" in output
    printed = io.StringIO()
    again = run_sweep(sweep, store=store, overrides=["control=false"], in_process=True, console=Console(file=printed))
    assert "[2/2] " in printed.getvalue() and "[1/2]" not in printed.getvalue() and again.work.epochs == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_in_this_process_leaves_unfinished_trials_and_sets_the_exit_status(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, status: int
) -> None:
    attack = fgsm.fgsm

    def attack_and_signal(*arguments: Any) -> object:
        done = attack(*arguments)
        signal.raise_signal(number)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(fgsm, "fgsm", attack_and_signal)
        ran = command("run", str(sweep), "--store", str(tmp_path), "--in-process")
    assert ran.exit_code == status
    assert f"interrupted with {TRIALS} trials unfinished" in ran.stdout and "work done: 1 epoch trained" in ran.stdout
    again = run_sweep(sweep, store=tmp_path, in_process=True, console=Console(file=io.StringIO()))
    assert (again.unfinished, again.interrupted_by, again.work.epochs) == (0, None, TRIALS - 1)


def test_a_second_signal_ends_at_once() -> None:
    """A second signal does not wait for what the first one waits for."""
    program = (
        "import signal, time\n"
        "from prunesweep.orchestrator.running.interruption import interruptible\n"
        "with interruptible():\n"
        "    signal.signal(signal.SIGINT, lambda *_: None)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    time.sleep(60)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], timeout=HANGS, check=False)
    assert ran.returncode == -signal.SIGTERM


def test_an_ignored_signal_stays_ignored() -> None:
    """SIGHUP is ignored under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_sigterm_interrupts_even_if_ctrl_c_is_ignored() -> None:
    """SIGINT is ignored in a process that a script starts with `&`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(Interrupted) as ended, interruptible():
            signal.raise_signal(signal.SIGTERM)
        assert ended.value.signal == signal.SIGTERM
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_before_any_trial_runs_sets_the_exit_status(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, status: int
) -> None:
    monkeypatch.setattr(load, "load_dataset", lambda settings: signal.raise_signal(number))
    ran = command("run", str(sweep), "--store", str(tmp_path / "store"))
    assert (ran.exit_code, ran.stderr) == (status, "") and not (tmp_path / "store").exists()


def test_signal_handlers_are_restored_after_a_run(sweep: Path, done: Path) -> None:
    def own_handler(*_: object) -> None:
        """Do nothing."""

    before = signal.signal(signal.SIGTERM, own_handler)
    try:
        run_sweep(sweep, store=done, in_process=True, console=Console(file=io.StringIO()))
        assert signal.getsignal(signal.SIGTERM) is own_handler
    finally:
        signal.signal(signal.SIGTERM, before)
