"""Intervals, paired tests, Holm, correlation and power: by hand, against scipy, and by simulated coverage."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from prunesweep.orchestrator.statistics import (
    correlation_of,
    estimate,
    holm,
    image_gains,
    mcnemar,
    paired_difference,
    pearson,
    resampled_means,
    smallest_gain,
    smallest_mean_gain,
)


def outcomes(both: int, ours: int, theirs: int, neither: int = 0) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return outcomes with so many images that both networks classify correctly, only ours, only theirs, or neither."""
    counts = (both, ours, theirs, neither)
    return np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts)


# --------------------------------------------------------------------------------------- intervals over seeds


def test_t_interval_by_hand() -> None:
    # sd² = (1 + 0 + 1) / 2; t with 2 degrees of freedom is 4.302653.
    result = estimate([1.0, 2.0, 3.0])
    assert (result.mean, result.sd, result.n) == (2.0, 1.0, 3)
    reach = 4.302653 / math.sqrt(3)
    assert (result.low, result.high) == pytest.approx((2 - reach, 2 + reach), abs=1e-6)


def test_one_seed_has_no_interval() -> None:
    result = estimate([1.5])
    assert (result.mean, result.n) == (1.5, 1)
    assert all(math.isnan(value) for value in (result.sd, result.low, result.high))
    with pytest.raises(ValueError, match="no value"):
        estimate([])


def test_the_t_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).normal(size=5).tolist()
    expected = stats.t.interval(0.9, 4, np.mean(values), stats.sem(values))
    result = estimate(values, confidence=0.9)
    assert (result.low, result.high) == pytest.approx(expected)


# ------------------------------------------------------------------------------------------------- McNemar


@pytest.mark.parametrize(
    ("ours", "theirs", "p"),
    [
        (0, 0, 1.0),
        (4, 0, 2 / 2**4),
        (5, 1, 2 * (1 + 6) / 2**6),
        (1, 5, 2 * (1 + 6) / 2**6),
        (3, 3, 1.0),
    ],
)
def test_mcnemar_by_hand(ours: int, theirs: int, p: float) -> None:
    assert mcnemar(*outcomes(7, ours, theirs, 2)) == pytest.approx(p)


@pytest.mark.parametrize(("ours", "theirs"), [(12, 3), (30, 29), (140, 190), (0, 9), (1500, 1300)])
def test_mcnemar_is_that_of_scipy(ours: int, theirs: int) -> None:
    expected = stats.binomtest(ours, ours + theirs, 0.5).pvalue
    assert mcnemar(*outcomes(50, ours, theirs)) == pytest.approx(expected, rel=1e-9)


def test_outcomes_of_different_images_are_not_paired() -> None:
    right = np.ones(4, dtype=bool)
    with pytest.raises(ValueError, match="cannot be paired"):
        mcnemar(right, right[:3])
    with pytest.raises(ValueError, match="cannot be paired"):
        image_gains([(right, right[:3])])
    with pytest.raises(ValueError, match="the same images"):
        image_gains([(right, ~right), (right[:3], ~right[:3])])


# ----------------------------------------------------------------------------------------------- bootstrap


def test_image_gains_by_hand() -> None:
    ours = np.array([[True, True, False], [True, False, False]])  # two kinds, three images
    theirs = np.array([[False, True, False], [False, False, True]])
    np.testing.assert_allclose(image_gains([(ours, theirs)]), [100, 0, -50])
    np.testing.assert_allclose(image_gains([(ours, theirs), (ours, ours)]), [50, 0, -25])
    np.testing.assert_allclose(image_gains([(ours[0], theirs[0])]), [100, 0, 0])


def test_resampled_means_are_those_of_images_drawn_one_by_one() -> None:
    values = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [3.0, 0.0]])
    drawn = resampled_means(values, resamples=40_000, seed=1)
    assert drawn.shape == (40_000, 2)
    resampled = values[np.random.default_rng(2).integers(0, 4, (40_000, 4))].mean(axis=1)
    np.testing.assert_allclose(drawn.mean(axis=0), resampled.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(resampled.T), atol=0.01)
    for column in range(2):  # the whole distribution, not only its moments
        levels, counts = np.unique(drawn[:, column], return_counts=True)
        others = [(resampled[:, column] == level).mean() for level in levels]
        np.testing.assert_allclose(counts / 40_000, others, atol=0.012)


