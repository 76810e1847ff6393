"""Errors of pruning."""


class NothingToRemove(ValueError):
    """A pruning step that has no structure to remove."""
