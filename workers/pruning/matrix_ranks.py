"""Ranks of many small matrices, without their singular values."""

import torch
from torch import Tensor

LEAST_MATRIX_SIDE = 8  # the tolerance of smaller matrices is close to the rounding of their singular values
MARGIN = 4.0  # on squares: singular values within a factor of two of the tolerance are computed
CHUNK_VALUES = 2**18  # whose float64 copies fit a processor's cache


def matrix_ranks(matrices: Tensor) -> Tensor:
    """What PyTorch's ``matrix_rank`` and NumPy's say of float32 matrices (..., h, w): int64 (...).

    The rank is the number of singular values above max(h, w) · ε of the largest. Their squares are the eigenvalues of
    the Gram matrix, and by Sylvester's law of inertia as many of those are above a bound as the Gram matrix less the
    bound has positive pivots. It is counted in float64 with a bound below the tolerance and one above; where the counts
    differ, the singular values decide. On a GPU they always do.

    Raises:
        torch.linalg.LinAlgError: a matrix is not finite.
    """
    height, width = matrices.shape[-2:]
    if matrices.device.type != "cpu" or min(height, width) < LEAST_MATRIX_SIDE:
        ranks: Tensor = torch.linalg.matrix_rank(matrices)
        return ranks
    chunks = matrices.flatten(0, -3).split(max(1, CHUNK_VALUES // (height * width)))
    return torch.cat([_ranks(chunk) for chunk in chunks]).view(matrices.shape[:-2])


def _ranks(matrices: Tensor) -> Tensor:
    """Those of matrices (n, h, w): (n,)."""
    gram = _gram(matrices.double())
    tolerance = (max(matrices.shape[-2:]) * torch.finfo(matrices.dtype).eps) ** 2
    squares, trace = gram.square().sum((1, 2)), gram.diagonal(dim1=1, dim2=2).sum(1)
    # Σλ² / Σλ and √Σλ² are bounds of the largest eigenvalue. Where all are zero, so are both.
    below = _eigenvalues_above(gram, tolerance / MARGIN * squares / trace.clamp_min(torch.finfo(trace.dtype).tiny))
    ranks = _eigenvalues_above(gram, tolerance * MARGIN * squares.sqrt())
    unsure = (below != ranks) | ~squares.isfinite()
    ranks[unsure] = torch.linalg.matrix_rank(matrices[unsure])
    return ranks


def _gram(matrices: Tensor) -> Tensor:
    """The smaller of A Aᵀ and Aᵀ A."""
    height, width = matrices.shape[-2:]
    return matrices @ matrices.mT if height <= width else matrices.mT @ matrices


def _eigenvalues_above(gram: Tensor, bounds: Tensor) -> Tensor:
    """How many eigenvalues of each symmetric matrix (n, k, k) are above its bound, one of (n,)."""
    factors: Tensor
    pivots: Tensor
    factors, pivots, _ = torch.linalg.ldl_factor_ex(gram - bounds[:, None, None] * torch.eye(gram.shape[-1]).double())
    # LAPACK's pivots of two rows are negative in both; one of their two eigenvalues is positive, the other negative.
    alone = (factors.diagonal(dim1=1, dim2=2) > 0) & (pivots > 0)
    return alone.sum(1) + (pivots < 0).sum(1) // 2
