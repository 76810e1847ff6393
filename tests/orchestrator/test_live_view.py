"""What a user sees of a run: on terminals of all kinds and sizes, in a pipe, and as JSON lines."""

import io
import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from prunesweep.orchestrator.display.reporting.choice import make_reporter
from prunesweep.orchestrator.display.reporting.live import LiveReporter
from prunesweep.orchestrator.display.reporting.plain import PlainReporter
from prunesweep.orchestrator.display.status import render_status
from prunesweep.orchestrator.query.run_states import run_state
from prunesweep.results_store import Store
from prunesweep.results_store.sweep_status import FrontNetwork, SweepStatus, load_status, save_status
from tests.helpers.command import command, process, refusal
from tests.helpers.terminal import Terminal
from tests.helpers.waiting import wait_for

SWEEP = """
name: seen
dataset: {name: digits, train_limit: 64, test_limit: 20}
baseline: {epochs: 1, batch_size: 32}
adjustment: {epochs: 1, batch_size: 32}
axes: {architecture: resnet20, structure: filters, criterion: l1, iterations: [1, 2]}
attacks: {fgsm: {epsilons: [8/255]}}
"""
TRIALS = 5
PRUNED = "resnet20 filters l1 0.1 ×2 fine_tune seed 0"
COLOUR = re.compile(rb"\x1b\[(?:[\d;]*;)?(?:3\d|4\d|9\d|10\d)(?:;[\d;]*)?m")
CONTROL = re.compile(r"\x1b\[")
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("seen") / "seen.yaml"
    file.write_text(SWEEP)
    return file


@pytest.fixture(scope="module")
def done(sweep: Path) -> "tuple[Path, list[str]]":
    """A store on which the sweep has run, and the lines that the run printed into a pipe."""
    store = sweep.parent / "piped"
    ran = process("run", str(sweep), "--store", str(store), "--in-process")
    assert (ran.returncode, ran.stderr) == (0, "")
    return store, ran.stdout.splitlines()


def test_a_terminal_shows_a_run_from_the_first_second_to_its_result(sweep: Path, tmp_path: Path) -> None:
    terminal = Terminal(
        "run", sweep, "--store", tmp_path, "--in-process", "--log", "live", "--set", "attacks.corruptions={}", rows=40
    )
    terminal.wait_for("prunesweep run")
    assert terminal.cpu_seconds() < 2
    terminal.wait_for("making the corrupted test images")
    terminal.wait_for(f"1 of {TRIALS} trials")
    terminal.wait_for("1 done, 1 running, 3 waiting, 0 failed")
    assert re.search(
        r"resnet20 baseline seed 0: generalization \d\.\d{3}, robustness \d\.\d{3}, 20\.28 M", terminal.text
    )
    assert "core-hours used" in terminal.text and "left" in terminal.text
    terminal.wait_for("front so far")
    terminal.resize(60, 40)
    terminal.settle()
    live = terminal.text
    assert live.count(f"of {TRIALS} trials") == 1, "the old view is gone"
    assert max(map(len, terminal.lines)) <= 60
    terminal.resize(120, 40)
    terminal.settle()
    assert terminal.text.count(f"of {TRIALS} trials") == 1
    assert terminal.wait() == 0
    result = terminal.text
    assert "Pareto-optimal in generalization, robustness and flops" in result and f"of {TRIALS} trials" not in result
    assert "Against their controls, the 2 pruned networks" in result
    assert re.search(r"next: prunesweep show [0-9a-f]{10} --store \S+ prunesweep effects", result)


def test_no_color_draws_without_colours(done: "tuple[Path, list[str]]") -> None:
    for environment, coloured in (({"NO_COLOR": "1"}, False), ({}, True)):
        terminal = Terminal("compare", "--store", done[0], environment=environment)
        assert terminal.wait() == 0
        assert (COLOUR.search(terminal.written) is not None) == coloured


