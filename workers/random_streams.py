"""Random generators that are seeded by their purpose, so that neither order nor crashes change a number."""

import hashlib

import torch


def stream(*purpose: str | int) -> torch.Generator:
    """Return a CPU generator whose seed depends on its purpose alone.

    Args:
        purpose: what the numbers are for, such as ``"training"``, the trial's seed, the iteration and the epoch.
    """
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") & (2**63 - 1))
