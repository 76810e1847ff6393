"""Random streams: generators derived from what they are for, so that neither order nor crashes change a number."""

import hashlib

import torch


def stream(*purpose: str | int) -> torch.Generator:
    """A CPU generator that depends on ``purpose`` alone, for example (seed, stage, iteration, epoch)."""
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") & (2**63 - 1))
