"""Speed and memory, as ratios of two things run in one call: ``make bench``, or ``python -m benchmarks.NAME``."""
