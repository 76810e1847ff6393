"""Notes on sweeps that are valid, but may not be what their author meant."""

from prunesweep.sweeps.language import Sweep

MAX_SEED_COUNT = 100  # a larger number is hardly meant as a count of seeds


def sweep_notes(sweep: Sweep) -> list[str]:
    """Return a note for each setting of a sweep that is often misread.

    So far there is one: ``seeds: 3`` is the single seed 3, and not three seeds.
    """
    first, *others = sweep.seeds
    if others or not 2 <= first <= MAX_SEED_COUNT:
        return []
    several = "[0, 1]" if first == 2 else "[0, 1, 2]" if first == 3 else f"[0, 1, …, {first - 1}]"
    return [f"seeds: a single seed, {first}; for {first} seeds give seeds: {several}"]
