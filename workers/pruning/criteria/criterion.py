"""What every criterion's module holds."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages


class Criterion(Protocol):
    """Scores of what may go; the lowest goes first."""

    def score_filters(
        self, network: Network, groups: Sequence[FilterGroup], sample: ScoringImages
    ) -> dict[str, Tensor]:
        """A score of each filter: (n_filters,) by convolution."""

    def score_blocks(self, network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
        """A score of each block: () by block."""
