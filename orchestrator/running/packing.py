"""The packing: how many trials share one GPU."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prunesweep.sweeps.words import counted


@dataclass(frozen=True)
class Packing:
    """How many trials share one GPU, and why.

    Attributes:
        trials: the number of trials per GPU; 0 if there is no GPU.
        why: the reason, in words.
        rates: images per second of all trials on the GPU together, by the number of trials; empty if nothing was
            measured.
    """

    trials: int
    why: str
    rates: Mapping[int, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Return the share of a GPU that one trial takes."""
        return 1 / self.trials if self.trials else 0.0

    def describe(self) -> str:
        """Return the number of trials per GPU and the reason for it, in words on one line."""
        choice = f"{counted(self.trials, 'trial')} per GPU" if self.trials else "trials run on the CPU"
        return f"gpu: auto: {choice}: {self.why}"
