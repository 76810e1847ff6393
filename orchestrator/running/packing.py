"""The packing: how many trials share one GPU."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Packing:
    """How many trials share one GPU, and why.

    Attributes:
        trials: how many; 0 where there is no GPU.
        why: the reason, in words.
        rates: images per second of all together, by how many shared the GPU; empty where nothing was measured.
    """

    trials: int
    why: str
    rates: Mapping[int, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """GPUs of one trial."""
        return 1 / self.trials if self.trials else 0.0

    def line(self) -> str:
        """Return the choice in words."""
        chosen = f"{self.trials} a GPU" if self.trials else "on the CPU"
        return f"gpu: auto: trials run {chosen}: {self.why}"
