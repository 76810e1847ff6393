"""Writing a first sweep file for a user's data."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.initialization.data import FORMS, find_data, search_data
from prunesweep.orchestrator.initialization.found_data import FoundData
from prunesweep.orchestrator.initialization.sweep_file import sweep_file_text
from prunesweep.orchestrator.initialization.weights import FoundWeights, find_weights
from prunesweep.orchestrator.planning.plan import Plan, make_plan
from prunesweep.results_store import StoreLike, open_store
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.paths import expand_home
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.words import listed

EXAMPLE_DATA = "digits"
_NO_DATA = (
    f"found no images here, so this is an example with scikit-learn's digits; for yours give --data FOLDER: {FORMS}"
)


@dataclass(frozen=True)
class NewSweep:
    """A sweep file that was written.

    Attributes:
        path: the path of the file.
        data: what was found out about the data set.
        weights: what was found out about the weights; None if the sweep trains its baseline.
        plan: what the sweep would run.
        notes: what a user should know, one line each.
    """

    path: Path
    data: FoundData
    weights: FoundWeights | None
    plan: Plan
    notes: tuple[str, ...]


def init_sweep(
    file: str | os.PathLike[str] | None = None,
    *,
    data: str | None = None,
    weights: str | None = None,
    store: StoreLike = DEFAULT_STORE,
    force: bool = False,
) -> NewSweep:
    """Write a commented sweep file with a small first grid for a data set.

    The reader, the numbers of images and classes, the side of the images, the architecture of weights and their
    normalisation are found out. The file is planned before it is written, so ``plan`` and ``run`` accept it.

    ``UserError`` is raised if the file exists already or its folder does not, if there are several data sets to choose
    from, or none for the weights, and if data or weights cannot be used.

    Args:
        file: the path of the file; by default, the name of the data set with ``.yaml`` in the working folder.
        data: the folder of a data set, or ``digits``, ``cifar10``, ``cifar100`` or ``imagenet``. By default, the one in
            the working folder or below it; if there is none, ``digits``.
        weights: a weights file or ``torchvision:NAME`` that the sweep starts from, instead of training a baseline.
        store: the store that the plan is compared with: a folder, an fsspec URL or an open store.
        force: whether to replace a file that exists.

    Example:
        >>> from prunesweep import init_sweep
        >>> new = init_sweep(data="digits", store="store")
        >>> str(new.path), len(new.plan.tree)
        ('digits.yaml', 11)
    """
    if file is not None:
        _check_can_write(Path(expand_home(file)), force)
    found, notes = _choose_data(data, weights)
    found_weights = None if weights is None else find_weights(weights, found)
    path = Path(f"{_default_name(found, found_weights)}.yaml") if file is None else Path(expand_home(file))
    _check_can_write(path, force)
    text = sweep_file_text(_as_name(path.stem), found, found_weights, has_gpu=shutil.which("nvidia-smi") is not None)
    plan = make_plan(parse_sweep(text, source=path.name), open_store(store))
    path.write_text(text, encoding="utf-8")
    return NewSweep(path, found, found_weights, plan, (*notes, *found.notes, *_weights_notes(found_weights)))


def _choose_data(data: str | None, weights: str | None) -> tuple[FoundData, list[str]]:
    """Return the data set of the sweep, and lines that say how it was found if the user did not name it.

    Raises:
        UserError: there are several data sets below the working folder, or there is none for the weights.
    """
    if data is not None:
        return find_data(data), []
    found, problems = search_data()
    if len(found) > 1:
        places = listed((each.place for each in found), "or")
        raise UserError(f"found several data sets here; choose one with --data: {places}")
    if found:
        return found[0], problems
    if weights is not None:
        raise UserError(f"{weights}: found no images here for these weights; give --data FOLDER: {FORMS}")
    return find_data(EXAMPLE_DATA), [*problems, _NO_DATA]


def _weights_notes(weights: FoundWeights | None) -> list[str]:
    """Return a line if weights do not recognise the images whatever their normalisation."""
    if weights is None or not weights.normalisations or weights.normalisations[0].accuracy > 2 / weights.classes:
        return []
    return [
        f"{weights.weights}: classifies only {weights.normalisations[0].accuracy:.1%} of the training images correctly "
        "under every usual normalisation: it may number the classes in another order, or be for other images"
    ]


def _check_can_write(path: Path, force: bool) -> None:
    """Check that a file can be written, and that it does not exist unless it may be replaced.

    Raises:
        UserError: it exists, or it is a folder, or its folder does not exist.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise UserError(
            f"{path}: {'is a folder' if path.is_dir() else f'there is no folder {path.parent}'}; name a file"
        )
    if path.exists() and not force:
        raise UserError(f"{path}: exists already; name another file, or replace it with --force")


def _default_name(data: FoundData, weights: FoundWeights | None) -> str:
    return _as_name(data.name if weights is None else f"{data.name}_{weights.architecture}")


def _as_name(text: str) -> str:
    """Return a text as the name of a sweep: letters, digits, ``-`` and ``_`` only, at most 64."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")[:64]
    return name or "my_sweep"
