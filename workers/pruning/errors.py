"""What can be wrong with a pruning."""


class NothingToRemove(ValueError):
    """A pruning that would leave the network as it is."""
