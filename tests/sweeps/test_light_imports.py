"""Planning imports neither torch nor Ray, so that a plan starts in about a second."""

import json
import subprocess
import sys
from pathlib import Path

from prunesweep.sweeps.reader import built_in_sweeps
from tests.helpers.built_in import overrides_of

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
import json
import sys
import prunesweep
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.results_store import Store
from prunesweep.sweeps.reader import read_sweep

store, overrides = sys.argv[1], json.loads(sys.argv[2])
for name, needed in overrides.items():
    assert make_plan(read_sweep(name, needed), Store(store)).to_run
Store(store).table("trials")
print(sorted({"torch", "torchvision", "ray", "matplotlib"} & set(sys.modules)))
"""


def test_planning_the_built_in_sweeps_imports_neither_torch_nor_ray(tmp_path: Path) -> None:
    overrides = {name: overrides_of(name, tmp_path) for name in built_in_sweeps()}
    command = [sys.executable, "-c", PLAN, str(tmp_path / "store"), json.dumps(overrides)]
    assert subprocess.check_output(command, text=True, cwd=ROOT).strip() == "[]"
