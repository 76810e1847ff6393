"""Benchmarks of speed and memory, as ratios of two measurements: ``make bench`` or ``python -m benchmarks.NAME``."""
