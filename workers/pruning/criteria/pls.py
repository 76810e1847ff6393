"""PLS: filters whose responses predict the class poorly are unimportant.

Jordao et al. (2018), "Pruning Deep Neural Networks using Partial Least Squares". The classes are regressed on the
responses of all filters by partial least squares, and the score of a filter is its Variable Importance in Projection
(VIP).
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.cross_decomposition import PLSRegression
from torch import Tensor, nn
from torch.nn.functional import one_hot

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.observing import observe
from prunesweep.workers.pruning.scoring_images import ScoringImages

COMPONENTS = 2
# The power iteration of each component stops when its squared change is below this. With the default of 1e-6, only two
# digits of the scores are correct.
PLS_TOLERANCE = 1e-12
PLS_MAX_ITERATIONS = 10_000


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each filter by its Variable Importance in Projection (VIP).

    As in the paper's code, one regression contains the filters of all convolutions of the network, including those
    without removable filters. The response of a filter is the largest value of its output before batch norm.

    Args:
        network: the network before the round.
        groups: the convolutions.
        sample: the scoring images.

    Returns:
        Scores, float64 (n_filters,), at least 0, by convolution.
    """
    convolutions = [name for name, module in network.body.named_modules() if isinstance(module, nn.Conv2d)]
    importance = _importance(network, convolutions, sample)
    return {group.convolution: importance[group.convolution] for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each block by the mean Variable Importance in Projection (VIP) of its output channels.

    One regression contains the output channels of all blocks. This definition is our own: the paper's code has none
    for layers.

    Args:
        network: the network before the round.
        blocks: the blocks.
        sample: the scoring images.

    Returns:
        Scores, float64 (), at least 0, by block name.
    """
    importance = _importance(network, [block.name for block in blocks], sample)
    return {block.name: importance[block.name].mean() for block in blocks}


def vip(features: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Variable Importance in Projection (VIP) of each feature.

    VIP_i = √(p · Σ_j s_j (w_ij / ‖w_j‖)² / Σ_j s_j) with s_j = (t_jᵀt_j)(q_jᵀq_j), for scores t, weights w and label
    loadings q of the two components j. Features and labels are standardised, as in the paper's code. Otherwise, the
    importance would depend on the scale of a convolution's weights, although batch norm cancels this scale.

    Args:
        features: (n, p).
        labels: one-hot labels (n, classes).

    Returns:
        The VIP of each feature, float64 (p,).
    """
    regression = PLSRegression(COMPONENTS, scale=True, max_iter=PLS_MAX_ITERATIONS, tol=PLS_TOLERANCE)
    regression.fit(features, labels)
    explained = (regression.x_scores_**2).sum(axis=0) * (regression.y_loadings_**2).sum(axis=0)
    weights = regression.x_weights_ / np.linalg.norm(regression.x_weights_, axis=0)
    importance: NDArray[np.float64] = np.sqrt(features.shape[1] * (weights**2 @ explained) / explained.sum())
    return importance


def _importance(network: Network, paths: Sequence[str], sample: ScoringImages) -> dict[str, Tensor]:
    """Return the VIP of each output channel of some modules, float64 (channels,) by module path.

    One regression contains the channels of all these modules. The feature of a channel is the largest value of its
    output for an image.
    """
    pooled: dict[str, list[Tensor]] = defaultdict(list)
    observe(network, paths, sample, lambda path, output: pooled[path].append(output.amax(dim=(2, 3)).cpu()))
    features = {path: torch.cat(batches) for path, batches in pooled.items()}
    columns = torch.cat([features[path] for path in paths], dim=1).double().numpy()
    labels = one_hot(sample.labels.long(), sample.classes).double().cpu().numpy()
    scores = torch.from_numpy(vip(columns, labels))
    return dict(zip(paths, scores.split([features[path].shape[1] for path in paths]), strict=True))
