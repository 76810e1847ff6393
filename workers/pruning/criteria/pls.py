"""PLS: what says little about the class matters little.

Jordao et al. (2018), "Pruning Deep Neural Networks using Partial Least Squares": a partial least squares
regression of the classes on what every filter responds, and each filter's Variable Importance in Projection
(VIP) in it.
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
# The power iteration behind each component stops when its squared change is below this. At the default, 1e-6,
# scores are right to two digits only.
PLS_TOLERANCE = 1e-12
PLS_MOST_ITERATIONS = 10_000


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Each filter's VIP: float64 (n_filters,), at least 0, by convolution.

    As in the paper's code, all convolutions of the network, also those whose filters may not go, stand side
    by side in one regression, each filter by the largest value of its output, before batch norm.
    """
    convolutions = [name for name, module in network.body.named_modules() if isinstance(module, nn.Conv2d)]
    importance = _importance(network, convolutions, sample)
    return {group.convolution: importance[group.convolution] for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """The mean VIP of a block's output channels, in one regression on all given blocks: float64 () by block.

    This definition is ours: the paper's code has none for layers.
    """
    importance = _importance(network, [block.name for block in blocks], sample)
    return {block.name: importance[block.name].mean() for block in blocks}


def vip(features: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variable Importance in Projection of every column of ``features``.

    VIP_i = √(p · Σ_j s_j (w_ij / ‖w_j‖)² / Σ_j s_j) with s_j = (t_jᵀt_j)(q_jᵀq_j), for scores t, weights w
    and label loadings q of the two components. Features (n, p) and one-hot labels (n, classes) are both
    standardised, as in the paper's code: else the scale of a convolution's weights, which batch norm undoes,
    would count. Returns (p,).
    """
    regression = PLSRegression(COMPONENTS, scale=True, max_iter=PLS_MOST_ITERATIONS, tol=PLS_TOLERANCE)
    regression.fit(features, labels)
    explained = (regression.x_scores_**2).sum(axis=0) * (regression.y_loadings_**2).sum(axis=0)
    weights = regression.x_weights_ / np.linalg.norm(regression.x_weights_, axis=0)
    importance: NDArray[np.float64] = np.sqrt(features.shape[1] * (weights**2 @ explained) / explained.sum())
    return importance


def _importance(network: Network, paths: Sequence[str], sample: ScoringImages) -> dict[str, Tensor]:
    """The VIP of the output channels of the modules at ``paths``, in one regression: float64 (channels,) by
    path.
    """
    pooled: dict[str, list[Tensor]] = defaultdict(list)
    observe(network, paths, sample, lambda path, output: pooled[path].append(output.amax(dim=(2, 3)).cpu()))
    features = {path: torch.cat(batches) for path, batches in pooled.items()}
    columns = torch.cat([features[path] for path in paths], dim=1).double().numpy()
    labels = one_hot(sample.labels.long(), sample.classes).double().cpu().numpy()
    scores = torch.from_numpy(vip(columns, labels))
    return dict(zip(paths, scores.split([features[path].shape[1] for path in paths]), strict=True))
