"""Training: the loop, its schedules and checkpoints, and the adjustment schemes after pruning."""
