"""A plan starts in about a second, because neither torch nor Ray is imported for it."""

import subprocess
import sys
from pathlib import Path

from sweeps.reader import built_in_sweeps

ROOT = Path(__file__).resolve().parents[2]
PLAN = """
import sys
import sweeps, results_store
from orchestrator.plan import make_plan
from results_store import Store
from sweeps.reader import read_sweep

store, file, *names = sys.argv[1:]
needed = [f"dataset.train={file}", f"dataset.test={file}", f"baseline.weights={file}"]
for name in names:
    overrides = needed if name == "cifar10_pretrained" else []
    assert make_plan(read_sweep(name, overrides), Store(store)).to_run
Store(store).table("trials")
print(sorted({"torch", "torchvision", "ray"} & set(sys.modules)))
"""


def test_planning_the_built_in_sweeps_imports_neither_torch_nor_ray(tmp_path: Path) -> None:
    file = tmp_path / "any.bytes"  # keys need the bytes of data and weights, not their meaning
    file.write_bytes(b"any")
    command = [sys.executable, "-c", PLAN, str(tmp_path / "store"), str(file), *built_in_sweeps()]
    assert subprocess.check_output(command, text=True, cwd=ROOT).strip() == "[]"
