"""Ranks from counts of eigenvalues equal those of NumPy from singular values."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from prunesweep.workers.pruning import matrix_ranks as module
from prunesweep.workers.pruning.matrix_ranks import matrix_ranks

COUNT = 60


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def with_rank(rank: int, side: int) -> Tensor:
    return noise(COUNT, side, rank) @ noise(COUNT, side, rank).mT


def with_zero_rows(side: int) -> Tensor:
    maps = noise(COUNT, side, side).relu()
    maps[:, ::3] = 0
    return maps


def with_singular_values(values: Tensor) -> Tensor:
    left, right = (torch.linalg.qr(noise(COUNT, len(values), len(values)).double() + turn)[0] for turn in (0, 1))
    maps: Tensor = left * values.double() @ right
    return maps.float()


@pytest.mark.parametrize("side", [4, 8, 16, 33])
@pytest.mark.parametrize("scale", [1.0, 1e-15, 1e15])
def test_ranks_equal_those_of_numpy(side: int, scale: float) -> None:
    tall, wide = noise(COUNT, side + 5, side), noise(COUNT, side, side + 5)
    ranks = (0, 1, side // 2, side - 1, side)
    for maps in (
        noise(COUNT, side, side).relu(),
        with_zero_rows(side),
        tall,
        wide,
        *(with_rank(rank, side) for rank in ranks),
    ):
        assert np.array_equal(matrix_ranks(maps * scale), np.linalg.matrix_rank((maps * scale).numpy()))


@pytest.mark.parametrize("side", [8, 32])
def test_singular_values_across_the_tolerance_are_counted_as_numpy_does(side: int) -> None:
    maps = with_singular_values(torch.logspace(0, -9, side))
    tolerance = side * torch.finfo(torch.float32).eps
    close = with_singular_values(torch.linspace(0.6, 1.8, side).mul(tolerance).index_fill(0, torch.tensor([0]), 1.0))
    wide = pad(maps, (0, 50 * side))  # zeros raise the tolerance and leave the singular values the same
    for matrices in (maps, close, wide):
        assert 1 < matrix_ranks(matrices).double().mean() < side
        assert np.array_equal(matrix_ranks(matrices), np.linalg.matrix_rank(matrices.numpy()))


def test_singular_values_are_rarely_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    decomposed: list[int] = []
    by_singular_values = torch.linalg.matrix_rank

    def recording_rank(maps: Tensor) -> Tensor:
        decomposed.append(len(maps))
        ranks: Tensor = by_singular_values(maps)
        return ranks

    monkeypatch.setattr(torch.linalg, "matrix_rank", recording_rank)
    for maps in (noise(COUNT, 16, 16), with_zero_rows(16), with_rank(5, 16), torch.zeros(COUNT, 16, 16)):
        matrix_ranks(maps)
    assert sum(decomposed) <= COUNT / 10


def test_any_number_of_maps_in_any_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    maps = noise(7, 3, 9, 12).relu()
    expected = np.linalg.matrix_rank(maps.numpy())
    assert np.array_equal(matrix_ranks(maps.to(memory_format=torch.channels_last)), expected)
    assert matrix_ranks(maps[:0]).shape == (0, 3)
    monkeypatch.setattr(module, "CHUNK_VALUES", 4 * 9 * 12)
    assert np.array_equal(matrix_ranks(maps), expected)


def test_matrices_that_are_not_finite_are_refused() -> None:
    maps = noise(3, 8, 8)
    maps[1, 2, 3] = torch.nan
    with pytest.raises(RuntimeError, match="non-finite values"):
        matrix_ranks(maps)
