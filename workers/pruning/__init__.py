"""Pruning: scoring a network's structures, selecting the lowest-scored ones and removing them."""
