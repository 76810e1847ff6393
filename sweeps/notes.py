"""What is worth a word about a sweep that is right, but may not be what was meant."""

from prunesweep.sweeps.language import Sweep

MOST_SEEDS = 100  # that anybody would have asked for


def sweep_notes(sweep: Sweep) -> list[str]:
    """Return a line for each setting that is often taken for another: one seed, given by its number, for so many."""
    first, *others = sweep.seeds
    if others or not 2 <= first <= MOST_SEEDS:
        return []
    several = "[0, 1]" if first == 2 else "[0, 1, 2]" if first == 3 else f"[0, 1, …, {first - 1}]"
    return [f"seeds: one, number {first}; for {first} of them give seeds: {several}"]
