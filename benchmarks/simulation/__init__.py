"""Sweeps on a simulated cluster: trees, schedule, searcher and reporter are real, and only the trials do not run."""