def test_resampling_depends_on_the_seed_alone_and_works_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random((30, 1))
    whole = resampled_means(values, resamples=101, seed=3)
    assert not np.array_equal(whole, resampled_means(values, resamples=101, seed=4))
    monkeypatch.setattr("prunesweep.orchestrator.statistics.resampling._CHUNK", 300)
    np.testing.assert_allclose(resampled_means(values, resamples=101, seed=3), whole)


def test_the_paired_interval_is_that_of_images_drawn_one_by_one() -> None:
    generator = np.random.default_rng(5)
    ours, theirs = generator.random(400) < 0.6, generator.random(400) < 0.5
    result = paired_difference([(ours, theirs)], seed=1)
    gains = 100.0 * ours - 100.0 * theirs
    resampled = gains[generator.integers(0, 400, (10_000, 400))].mean(axis=1)
    assert result.gain == pytest.approx(gains.mean())
    assert (result.low, result.high) == pytest.approx(np.quantile(resampled, [0.025, 0.975]), abs=0.5)
    one_sided = paired_difference([(ours, theirs)], lower_only=True, seed=1)
    assert one_sided.high == math.inf
    # One-sided at 95 % is two-sided at 90 %.
    assert result.low < one_sided.low == pytest.approx(paired_difference([(ours, theirs)], confidence=0.9, seed=1).low)


def test_bootstrap_p_is_near_mcnemars_and_the_same_with_networks_swapped() -> None:
    for ours, theirs in ((60, 40), (45, 55), (120, 70)):
        pair = outcomes(500, ours, theirs, 340)
        result, swapped = paired_difference([pair]), paired_difference([pair[::-1]])
        assert result.p == pytest.approx(mcnemar(*pair), abs=0.03)
        assert swapped.p == pytest.approx(result.p, abs=0.03)
        assert swapped.gain == -result.gain


def test_a_p_value_beyond_the_resamples_is_the_normal_tail() -> None:
    pair = outcomes(500, 160, 60, 280)
    shares = np.repeat([0.0, 1.0, -1.0], [780, 160, 60])
    result = paired_difference([pair])
    assert result.p == pytest.approx(2 * stats.norm.sf(shares.mean() / (shares.std() / math.sqrt(1000))))
    assert result.p < 1e-10


def test_equal_networks_show_no_difference() -> None:
    same = np.arange(50) % 3 == 0
    result = paired_difference([(same, same)])
    assert (result.gain, result.low, result.high, result.p) == (0, 0, 0, 1)
    # Kinds whose gains cancel are no difference either.
    kinds = np.tile([[True], [True], [False]], 50)
    assert paired_difference([(kinds, kinds[[2, 0, 1]])]).p == 1


def test_gains_that_cancel_are_no_difference_despite_rounding() -> None:
    """Three images gain -3, 1 and 2 of 7 kinds. In 6 of the 27 resamples they cancel, so neither side is below half."""
    kinds = np.arange(7)[:, np.newaxis]
    pair = kinds < [0, 1, 4], kinds < [3, 0, 2]
    np.testing.assert_allclose(image_gains([pair]), [-300 / 7, 100 / 7, 200 / 7])
    assert paired_difference([pair]).p == 1


def test_only_resampling_whole_images_covers_clustered_outcomes() -> None:
    """Each image has its own probabilities under all 15 kinds; a 95 % interval must contain the true gain as often."""
    generator = np.random.default_rng(11)
    runs, images, kinds = 400, 200, 15
    clustered = flat = 0
    for _ in range(runs):
        chances = generator.beta((0.9, 0.6), 0.6, (images, 2)).T  # U-shaped: most images are easy or hard
        ours, theirs = (generator.random((kinds, images)) < chance for chance in chances)
        truth = 100 * (0.9 / 1.5 - 0.6 / 1.2)
        by_image = paired_difference([(ours, theirs)], resamples=400)
        by_outcome = paired_difference([(ours.ravel(), theirs.ravel())], resamples=400)
        clustered += by_image.low <= truth <= by_image.high
        flat += by_outcome.low <= truth <= by_outcome.high
    assert 0.91 <= clustered / runs <= 0.98
    assert flat / runs < 0.7


def test_seeds_on_the_same_images_are_resampled_together() -> None:
    """Three seeds that agree on every image have the interval of one; as independent images they would not."""
    generator = np.random.default_rng(0)
    pair = generator.random(300) < 0.6, generator.random(300) < 0.5
    one, three = paired_difference([pair]), paired_difference([pair] * 3)
    assert (three.low, three.high) == (one.low, one.high)


