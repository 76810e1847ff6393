"""The interface of a criterion, which every module of this package implements."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages


class Criterion(Protocol):
    """A criterion, which scores filters and blocks: the structures with the lowest scores are removed first."""

    def score_filters(
        self, network: Network, groups: Sequence[FilterGroup], sample: ScoringImages
    ) -> dict[str, Tensor]:
        """Score each filter of some convolutions.

        Args:
            network: the network before the round.
            groups: the convolutions.
            sample: the scoring images.

        Returns:
            Scores (n_filters,) by module path of the convolution.
        """

    def score_blocks(self, network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
        """Score each of some residual blocks.

        Args:
            network: the network before the round.
            blocks: the blocks.
            sample: the scoring images.

        Returns:
            Scores () by block name.
        """
