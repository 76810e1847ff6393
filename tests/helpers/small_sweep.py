"""A sweep of some trials of every kind, each of which takes a moment."""

from pathlib import Path

import pandas as pd

SWEEP = """
name: small
dataset: {name: digits, size: 16, train_limit: 80, test_limit: 40}
baseline: {epochs: 2, learning_rate: 0.05, batch_size: 20}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 20, rewind_epoch: 1}
pruning: {scoring_images: 20}
axes:
  architecture: [resnet20]
  structure: [filters, layers]
  criterion: [l1]
  adjustment: [fine_tune, winning_ticket]
  iterations: [1, 2]
attacks:
  fgsm: {epsilons: [4/255, 8/255]}
  corruptions: {kinds: [brightness, gaussian_noise], severities: [5]}
"""
TRIALS = 1 + 2 * 2 + 2 * 2 * 2  # baseline, controls, pruned
EPOCHS = 2 + 6 * 1 + 6 * 1  # baseline, fine-tuned, winning tickets (from epoch 1 to 2)
# Scores of the baseline are shared by both adjustment schemes; of the second round's parents there are four.
SCORES = 2 + 4
TIMES = ["seconds"]


def write_sweep(folder: Path) -> Path:
    """The sweep's file below ``folder``."""
    path = folder / "small.yaml"
    path.write_text(SWEEP)
    return path


def trials_of(store: Path) -> pd.DataFrame:
    """The table of trials without what differs from run to run."""
    table = pd.read_parquet(store / "trials")
    return table.sort_values("trial_key", ignore_index=True).drop(columns=TIMES)
