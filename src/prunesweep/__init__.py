"""Sweeps over ways to prune a convolutional network, and the choice among the results."""
