"""Training: the loop, learning rates, recipes and checkpoints, the baseline, and the adjustments after pruning."""
