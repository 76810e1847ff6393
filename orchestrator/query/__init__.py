"""Queries on a store: trials by key or condition, candidates to compare, verdicts, and the progress of sweeps."""
