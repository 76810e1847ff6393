"""Trial trees of sweeps in YAML, and the trials in them."""

from typing import Any

from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree
from prunesweep.sweeps.trial import Trial

SWEEP = """
name: golden
dataset: {name: digits}
baseline: {epochs: 4, batch_size: 64}
adjustment: {epochs: 2, learning_rate: 0.02, batch_size: 64, rewind_epoch: 1}
axes:
  - {architecture: resnet20, structure: [filters, layers, both], criterion: l1}
  - {architecture: resnet20, structure: filters, criterion: l1, adjustment: winning_ticket}
attacks:
  fgsm: {epsilons: [4/255, 8/255]}
  occlusion:
  corruptions: {severities: [5], frost_textures: package}
"""

TINY_SWEEP = """
name: tiny
dataset: {name: digits}
baseline: {epochs: 2}
adjustment: {epochs: 1}
axes: {architecture: resnet20}
"""


def tree_of(text: str, *overrides: str) -> TrialTree:
    """The tree of a sweep in YAML."""
    return grow_tree(parse_sweep(text, overrides))


def only(tree: TrialTree, **settings: Any) -> Trial:
    """The one trial of a tree with these settings."""
    (found,) = (trial for trial in tree if settings.items() <= trial.settings.items())
    return found


def pruned(text: str, *overrides: str) -> Trial:
    """The pruned trial with the most iterations of a sweep that asks for one."""
    return max(tree_of(text, *overrides), key=lambda trial: (trial.structure != "none", trial.iterations))
