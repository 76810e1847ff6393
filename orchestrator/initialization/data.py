"""Finding a data set: by its name, by the path of its folder, or below the working folder."""

from pathlib import Path

from prunesweep.orchestrator.initialization.class_folders import find_class_folders
from prunesweep.orchestrator.initialization.found_data import FoundData
from prunesweep.orchestrator.initialization.parquet import find_parquet
from prunesweep.sweeps.datasets import Cifar10, Digits
from prunesweep.sweeps.errors import DataError, UserError
from prunesweep.sweeps.images.class_folders import is_hidden
from prunesweep.sweeps.images.counts import cifar_sizes, digits_sizes
from prunesweep.sweeps.names import unknown_name
from prunesweep.sweeps.paths import expand_home
from prunesweep.sweeps.words import listed

NAMED_DATA = ("digits", "cifar10", "cifar100", "imagenet")
"""The data sets that have a name of their own; all others are named by their folder."""

FORMS = (
    "train/ and test/ or val/ with a folder per class in each, train*.parquet and test*.parquet, or cifar-10-batches-py"
)
_CIFAR_FOLDERS = {"cifar-10-batches-py": ("cifar10", 10), "cifar-100-python": ("cifar100", 100)}
_IMAGENET_FOLDERS = ("imagenet", "ImageNet", "ILSVRC2012", "ILSVRC")
_DATA_FOLDER = "data"


def find_data(name_or_path: str) -> FoundData:
    """Return a data set that a user names.

    ``DataError`` is raised if its files are damaged or incomplete.

    Args:
        name_or_path: one of ``NAMED_DATA``, or the path of a folder, which may begin with ``~``.

    Raises:
        UserError: there is neither such a data set nor such a folder, or the folder has no data set.
    """
    path = Path(expand_home(name_or_path))
    if path.is_dir():
        found = _data_sets_near(path)
        if len(found) > 1:
            places = listed(data.place for data in found)
            raise UserError(f"--data {name_or_path}: has several data sets, {places}; name the folder of one")
        if found:
            return found[0]
        if name_or_path not in NAMED_DATA:
            raise UserError(f"--data {name_or_path}: found no images; a data set is {FORMS}")
    if name_or_path in NAMED_DATA:
        return _named_data(name_or_path)
    if path.exists():
        raise UserError(f"--data {name_or_path}: is one file; name the folder with the files of both splits")
    what = "a folder here, nor the name of a data set"
    raise UserError(f"--data {unknown_name(name_or_path, what, NAMED_DATA)}")


def search_data() -> tuple[list[FoundData], list[str]]:
    """Return the data sets in the working folder, in its folder ``data`` and in the folders directly in these two.

    Returns:
        The data sets, and one line about each folder that seems to have a data set that cannot be used.
    """
    folders = [path for parent in (Path(), Path(_DATA_FOLDER)) if parent.is_dir() for path in (parent, *_below(parent))]
    found: dict[str, FoundData] = {}
    problems = []
    for folder in folders:
        try:
            data = _data_set_in(folder)
        except DataError as error:
            problems.append(str(error))
            continue
        if data is not None:
            found.setdefault(data.place, data)
    return list(found.values()), problems


def _named_data(name: str) -> FoundData:
    """Return one of ``NAMED_DATA``."""
    if name == "digits":
        train, test = digits_sizes(Digits(name="digits"))
        assert train is not None and test is not None
        return FoundData(name, {"name": name, "size": 16}, train, test, 10, 16, "scikit-learn")
    return _usual_imagenet() if name == "imagenet" else _usual_cifar(name)


def _usual_imagenet() -> FoundData:
    """Return ImageNet in one of the folders in which it usually is.

    Raises:
        UserError: it is in none of them.
    """
    for folder in (Path(parent, below) for parent in ("", _DATA_FOLDER) for below in _IMAGENET_FOLDERS):
        if folder.is_dir() and (found := _data_sets_near(folder)):
            return found[0]
    raise UserError(
        "--data imagenet: its images are in none of the usual folders here; name the one that has train and val: "
        "--data FOLDER"
    )


def _usual_cifar(name: str) -> FoundData:
    """Return CIFAR-10 or CIFAR-100 in one of the folders in which it usually is, or to be downloaded into one."""
    for folder in (Path(), Path(_DATA_FOLDER)):
        found = _find_cifar(folder)
        if found is not None and found.name == name:
            return found
    classes = next(classes for cifar, classes in _CIFAR_FOLDERS.values() if cifar == name)
    return _cifar(name, classes, Path(_DATA_FOLDER), download=True)


def _data_sets_near(folder: Path) -> list[FoundData]:
    """Return the data set in a folder, or else those in the folders directly in it."""
    here = _data_set_in(folder)
    if here is not None:
        return [here]
    return [found for path in _below(folder) if (found := _data_set_in(path)) is not None]


def _below(folder: Path) -> list[Path]:
    """Return the folders directly in a folder, sorted, without hidden ones."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and not is_hidden(path.name)]


def _data_set_in(folder: Path) -> FoundData | None:
    """Return the data set whose files, or whose splits' folders, are directly in a folder, or None if it has none."""
    if folder.name in _CIFAR_FOLDERS:
        return _find_cifar(folder.parent)
    name = folder.resolve().name
    return _find_cifar(folder) or find_class_folders(folder, name) or _find_parquet_near(folder, name)


def _find_cifar(folder: Path) -> FoundData | None:
    """Return CIFAR-10 or CIFAR-100 if a folder has torchvision's folder of it, else None."""
    for below, (name, classes) in _CIFAR_FOLDERS.items():
        if (folder / below).is_dir():
            return _cifar(name, classes, folder)
    return None


def _cifar(name: str, classes: int, root: Path, *, download: bool = False) -> FoundData:
    """Return CIFAR-10 or CIFAR-100 in a folder, or to be downloaded there."""
    train, test = cifar_sizes(Cifar10(name="cifar10"))
    assert train is not None and test is not None
    settings = {"name": name, "root": str(root), **({"download": True} if download else {})}
    kind = f"torchvision's files, which are downloaded to {root}" if download else f"torchvision's files in {root}"
    return FoundData(name, settings, train, test, classes, 32, kind)


def _find_parquet_near(folder: Path, name: str) -> FoundData | None:
    """Return the data set in Parquet files in a folder or in its folder ``data``, as in Hugging Face's repositories."""
    has_files = any(next(folder.glob(pattern), None) for pattern in ("*.parquet", f"{_DATA_FOLDER}/*.parquet"))
    return find_parquet(folder, name) if has_files else None
