"""Random generators that are seeded by their purpose.

The numbers that they draw therefore depend neither on the order of the work nor on its interruption by a crash.
"""

import hashlib

import torch


def stream(*purpose: str | int) -> torch.Generator:
    """Return a CPU generator whose seed depends on its purpose alone.

    Args:
        purpose: what the random numbers are for, such as ``"training"``, the trial's seed, the iteration and the epoch.
    """
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") & (2**63 - 1))
