"""Pruning: what scores a network's structures, which of them go, and how they are taken out."""
