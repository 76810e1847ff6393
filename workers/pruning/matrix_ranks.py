"""Ranks of many small matrices, mostly without computing singular values."""

import torch
from torch import Tensor

MIN_MATRIX_SIDE = 8  # for smaller matrices, the tolerance is close to the rounding errors of singular values
SQUARED_MARGIN = 4.0  # a rank is uncertain if a singular value is within a factor of 2 (√4) of the tolerance
CHUNK_VALUES = 2**18  # float64 copies of this many values fit into a CPU cache


def matrix_ranks(matrices: Tensor) -> Tensor:
    """Return the ranks of matrices, equal to the results of ``matrix_rank`` in PyTorch and in NumPy.

    The rank is the number of singular values above a tolerance, which is max(h, w) · ε times the largest singular
    value. The squares of the singular values are the eigenvalues of the Gram matrix G. By Sylvester's law of inertia,
    the number of eigenvalues above a bound b is the number of positive pivots of G − b · I. These pivots are counted in
    float64 for two bounds, one below the squared tolerance and one above it. If the two counts agree, they are the
    rank. If they differ, the singular values are computed, as they always are on a GPU and for sides of fewer than 8.

    A matrix with NaNs raises ``torch.linalg.LinAlgError``.

    Args:
        matrices: float32 (..., h, w).

    Returns:
        int64 (...).
    """
    height, width = matrices.shape[-2:]
    if matrices.device.type != "cpu" or min(height, width) < MIN_MATRIX_SIDE:
        ranks: Tensor = torch.linalg.matrix_rank(matrices)
        return ranks
    chunks = matrices.flatten(0, -3).split(max(1, CHUNK_VALUES // (height * width)))
    return torch.cat([_ranks(chunk) for chunk in chunks]).view(matrices.shape[:-2])


def _ranks(matrices: Tensor) -> Tensor:
    """Return the ranks (n,) of matrices (n, h, w) on the CPU."""
    gram = _gram(matrices.double())
    tolerance = (max(matrices.shape[-2:]) * torch.finfo(matrices.dtype).eps) ** 2
    squares, trace = gram.square().sum((1, 2)), gram.diagonal(dim1=1, dim2=2).sum(1)
    # Σλ² / Σλ and √Σλ² are a lower and an upper bound of the largest eigenvalue λ; all are zero for a matrix of zeros.
    smallest = torch.finfo(trace.dtype).tiny
    upper_ranks = _count_eigenvalues_above(gram, tolerance / SQUARED_MARGIN * squares / trace.clamp_min(smallest))
    ranks = _count_eigenvalues_above(gram, tolerance * SQUARED_MARGIN * squares.sqrt())
    uncertain = (upper_ranks != ranks) | ~squares.isfinite()
    ranks[uncertain] = torch.linalg.matrix_rank(matrices[uncertain])
    return ranks


def _gram(matrices: Tensor) -> Tensor:
    """Return the smaller of A Aᵀ and Aᵀ A for each matrix A (..., h, w)."""
    height, width = matrices.shape[-2:]
    return matrices @ matrices.mT if height <= width else matrices.mT @ matrices


def _count_eigenvalues_above(gram: Tensor, bounds: Tensor) -> Tensor:
    """Count the eigenvalues of each symmetric matrix that are above the bound for this matrix.

    Args:
        gram: the matrices, float64 (n, k, k).
        bounds: the bounds, float64 (n,).

    Returns:
        int64 (n,).
    """
    factors: Tensor
    pivots: Tensor
    factors, pivots, _ = torch.linalg.ldl_factor_ex(gram - bounds[:, None, None] * torch.eye(gram.shape[-1]).double())
    # LAPACK marks a 2×2 pivot block by negative entries in both rows; one of its eigenvalues is positive, one negative.
    single = (factors.diagonal(dim1=1, dim2=2) > 0) & (pivots > 0)
    return single.sum(1) + (pivots < 0).sum(1) // 2
