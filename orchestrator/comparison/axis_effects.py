"""The effects of the values of one axis on one figure, from matched trials."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.orchestrator.comparison.matching import Matching, number_or_text
from prunesweep.orchestrator.statistics import estimate, resampled_means

OVER_BASELINES, OVER_IMAGES = "baselines", "images"

EFFECT_COLUMNS = (
    "axis",
    "value",
    "figure",
    "over",
    "mean",
    "low",
    "high",
    "interval",
    "behind",
    "behind_low",
    "behind_high",
    "trials",
    "matches",
    "baselines",
    "flops_share",
    "trial_keys",
)
"""The columns of a table of main effects; ``main_effects`` explains them."""

_DECIMALS = 9  # of percentage points: further digits are rounding errors


@dataclass(frozen=True)
class IntervalEstimate:
    """A mean with its 95 % interval, all in percentage points.

    Attributes:
        mean: the mean.
        low: the lower bound of the interval.
        high: the upper bound of the interval.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Lead:
    """How far the best value of an axis is ahead of the second-best one.

    Attributes:
        best: the value with the greatest mean gain.
        second: the value with the next greatest.
        difference: their mean gains' difference with its paired interval.
    """

    best: str
    second: str
    difference: IntervalEstimate

    @property
    def is_clear(self) -> bool:
        """Return whether the two values can be told apart: the whole interval is above 0."""
        return self.difference.low > 0


@dataclass(frozen=True)
class AxisEffects:
    """The effects of the values of one axis on one figure.

    Attributes:
        axis: the axis.
        figure: the accuracy whose gains are compared.
        table: one row per value, with the columns ``EFFECT_COLUMNS``.
        lead: how far the best value is ahead.
        interval: what the intervals are over: ``baselines``, or ``images`` if all matched trials have one baseline.
        matching: the matched trials.
    """

    axis: str
    figure: str
    table: pd.DataFrame
    lead: Lead
    interval: str
    matching: Matching

    @property
    def sentence(self) -> str:
        """Return in words which value is the best, or that the best two cannot be told apart."""
        best, second, difference = self.lead.best, self.lead.second, self.lead.difference
        where = "" if self.interval == OVER_BASELINES else " on these networks"
        bounds = f"{difference.mean:.2f} p.p. ({difference.low:.2f} to {difference.high:.2f})"
        if self.lead.is_clear:
            return f"{self.axis} {best} is ahead of {second}{where} by {bounds}."
        return f"{self.axis} {best} and {second} cannot be told apart{where}: the difference is {bounds}."


@dataclass(frozen=True)
class MatchedGains:
    """The gains of matched trials.

    Attributes:
        matching: the matched trials.
        figure: the accuracy whose gains are compared.
        over: the networks over which the gains are: ``baseline`` or ``control``.
        trials: one row per trial with its key as the index, and the columns ``gain`` (percentage points), ``baseline``
            (the key of the network with which it shares its origin) and ``flops_share``.
        image_gains: a function that returns the gain of a trial on each image, (images,), in percentage points.
        resamples: the number of bootstrap resamples.
        seed: the seed of the bootstrap.
    """

    matching: Matching
    figure: str
    over: str
    trials: pd.DataFrame
    image_gains: Callable[[str], NDArray[np.float64]]
    resamples: int
    seed: int


def axis_effects(gains: MatchedGains) -> AxisEffects:
    """Compare the values of an axis by the gains of matched trials; ``main_effects`` explains how."""
    matching, members = gains.matching, gains.matching.members
    by_baseline, flops_share = _means_by_baseline(members, gains.trials)
    interval = OVER_BASELINES if len(by_baseline) > 1 else OVER_IMAGES
    samples = by_baseline if interval == OVER_BASELINES else _image_gains_by_value(gains)

    values = [str(value) for value in samples.mean().sort_values(ascending=False, kind="stable").index]
    best, second, *_ = values
    differences = pd.DataFrame({value: samples[best] - samples[value] for value in values})
    means = _estimate_columns(samples[values], interval, gains)
    behind = _estimate_columns(differences, interval, gains)
    rows = [
        {"axis": matching.axis, "value": value, "figure": gains.figure, "over": gains.over}
        | {"mean": means[value].mean, "low": means[value].low, "high": means[value].high, "interval": interval}
        | _behind_columns(behind[value] if value != best else None)
        | _count_columns(members[members["value"] == value])
        | {"baselines": len(by_baseline), "flops_share": flops_share[value]}
        for value in _in_order(values)
    ]
    table = pd.DataFrame(rows)[[*EFFECT_COLUMNS]]
    return AxisEffects(matching.axis, gains.figure, table, Lead(best, second, behind[second]), interval, matching)


