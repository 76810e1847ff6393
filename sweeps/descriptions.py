"""Descriptions of networks in words, which are the same in plans, runs, tables and error messages."""

from collections.abc import Mapping
from typing import Any

from prunesweep.sweeps.catalogue import NONE, PLAIN
from prunesweep.sweeps.words import counted


def describe_setting(setting: Mapping[str, Any]) -> str:
    """Return a description of a trial without its seed, such as ``resnet20 filters l1 0.1 ×1 fine_tune``.

    Args:
        setting: the trial's ``architecture``, ``recipe``, ``structure``, ``criterion``, ``adjustment``, ``iterations``
            and ``ratio``, and also ``blocks`` if a number of blocks replaces the ratio.
    """
    network = (
        setting["architecture"] if setting["recipe"] == PLAIN else f"{setting['architecture']} {setting['recipe']}"
    )
    if setting["iterations"] == 0:
        return f"{network} baseline"
    return f"{network} {_describe_removal(setting)} ×{setting['iterations']} {setting['adjustment']}"


def removal_notes(removed: Mapping[str, Any]) -> list[str]:
    """Return notes on what pruning removed: fewer blocks or filters than requested, layers with a single filter left.

    Args:
        removed: ``filters_asked``, ``filters_removed``, ``blocks_asked`` and ``blocks_removed``, summed over all rounds
            since the baseline, and ``single_filter_layers`` if known.
    """
    notes = [
        f"{counted(int(removed[f'{noun}s_removed']), noun)} of {int(removed[f'{noun}s_asked'])}"
        for noun in ("block", "filter")
        if removed[f"{noun}s_removed"] < removed[f"{noun}s_asked"]
    ]
    single = removed.get("single_filter_layers")
    if single is not None and single > 0:  # the null of a table is not above 0
        notes.append(f"{counted(int(single), 'convolution')} left with 1 filter")
    return notes


def _describe_removal(setting: Mapping[str, Any]) -> str:
    """Return what is removed, by which criterion and how much, or ``control`` if nothing is removed."""
    if setting["structure"] == NONE:
        return "control"
    return f"{setting['structure']} {setting['criterion']} {_describe_amount(setting)}"


def _describe_amount(setting: Mapping[str, Any]) -> str:
    """Return the ratio, or the number of blocks that replaces it if only layers are removed."""
    blocks = setting.get("blocks")
    if setting["ratio"] == 0 and blocks is not None and blocks > 0:  # the null of a table is not above 0
        return counted(int(blocks), "block")
    return f"{setting['ratio']:g}"
