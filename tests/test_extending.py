"""The steps of docs/extending.md for a criterion, an attack and a recipe, followed in a copy of the product."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("sweeps", "results_store", "workers", "orchestrator")

CRITERION = '''
"""The scale of the batch norm behind each filter."""

from prunesweep.workers.architectures.modules import module_at


def score_filters(network, groups, sample):
    return {group.convolution: module_at(network.body, group.norms[0], object).weight.abs() for group in groups}


def score_blocks(network, blocks, sample):
    return {block.name: module_at(network.body, block.last_norm, object).weight.abs().mean() for block in blocks}
'''
ATTACK = '''
"""Images in the dark."""

from prunesweep.workers.attacks.subject import Evaluation, Outcome


def darkness(subject, settings):
    (correct,) = subject.correct_under_each(lambda batch: (subject.pixels(batch) * settings.brightness,))
    outcome = Outcome("darkness", settings.brightness, correct)
    return Evaluation(outcomes=(outcome,), headline_severity=settings.brightness)
'''
SETTINGS = '''
class Darkness(AttackSettings):
    """The settings of darkness."""

    brightness: float = Field(default=0.25, gt=0, lt=1)

    def headline_text(self) -> str:
        return f"to {self.brightness:g}"


class Attacks(FrozenModel):
    darkness: Darkness | None = None
'''
RECIPE = '''
"""Every image is turned upside down."""


def upside_down(network, images, labels, training, generator):
    return images.flip(-2), labels
'''
SWEEP = """
name: extended
dataset: {name: digits, size: 16, train_limit: 40, test_limit: 20}
baseline: {epochs: 1, batch_size: 20}
pruning: {scoring_images: 20}
axes:
  recipe: upside_down
  architecture: resnet20
  structure: [filters, layers]
  criterion: norm_scale
  adjustment: none
attacks: {darkness: {brightness: 0.125}}
"""
PROGRAM = """
import sys
import pandas
from prunesweep import run_sweep

ran = run_sweep(sys.argv[1], store=sys.argv[2], in_process=True)
assert not ran.failures, ran.failures
trials = pandas.read_parquet(sys.argv[2] + "/trials")
pruned = trials[trials["structure"] != "none"]
assert set(pruned["criterion"]) == {"norm_scale"} and set(pruned["recipe"]) == {"upside_down"}
assert pruned["robustness_darkness"].notna().all() and pruned["robustness_darkness_gain"].notna().all()
assert set(trials["robustness_definition"]) == {"darkness to 0.125"}
print(*sorted(pruned["structure"]))
"""


def insert(file: Path, before: str, lines: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{file.name}: {before}"
    file.write_text(text.replace(before, lines + before), encoding="utf-8")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The product, with what the page says added to it."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "src", tmp_path / "src", symlinks=True, ignore=shutil.ignore_patterns("*.egg-info"))
    (tmp_path / "workers/pruning/criteria/norm_scale.py").write_text(CRITERION)
    (tmp_path / "workers/attacks/darkness.py").write_text(ATTACK)
    (tmp_path / "workers/training/recipes/upside_down.py").write_text(RECIPE)
    catalogue, code = tmp_path / "sweeps/catalogue.py", "prunesweep.workers"
    attacks = tmp_path / "sweeps/attacks.py"
    text = attacks.read_text(encoding="utf-8")
    attacks.write_text(text.replace("class Attacks(FrozenModel):\n", SETTINGS.lstrip("\n")), encoding="utf-8")
    insert(
        catalogue,
        '    "random": CriterionEntry(',
        f'    "norm_scale": CriterionEntry("{code}.pruning.criteria.norm_scale", 1),\n',
    )
    insert(
        catalogue,
        '    "autoattack": AttackEntry(',
        f'    "darkness": AttackEntry("{code}.attacks.darkness:darkness", 1, Darkness),\n',
    )
    recipe = f'    "upside_down": RecipeEntry("{code}.training.recipes.upside_down:upside_down", 1),\n'
    insert(catalogue, '    "cutout": RecipeEntry(', recipe)
    insert(catalogue, "from prunesweep.sweeps.attacks import ", "from prunesweep.sweeps.attacks import Darkness\n")
    return tmp_path


def test_a_criterion_an_attack_and_a_recipe_are_added_by_a_file_and_a_line_each(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "sweep.yaml"), str(tmp_path / "store")]
    ran = subprocess.run(program, text=True, capture_output=True, cwd=tmp_path, env=environment(copy), check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[-1] == "filters layers"


def environment(copy: Path) -> dict[str, str]:
    """Variables by which Python finds the copy before the installed product."""

    return {**os.environ, "PYTHONPATH": str(copy / "src")}
