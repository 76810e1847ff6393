"""Everything about many trials: planning and running sweeps, and choosing among their results."""

DEFAULT_STORE = "store"
