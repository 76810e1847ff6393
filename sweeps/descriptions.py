"""A network in words: the one spelling that plans, runs, tables and errors share."""

from collections.abc import Mapping
from typing import Any

from prunesweep.sweeps.catalogue import NONE, PLAIN
from prunesweep.sweeps.words import counted


def describe_setting(words: Mapping[str, Any]) -> str:
    """Return a setting on one line, such as ``resnet20 filters l1 0.1 ×1 fine_tune``.

    Args:
        words: ``architecture``, ``recipe``, ``structure``, ``criterion``, ``adjustment``, ``iterations`` and
            ``ratio``; where a number of blocks takes the place of the ratio, ``blocks`` too.
    """
    network = words["architecture"] if words["recipe"] == PLAIN else f"{words['architecture']} {words['recipe']}"
    if words["iterations"] == 0:
        return f"{network} baseline"
    return f"{network} {_what(words)} ×{words['iterations']} {words['adjustment']}"


def removal_notes(removed: Mapping[str, Any]) -> list[str]:
    """Return what is worth a word about what pruning left: fewer removed than asked, a layer with a single filter.

    Args:
        removed: ``filters_asked``, ``filters_removed``, ``blocks_asked``, ``blocks_removed`` and, where it is known,
            ``single_filter_layers``, all since the baseline.
    """
    notes = [
        f"{counted(int(removed[f'{noun}s_removed']), noun)} of {int(removed[f'{noun}s_asked'])}"
        for noun in ("block", "filter")
        if removed[f"{noun}s_removed"] < removed[f"{noun}s_asked"]
    ]
    single = removed.get("single_filter_layers")
    if single is not None and single > 0:  # a table's null is not
        notes.append(f"{counted(int(single), 'convolution')} left with 1 filter")
    return notes


def _what(words: Mapping[str, Any]) -> str:
    if words["structure"] == NONE:
        return "control"
    return f"{words['structure']} {words['criterion']} {_how_much(words)}"


def _how_much(words: Mapping[str, Any]) -> str:
    """Return the ratio, or the number of blocks that takes its place where layers alone are removed."""
    blocks = words.get("blocks")
    if words["ratio"] == 0 and blocks is not None and blocks > 0:  # a table's null is not
        return counted(int(blocks), "block")
    return f"{words['ratio']:g}"