def _estimate_columns(samples: pd.DataFrame, interval: str, gains: MatchedGains) -> dict[str, IntervalEstimate]:
    """Return the mean of each column with its interval, by the name of the column.

    Args:
        samples: percentage points, one row per baseline or per image.
        interval: ``baselines`` or ``images``.
        gains: what the samples come from.
    """
    values = samples.to_numpy(dtype=np.float64)
    if interval == OVER_BASELINES:
        over_baselines = [estimate(column.tolist()) for column in values.T]
        bounds = np.array([(each.low, each.high) for each in over_baselines]).T
    else:
        drawn = resampled_means(values, resamples=gains.resamples, seed=gains.seed)
        bounds = np.quantile(drawn, [0.025, 0.975], axis=0)
    numbers = np.vstack([values.mean(axis=0), bounds]).round(_DECIMALS).T.tolist()
    return {str(name): IntervalEstimate(*each) for name, each in zip(samples, numbers, strict=True)}


def _means_by_baseline(members: pd.DataFrame, trials: pd.DataFrame) -> tuple[pd.DataFrame, "pd.Series[float]"]:
    """Return the mean gain of each value per baseline, and each value's mean share of FLOPs over the baselines.

    Trials of one value in one match are averaged first, then the matches of one baseline, each with equal weight. If
    the trials of a match have several baselines, because the axis concerns the baseline, these count as one.

    Args:
        members: the matched trials, as in ``Matching``.
        trials: as in ``MatchedGains``.

    Returns:
        ``(gains, shares)``: gains in percentage points, one row per baseline and one column per value; shares by value.
    """
    joined = members.join(trials, on="trial_key")
    of_match = joined.groupby("match")["baseline"].agg(lambda keys: " ".join(sorted(set(keys))))
    by_match = joined.groupby(["match", "value"])[["gain", "flops_share"]].mean().unstack("value")
    by_baseline = by_match.groupby(of_match).mean()
    return pd.DataFrame(by_baseline["gain"]), pd.DataFrame(by_baseline["flops_share"]).mean()


def _image_gains_by_value(gains: MatchedGains) -> pd.DataFrame:
    """Return the mean gain of each value on each image, with equal weights for all matches.

    Returns:
        Percentage points, one row per image and one column per value.
    """
    members = gains.matching.members
    in_cell = members.groupby(["match", "value"])["trial_key"].transform("size")
    weighted = members.assign(weight=1 / in_cell / members["match"].nunique())
    weights = weighted.groupby(["value", "trial_key"], as_index=False)["weight"].sum()
    sums = {
        value: sum(row.weight * gains.image_gains(row.trial_key) for row in of_value.itertuples())
        for value, of_value in weights.groupby("value")
    }
    return pd.DataFrame(sums).round(_DECIMALS)


def _behind_columns(behind: IntervalEstimate | None) -> dict[str, object]:
    if behind is None:
        return dict.fromkeys(("behind", "behind_low", "behind_high"), np.nan)
    return {"behind": behind.mean, "behind_low": behind.low, "behind_high": behind.high}


def _count_columns(members: pd.DataFrame) -> dict[str, object]:
    keys = sorted(members["trial_key"].unique())
    return {"trials": len(keys), "matches": members["match"].nunique(), "trial_keys": keys}


def _in_order(values: Sequence[str]) -> list[str]:
    """Return the values in ascending order if all are numbers, else unchanged."""
    ordered = sorted(values, key=number_or_text)
    return ordered if not any(number_or_text(value)[0] for value in ordered) else list(values)
