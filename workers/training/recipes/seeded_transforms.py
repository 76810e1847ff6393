"""Reproducible use of torchvision's random transforms, which draw from torch's global generator."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seed_global_rng(generator: torch.Generator) -> Iterator[None]:
    """Seed torch's global CPU generator with a number drawn from ``generator``.

    On exit, the global generator gets back the state that it had before.
    """
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the generators of GPUs, too
        yield
