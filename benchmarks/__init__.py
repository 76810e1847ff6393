"""Speed, as ratios of two things run side by side in one call: ``make bench``, or ``python -m benchmarks.NAME``."""
