"""Training: the loop, its schedule and checkpoints, and the schemes that adjust a network after pruning."""
