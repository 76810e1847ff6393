"""The parts of a request for a comparison: what it is over, on which test images, and in which figures."""

from collections.abc import Collection, Sequence

from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.statistics.paired import ScorePair
from prunesweep.results_store.halves import selection_half
from prunesweep.results_store.schema import ACCURACIES
from prunesweep.sweeps.catalogue import ATTACKS
from prunesweep.sweeps.names import unknown_name

GAIN_BY_REFERENCE = {"baseline": "gain", "control": "gain_over_control"}
"""The network that a setting is compared with -> the name of the gain over it in the table ``trials``."""

IMAGE_SETS = {"all": "", "selection": "_selection", "report": "_report"}
"""The test images of a comparison (all or a half) -> the suffix of their columns in the table ``trials``."""


def check_name(name: str, kind: str, allowed: Collection[str]) -> str:
    """Return a name if it is allowed.

    Args:
        name: the name as the user wrote it.
        kind: what the name should stand for, with an article.
        allowed: the allowed names.

    Raises:
        SelectionError: the name is not allowed.
    """
    if name not in allowed:
        raise SelectionError(unknown_name(name, kind, allowed))
    return name


def parse_figures(names: Sequence[str]) -> tuple[str, ...]:
    """Return the accuracies that a user names, in the order of the table ``trials``, or all if no name is given.

    Any name that is not an accuracy raises ``SelectionError``.

    Args:
        names: names of ``ACCURACIES``; a robustness may be named by its attack alone, as in printed tables.
    """
    full = [f"robustness_{name}" if name in ATTACKS else name for name in names]
    chosen = {check_name(name, "a figure", ACCURACIES) for name in full}
    return tuple(name for name in ACCURACIES if not chosen or name in chosen)


def select_images(images: str, pair: ScorePair) -> ScorePair:
    """Return the image scores of two networks on the chosen test images only.

    Args:
        images: one of ``IMAGE_SETS``.
        pair: the image scores of both networks on all test images.
    """
    if images == "all":
        return pair
    half = selection_half(len(pair[0]))
    mask = half if images == "selection" else ~half
    return pair[0][mask], pair[1][mask]
