"""All trials: plans sweeps, runs them on a Ray cluster or in this process, and chooses among their results."""

DEFAULT_STORE = "store"