# ---------------------------------------------------------------------------------- Holm, Pearson's correlation


def test_holm_by_hand() -> None:
    # Sorted: 0.01 × 4, 0.02 × 3, 0.03 × 2, 0.04 × 1; the last two may not fall below 0.06.
    np.testing.assert_allclose(holm([0.02, 0.04, 0.01, 0.03]), [0.06, 0.06, 0.04, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.7]), [1.0, 1.0])


def test_holm_does_not_count_comparisons_without_a_test() -> None:
    np.testing.assert_allclose(holm([math.nan, 0.02, math.nan, 0.03]), [math.nan, 0.04, math.nan, 0.04])
    assert holm([]).shape == (0,)


def test_pearson_is_that_of_scipy() -> None:
    first, second = np.random.default_rng(4).normal(size=(2, 9))
    second += 0.5 * first
    expected = stats.pearsonr(first, second)
    interval = expected.confidence_interval(0.95)
    result = pearson(first.tolist(), second.tolist())
    assert (result.r, result.p) == pytest.approx((expected.statistic, expected.pvalue))
    assert (result.low, result.high, result.n) == pytest.approx((interval.low, interval.high, 9))


def test_the_papers_largest_correlation() -> None:
    result = correlation_of(0.2541, 8)
    assert result.p == pytest.approx(0.5437, abs=5e-4)
    assert (round(result.low, 2), round(result.high, 2)) == (-0.55, 0.81)


def test_correlations_that_cannot_be_computed_are_nan() -> None:
    line = pearson([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0])
    assert (line.r, line.p, line.low, line.high) == pytest.approx((1, 0, 1, 1))
    # The mean of 0.1, 0.1, 0.1 is not 0.1 in floating point.
    for same in ([1.0] * 3, [0.1] * 3):
        assert math.isnan(pearson(same, [1.0, 2.0, 3.0]).r) and math.isnan(pearson([1.0, 2.0, 3.0], same).p)
    assert math.isnan(pearson([1.0, 2.0, 3.0, math.nan], [1.0, 2.0, 3.0, 4.0]).r)
    assert math.isnan(pearson([1.0, 2.0, 4.0], [1.0, 3.0, 2.0]).low)
    assert math.isnan(pearson([1.0], [2.0]).r)
    with pytest.raises(ValueError, match="cannot be paired"):
        pearson([1.0, 2.0], [1.0])


# ---------------------------------------------------------------------------------------------------- power


def test_connors_sample_size_by_hand() -> None:
    """ψ = 0.2, δ = 0.05: (1.959964 √0.2 + 0.841621 √(0.2 − 0.0025))² / 0.0025 = 625.5 images."""
    assert smallest_gain(626, 0.2) == pytest.approx(5.0, abs=0.01)
    assert smallest_gain(10_000, 0.2) == pytest.approx(1.2527, abs=0.001)


def test_mcnemar_detects_the_smallest_gain_with_a_power_of_80_percent() -> None:
    images, discordant = 2_000, 0.1
    gain = smallest_gain(images, discordant) / 100
    generator = np.random.default_rng(1)
    won, lost, _ = generator.multinomial(
        images, [(discordant + gain) / 2, (discordant - gain) / 2, 1 - discordant], size=4_000
    ).T
    detected = [stats.norm.sf(abs(w - n) / math.sqrt(w + n)) * 2 < 0.05 for w, n in zip(won, lost, strict=True)]
    assert np.mean(detected) == pytest.approx(0.8, abs=0.025)


def test_few_discordant_images_and_few_images() -> None:
    # Without discordant images a gain has its own: n δ = (z_a + z_p √(1 − δ))².
    gain = smallest_gain(100, 0.0) / 100
    assert 100 * gain == pytest.approx((1.959964 + 0.841621 * math.sqrt(1 - gain)) ** 2, abs=1e-4)
    assert smallest_gain(100, 0.01) == smallest_gain(100, 0.0)
    assert math.isnan(smallest_gain(3, 0.5))
    assert smallest_gain(4, 0.5) <= 100


def test_the_smallest_mean_gain_depends_on_the_mean_square_alone() -> None:
    assert smallest_mean_gain(626, 0.2) == smallest_gain(626, 0.2)
    assert smallest_mean_gain(10_000, 0.0004) == pytest.approx(100 * 2.8016 * 0.02 / 100, abs=1e-3)
    assert math.isnan(smallest_mean_gain(100, 0.0))
