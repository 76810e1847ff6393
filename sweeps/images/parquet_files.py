"""Image-Parquet files: which files a sweep names, and what is known of these files without reading an image."""

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
IMAGE_COLUMNS = ("image", "img", "picture", "photo")  # names that identify the images among several columns of bytes
# Words with which the names of a split's files and folders begin, from Hugging Face's own list.
SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "val", "dev"),
}
_OTHER_CONTENT = {
    git_lfs.POINTER_PREFIX: "is a Git LFS pointer and not the file itself; `git lfs pull` fetches it",
    b"<": "is HTML or XML, which a server sent instead of the Parquet file; download it again",
}


def parquet_files(patterns: Sequence[str], key_path: str) -> list[str]:
    """Return the files that paths, globs and folders stand for, each once, in the order of their first mention.

    A path that exists is used as it is, even if it contains brackets as a glob does. If a folder has files of several
    splits, as Hugging Face's data sets have, only those of the split that ``key_path`` ends with are used. A pattern
    that matches no file raises ``DataError``.

    Args:
        patterns: paths, globs or folders; the files of a glob or folder are sorted.
        key_path: the setting that lists the patterns: ``dataset.train`` or ``dataset.test``.
    """
    files: dict[object, str] = {}
    for pattern in patterns:
        for path in _expand_pattern(pattern, key_path):
            files.setdefault(file_identity(path), path)
    return list(files.values())


def file_identity(path: str) -> object:
    """Return a value that is equal for all paths of the same file, also through symbolic and hard links."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return os.path.abspath(path)
    return status.st_dev, status.st_ino


def _expand_pattern(pattern: str, key_path: str) -> list[str]:
    """Return the files that a path, glob or folder stands for.

    Raises:
        DataError: there is no such file.
    """
    if os.path.isdir(pattern):
        return _split_files(pattern, key_path)
    if os.path.exists(pattern):
        return [pattern]
    # A folder that exists is used as it is in a glob, too: `[2020] set/*.parquet`.
    for candidate in (_escape_existing_folder(pattern), pattern):
        matches = sorted(path for path in glob.glob(candidate, recursive=True) if not os.path.isdir(path))
        if matches:
            return matches
    raise DataError(f"{key_path}: {pattern}: no such file")


def _escape_existing_folder(pattern: str) -> str:
    """Return a glob after escaping its longest beginning that is an existing folder."""
    folder = next((str(parent) for parent in PurePath(pattern).parents if os.path.isdir(parent)), "")
    if folder in ("", "."):
        return pattern
    return glob.escape(folder) + pattern[len(folder) :] if pattern.startswith(folder) else pattern


def _split_files(folder: str, key_path: str) -> list[str]:
    """Return the Parquet files of one split below a folder, or all Parquet files if no name there is that of a split.

    Raises:
        DataError: the folder has no Parquet file, it has none of the split, or the files of the split are in several
            folders.
    """
    split = key_path.rpartition(".")[2]
    root = Path(folder)
    split_by_path = {path: _split_named_by(path.relative_to(root)) for path in _parquet_below(root)}
    if not split_by_path:
        raise DataError(f"{key_path}: {folder}: is a folder without a Parquet file")
    named_splits = sorted({name for name in split_by_path.values() if name is not None})
    chosen = [path for path, name in split_by_path.items() if name == split] if named_splits else list(split_by_path)
    if not chosen:
        raise DataError(
            f"{key_path}: {folder}: no Parquet file in this folder is named after the split {split}, only after "
            f"{listed(named_splits)}; give the paths of the files"
        )
    folders = sorted({str(path.parent) for path in chosen})
    if len(folders) > 1:
        raise DataError(
            f"{key_path}: {folder}: Parquet files for {split} are in {listed(folders)}; give one of these folders, or "
            "the paths of the files"
        )
    return [str(path) for path in chosen]


def _parquet_below(root: Path) -> Iterator[Path]:
    """Yield the Parquet files at any depth below a folder, sorted, without hidden ones."""
    for path in sorted(root.rglob("*.parquet")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts):
            yield path


def _split_named_by(path: Path) -> str | None:
    """Return the split that a file's name begins with, or else the split that the nearest folder's name begins with.

    Return None if no name begins with a split.
    """
    for name in (path.name, *reversed(path.parent.parts)):
        word = re.match(r"[A-Za-z]*", name)
        for split, words in SPLITS.items():
            if word is not None and word.group().lower() in words:
                return split
    return None


def explain_unreadable_parquet(path: str) -> str:
    """Return why a file cannot be read as Parquet: ``is empty: 0 bytes``, ``is a Git LFS pointer …``."""
    try:
        with open(path, "rb") as file:
            beginning = file.read(64)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    if not beginning:
        return "is empty: 0 bytes"
    for prefix, reason in _OTHER_CONTENT.items():
        if beginning.lstrip().startswith(prefix):
            return reason
    return "is not a Parquet file, or is damaged: its beginning or its end is not Parquet's"


def label_column(schema: "pa.Schema") -> str | None:
    """Return the name of the column of labels, or None if there is none."""
    return next((name for name in LABEL_COLUMNS if name in schema.names), None)


def image_column(file: str, schema: "pa.Schema") -> str | None:
    """Return the path of the column of encoded images, or None if there is none.

    The column is the first one of ``{bytes, path}`` structs, whose path is ``NAME.bytes``, or else the column of bytes.

    Args:
        file: the file's name, for messages.
        schema: the file's schema.

    Raises:
        DataError: there are several columns of bytes, and not exactly one has a name from ``IMAGE_COLUMNS``.
    """
    import pyarrow as pa

    structs = (field.name for field in schema if pa.types.is_struct(field.type) and _has_bytes_field(field.type))
    struct = next(structs, None)
    if struct is not None:
        return f"{struct}.bytes"
    columns = [field.name for field in schema if _is_bytes(field.type)]
    candidates = [name for name in IMAGE_COLUMNS if name in columns] or columns
    if len(candidates) > 1:
        raise DataError(
            f"{file}: has several columns of bytes, {listed(candidates)}; rename the column of images to image"
        )
    return next(iter(candidates), None)


def _has_bytes_field(type_: "pa.StructType") -> bool:
    """Return whether a struct has a field ``bytes`` of bytes."""
    return type_.get_field_index("bytes") >= 0 and _is_bytes(type_.field("bytes").type)


def _is_bytes(type_: "pa.DataType") -> bool:
    """Return whether an Arrow type is one of Arrow's types of byte strings."""
    import pyarrow as pa

    return bool(
        pa.types.is_binary(type_)
        or pa.types.is_large_binary(type_)
        or pa.types.is_binary_view(type_)
        or pa.types.is_fixed_size_binary(type_)
    )


def count_rows(files: Sequence[str]) -> int | None:
    """Return the total number of rows of Parquet files, from their footers, or None if a footer cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return sum(int(pq.read_metadata(file).num_rows) for file in files)
    except (pa.ArrowException, OSError):
        return None


def read_class_names(file: str) -> tuple[str, ...]:
    """Return the class names that a file's Hugging Face metadata (``ClassLabel``) gives for its labels.

    Returns:
        The names of the labels 0, 1, …; empty if the file has no such metadata or cannot be read.
    """
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
