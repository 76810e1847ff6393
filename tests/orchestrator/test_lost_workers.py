"""Workers that die at their start: the line that reports the trial gives the reason."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from prunesweep import run_sweep
from prunesweep.orchestrator.running.cluster import driver
from prunesweep.orchestrator.running.cluster.tune_scheduler import parse_loss_reason
from tests.helpers.printed import reported_lines

SWEEP = {
    "name": "lost",
    "dataset": {"name": "digits", "train_limit": 20, "test_limit": 20},
    "baseline": {"epochs": 1},
    "adjustment": {"epochs": 1},
    "axes": {"architecture": "resnet20", "criterion": "l1"},
    "control": False,
    "attacks": {},
}

# What Ray writes about workers that died: at their start, killed from outside, and in a missing module.
AT_ITS_START = """
Failure # 1 (occurred at 2026-11-27_07-16-06)
The actor died because of an error raised in its creation task, ray::ResourceTrainable.__init__() (pid=15331)
  File "/site-packages/ray/tune/trainable/trainable.py", line 151, in __init__
    self.setup(copy.deepcopy(self.config))
  File "/home/user/torch.py", line 3, in <module>
    raise RuntimeError('this is not torch')
RuntimeError: this is not torch
"""
KILLED = """
Failure # 1 (occurred at 2026-11-27_07-16-06)
The actor died unexpectedly before finishing this task.
\tclass_name: TrialActor
The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR
"""
NO_MODULE = """
Failure # 4 (occurred at 2026-11-27_07-16-06)
Traceback (most recent call last):
ModuleNotFoundError: No module named 'prunesweep'
"""


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (AT_ITS_START, "RuntimeError: this is not torch (/home/user/torch.py:3)"),
        (AT_ITS_START + NO_MODULE, "ModuleNotFoundError: No module named 'prunesweep'"),
        (NO_MODULE, "ModuleNotFoundError: No module named 'prunesweep'"),
        (KILLED, "The actor died unexpectedly before finishing this task."),
        ("", ""),
    ],
)
def test_the_reason_is_the_last_error_or_the_first_sentence(errors: str, reason: str) -> None:
    assert parse_loss_reason(errors) == reason


def test_a_sweep_whose_workers_cannot_start_gives_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torch.py").write_text("raise RuntimeError('this is not torch')\n")
    monkeypatch.setattr(driver, "RETRIES", 1)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # of the workers alone: this process has imported torch
    store, printed = tmp_path / "store", io.StringIO()
    ran = run_sweep(SWEEP, store=store, console=Console(file=printed))
    why = f"its worker was lost repeatedly: RuntimeError: this is not torch ({tmp_path / 'torch.py'}:1)"
    (failure,) = ran.failures.values()
    assert (failure.error, len(failure.dependents)) == (f"not done: {why}; run the sweep again", 1)
    lines = reported_lines(printed.getvalue())
    assert lines and all(len(line) > len(why) and why in line for line in lines)
    assert ran.store.table("trials").empty, "a lost worker leaves no row"