def test_a_dumb_terminal_gets_plain_lines(
    sweep: Path, done: "tuple[Path, list[str]]", monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal("run", sweep, "--store", done[0], environment={"TERM": "dumb"})
    assert terminal.wait() == 0
    assert not CONTROL.search(terminal.written.decode())
    for kind, reporter in (("dumb", PlainReporter), ("xterm", LiveReporter)):
        monkeypatch.setenv("TERM", kind)
        assert type(make_reporter(Console(force_terminal=True))) is reporter
    assert type(make_reporter(Console(file=io.StringIO()))) is PlainReporter


def test_a_pipe_gets_one_line_an_event_with_its_time(done: "tuple[Path, list[str]]") -> None:
    lines = done[1][: done[1].index(f"{TRIALS} trials run, 0 were stored already, 0 failed")]
    assert lines[0].startswith("prunesweep run ")
    assert [line for line in lines[1:] if not STAMP.match(line)] == []
    steps = [STAMP.sub("", line) for line in lines[1:]]
    assert "reading the images of digits" in steps
    ends = [step for step in steps if step.startswith("[")]
    assert [step.partition(" ")[0] for step in ends] == [f"[{number}/{TRIALS}]" for number in range(1, TRIALS + 1)]
    pruned = next(step for step in ends if PRUNED in step)
    assert re.search(r"M FLOPs \(over its (control|baseline) [+-]\d+\.\d and [+-]\d+\.\d p\.p\.\); 1 epoch, ", pruned)
    assert any("left" in step for step in ends[:-1]) and "left" not in ends[-1], "the time left"


def test_the_gains_in_a_line_are_those_of_the_table(done: "tuple[Path, list[str]]") -> None:
    trials = Store(str(done[0])).table("trials").set_index("trial_key")
    for line in done[1]:
        found = re.search(r"\] (?P<trial>.*) seed 0: .*\(over its control (?P<g>\S+) and (?P<r>\S+) p\.p\.", line)
        if found and "×2" in found["trial"]:
            row = trials[(trials["iterations"] == 2) & (trials["structure"] == "filters")].iloc[0]
            assert float(found["g"]) == pytest.approx(row["generalization_gain_over_control"], abs=0.051)
            assert float(found["r"]) == pytest.approx(row["robustness_gain_over_control"], abs=0.051)
            return
    pytest.fail("the last pruned trial ends after its control")


def test_quiet_and_verbose(sweep: Path, tmp_path: Path) -> None:
    few = ["--in-process", "--set", "axes.iterations=0"]
    quiet = command("run", str(sweep), "--store", str(tmp_path / "q"), "-q", *few).stdout.splitlines()
    assert quiet[0] == "1 trial run, 0 were stored already, 0 failed"
    verbose = command("run", str(sweep), "--store", str(tmp_path / "v"), "-v", *few).stdout
    for event in ("started: resnet20 baseline", "epoch 1/1, loss", "network stored", "evaluated: fgsm"):
        assert event in verbose
    assert "contradict" in refusal("run", str(sweep), "--store", str(tmp_path / "b"), "-q", "-v", *few)


def test_json_lines(sweep: Path, tmp_path: Path) -> None:
    ran = command("run", str(sweep), "--store", str(tmp_path), "--in-process", "--log", "json")
    assert (ran.exit_code, ran.stderr) == (0, "")
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    page = (Path(__file__).resolve().parents[2] / "docs" / "running.md").read_text()
    for record in records:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", record["time"])
        assert [name for name in record if f"`{name}`" not in page] == [], "docs/running.md names every field"
        assert f"| `{record['event']}` |" in page
    (plan,) = (record for record in records if record["event"] == "plan")
    assert (plan["sweep"], plan["trials"], plan["stored"]) == ("seen", TRIALS, 0)
    ends = [record for record in records if record["event"] == "trial_done"]
    assert [end["done"] for end in ends] == [*range(1, TRIALS + 1)]
    trials = Store(str(tmp_path)).table("trials").set_index("trial_key")
    for end in ends:
        row = trials.loc[end["trial"]]
        assert (end["generalization"], end["robustness"]) == (row["generalization"], row["robustness"])
        assert end["flops"] == row["flops"]
    assert records[-1]["event"] == "sweep_ended" and records[-1]["front"]["candidates"] == TRIALS
    assert "'xml' is not a log format" in refusal("run", str(sweep), "--log", "xml")


# ------------------------------------------------------------------------------------------------- the view


def status_of(running: int = 2, front: int = 3, **changes: Any) -> SweepStatus:
    long = "mobilenet_v2 filters kl_divergence 0.25 ×12 winning_ticket+bn_recalibrate seed 12"
    network: FrontNetwork = {
        "key": "3f2a91c0de" + "0" * 22,
        "network": long,
        "generalization": 0.9,
        "robustness": 0.5,
        "flops": 1.2e9,
    }
    status: SweepStatus = {
        "sweep": "a_sweep_with_a_name",
        "run": "r",
        "state": "running",
        "step": "",
        "driver": {"host": "here", "pid": 1, "created": 0.0},
        "started_at": 0.0,
        "updated_at": 0.0,
        "refresh_seconds": 5.0,
        "trials": 1200,
        "stored": 7,
        "done": 300,
        "failed": 2,
        "running": running,
        "waiting": 896,
        "seconds_left": 7200.0,
        "past_errors": [-0.12, 0.08],
        "unit": "GPU",
        "used_seconds": 36000.0,
        "saved_seconds": 72000.0,
        "epochs": 9,
        "in_progress": [
            {"key": "k", "trial": long, "phase": "epoch 100/200, loss 0.123", "since": 0.0} for _ in range(running)
        ],
        "blockers": [{"key": "k", "trial": long, "waiting": 40}],
        "front": [network] * front,
    }
    return {**status, **changes}  # type: ignore[typeddict-item]


def drawn(status: SweepStatus, width: int, height: int) -> list[str]:
    console = Console(width=width, color_system=None)
    lines = console.render_lines(render_status(status, width, height), pad=False)
    return ["".join(segment.text for segment in line).rstrip() for line in lines]


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("height", [24, 50])
def test_the_view_fits_a_terminal_and_cuts_no_name(width: int, height: int) -> None:
    lines = drawn(status_of(running=16, front=30), width, height)
    assert len(lines) < height and max(map(len, lines)) <= width
    words = " ".join(" ".join(lines).split())
    assert "302 of 1,200 trials, about 2.0 h left" in words
    assert "300 done (7 stored before), 16 running, 896 waiting, 2 failed" in words
    assert "10 GPU-hours used, 20 saved by sharing; past runs took -12% to +8% against their estimates" in words
    assert "40 trials wait for" in words and "more" in words and "…" not in words
    unwrapped = "".join(words.split())
    assert unwrapped.count("winning_ticket+bn_recalibrate") >= (2 if (width, height) == (60, 24) else 3)


def test_one_past_run_is_no_range() -> None:
    assert "past runs took -12% against" in " ".join(
        " ".join(drawn(status_of(past_errors=[-0.12, -0.12]), 160, 50)).split()
    )


def test_the_status_of_a_run_is_in_the_store_while_it_lasts_and_afterwards(
    done: "tuple[Path, list[str]]",
) -> None:
    status = load_status(Store(str(done[0])).objects, "seen")
    assert status is not None and status["state"] == "finished"
    assert (status["done"], status["running"], status["waiting"], status["in_progress"]) == (TRIALS, 0, 0, [])
    assert status["used_seconds"] > 0 and status["saved_seconds"] > 0


# ------------------------------------------------------------------------------------------------- from elsewhere


def test_status_tells_a_dead_driver_from_a_slow_one(sweep: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    terminal = Terminal("run", sweep, "--store", tmp_path, "--in-process", "--set", "adjustment.epochs=99999")
    try:
        status = wait_for(lambda: _status_with_a_done_trial(store) if terminal.read() else None)
        shown = command("status", "--store", str(tmp_path)).stdout
        assert re.search(rf"seen +{TRIALS} +1 +0 +4 +running", shown) and "epoch" in shown
        os.kill(terminal.pid, signal.SIGSTOP)
        silent: SweepStatus = {**status, "updated_at": time.time() - 60}
        save_status(store.objects, silent)
        shown = command("status", "--store", str(tmp_path)).stdout
        assert re.search(r"seen: slow: its last sign of life was \d+ s ago; its driver is process", shown)
        assert not re.search("dead", shown)
    finally:
        os.kill(terminal.pid, signal.SIGKILL)
    terminal.wait()
    shown = command("status", "--store", str(tmp_path)).stdout
    assert f"seen: dead: process {terminal.pid} on this machine is gone" in shown
    assert re.search(rf"seen +{TRIALS} +1 +0 +4 +dead", shown)
    save_status(store.objects, {**silent, "driver": {**silent["driver"], "pid": os.getpid()}})
    assert "dead" in command("status", "--store", str(tmp_path)).stdout, "a later process of the same number"


def _status_with_a_done_trial(store: Store) -> SweepStatus | None:
    status = load_status(store.objects, "seen")
    return status if status is not None and status["done"] and status["in_progress"] else None


@pytest.mark.parametrize(("silent", "state"), [(1, "running"), (60, "slow"), (600, "dead")])
def test_of_a_driver_elsewhere_only_its_silence_is_known(silent: float, state: str) -> None:
    status = status_of(updated_at=time.time() - silent, driver={"host": "elsewhere", "pid": 1, "created": 0.0})
    assert run_state(status) == state


def test_watch_follows_a_run_to_its_end(sweep: Path, tmp_path: Path) -> None:
    runs = Terminal("run", sweep, "--store", tmp_path, "--in-process")
    wait_for(lambda: runs.read() and load_status(Store(str(tmp_path)).objects, "seen"))
    watches = Terminal("status", "--watch", "--store", tmp_path, columns=70)
    assert runs.wait() == 0
    assert watches.wait() == 0
    assert f"of {TRIALS} trials".encode() in watches.written
    assert re.search(rf"seen {TRIALS} {TRIALS} 0 0 finished", watches.text)


def test_a_damaged_status_is_none(done: "tuple[Path, list[str]]", tmp_path: Path) -> None:
    store = shutil.copytree(done[0], tmp_path / "store")
    (store / "sweeps" / "seen" / "status.json").write_text("{")
    assert re.search(rf"seen +{TRIALS} +{TRIALS} +0 +0 +unknown", command("status", "--store", str(store)).stdout)
