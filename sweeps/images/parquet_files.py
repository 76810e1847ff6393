"""Image-Parquet files: which ones a sweep names, and what can be known of them without reading an image."""

import glob
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from prunesweep.sweeps import git_lfs
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.words import listed

if TYPE_CHECKING:
    import pyarrow as pa

LABEL_COLUMNS = ("label", "labels", "fine_label")
IMAGE_COLUMNS = ("image", "img", "picture", "photo")  # of several columns of bytes, the one of images is called so
# How files and folders of a split are called: by Hugging Face's own list of words.
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "val", "dev"),
}
_NO_PARQUET = {
    git_lfs.POINTER: "is a Git LFS pointer and not the file itself; `git lfs pull` fetches it",
    b"<": "is no Parquet file but HTML or XML: what a server sent in its place",
}


def parquet_files(patterns: Sequence[str], what: str) -> list[str]:
    """The files behind paths, globs and folders: each once, in the order in which they are named first.

    A path that exists is taken as it is, whatever brackets it has. Of a folder that holds several splits, as Hugging
    Face's data sets do, the files of the split that ``what`` ends with are taken.

    Args:
        patterns: as a sweep names them; the files of one glob or folder are sorted.
        what: the setting that names them: ``dataset.train`` or ``dataset.test``.

    Raises:
        DataError: a pattern finds none.
    """
    found: dict[object, str] = {}
    for pattern in patterns:
        for path in _behind(pattern, what):
            found.setdefault(file_identity(path), path)
    return list(found.values())


def file_identity(path: str) -> object:
    """What two paths of the same file share: links are followed, and hard links are one file."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return os.path.abspath(path)
    return about.st_dev, about.st_ino


def _behind(pattern: str, what: str) -> list[str]:
    if os.path.isdir(pattern):
        return _of_split(pattern, what)
    if os.path.exists(pattern):
        return [pattern]
    # Folders that exist are taken as they are, too: `[2020] set/*.parquet`.
    for tried in (_literal_folders(pattern), pattern):
        matches = sorted(path for path in glob.glob(tried, recursive=True) if not os.path.isdir(path))
        if matches:
            return matches
    raise DataError(f"{what}: {pattern}: no such file")


def _literal_folders(pattern: str) -> str:
    """The pattern with the longest beginning that is a folder escaped."""
    folder = next((str(parent) for parent in PurePath(pattern).parents if os.path.isdir(parent)), "")
    if folder in ("", "."):
        return pattern
    return glob.escape(folder) + pattern[len(folder) :] if pattern.startswith(folder) else pattern


def _of_split(folder: str, what: str) -> list[str]:
    """The Parquet files of one split below a folder; where their names tell of no splits, all of them."""
    split = what.rpartition(".")[2]
    root = Path(folder)
    splits = {path: _split_of(path.relative_to(root)) for path in _parquet_below(root)}
    if not splits:
        raise DataError(f"{what}: {folder}: Is a directory with no Parquet file in it")
    others = sorted({name for name in splits.values() if name is not None})
    chosen = [path for path, name in splits.items() if name == split] if others else list(splits)
    if not chosen:
        raise DataError(
            f"{what}: {folder}: no Parquet file in this folder is called after the split {split}, but after "
            f"{listed(others)}; name the files themselves"
        )
    folders = sorted({str(path.parent) for path in chosen})
    if len(folders) > 1:
        raise DataError(
            f"{what}: {folder}: Parquet files for {split} lie in {listed(folders)}; name one of these, or the files"
        )
    return [str(path) for path in chosen]


def _parquet_below(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*.parquet")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _split_of(path: Path) -> str | None:
    """The split that a file is called after, or else the nearest folder that is called after one."""
    for name in (path.name, *reversed(path.parent.parts)):
        word = re.match(r"[A-Za-z]*", name)
        for split, words in SPLITS.items():
            if word is not None and word.group().lower() in words:
                return split
    return None


def why_no_parquet(path: str) -> str:
    """Return what a file is that cannot be read as Parquet: ``is empty``, ``is a Git LFS pointer …``."""
    try:
        with open(path, "rb") as file:
            beginning = file.read(64)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not beginning:
        return "is empty: 0 bytes"
    for start, reason in _NO_PARQUET.items():
        if beginning.lstrip().startswith(start):
            return reason
    return "is no Parquet file: it does not begin and end as one, or it is damaged"


def label_column(schema: "pa.Schema") -> str | None:
    """The name of the column of labels, or None."""
    return next((name for name in LABEL_COLUMNS if name in schema.names), None)


def image_column(file: str, schema: "pa.Schema") -> str | None:
    """The path of the first ``{bytes, path}``; where there is none, of the column of bytes. Raises: DataError."""
    import pyarrow as pa

    structs = (field.name for field in schema if pa.types.is_struct(field.type) and _holds_bytes(field.type))
    struct = next(structs, None)
    if struct is not None:
        return f"{struct}.bytes"
    plain = [field.name for field in schema if _is_bytes(field.type)]
    named = [name for name in IMAGE_COLUMNS if name in plain] or plain
    if len(named) > 1:
        raise DataError(f"{file}: has several columns of bytes, {listed(named)}; name that of the images image")
    return next(iter(named), None)


def _holds_bytes(type_: "pa.StructType") -> bool:
    return type_.get_field_index("bytes") >= 0 and _is_bytes(type_.field("bytes").type)


def _is_bytes(type_: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_binary_view(type_)
        or pa.types.is_fixed_size_binary(type_)
    )


def rows_of(files: Sequence[str]) -> int | None:
    """How many rows the files have by their footers; None where one cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return sum(int(pq.read_metadata(file).num_rows) for file in files)
    except (pa.ArrowException, OSError):
        return None


def noted_names(file: str) -> tuple[str, ...]:
    """The class names that Hugging Face notes in a file's metadata for its labels; none where it is no Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        return ()
    try:
        names = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label_column(schema)]["names"]
    except (ValueError, KeyError, TypeError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()
