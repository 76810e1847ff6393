"""Sweeps on a cluster that is simulated: real trees, schedule, searcher and reporter, and no trial that really runs."""
