"""The texts of statistics in the cells of tables."""

import pandas as pd


def format_mean(mean: float, sd: float) -> str:
    """Return "mean ± standard deviation": only the mean if the deviation is NaN, and nothing if the mean is NaN."""
    return "" if pd.isna(mean) else f"{mean:+.2f}" + ("" if pd.isna(sd) else f" ± {sd:.2f}")


def format_interval(low: float, high: float) -> str:
    """Return the bounds of an interval as text, which is empty if they are NaN."""
    return "" if pd.isna(low) else f"{low:+.2f} … {high:+.2f}"


def format_p_value(p: float) -> str:
    """Return a p-value with four decimals, or an empty text if it is NaN."""
    return "" if pd.isna(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def format_size(gain: float) -> str:
    """Return a gain without sign with two decimals, or an empty text if it is NaN."""
    return "" if pd.isna(gain) else f"{gain:.2f}"
