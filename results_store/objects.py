"""Named byte objects in a folder or a bucket, written atomically: a reader never sees part of an object."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prunesweep.results_store.errors import NotStored, StoreError


class Objects:
    """The byte objects below one URL, each named by its path relative to the URL, with ``/`` between the parts.

    Attributes:
        url: the absolute path of a local folder, or the URL.
    """

    def __init__(self, url: str) -> None:
        """Resolve the URL without writing anything.

        Args:
            url: a local folder or any fsspec URL.

        Raises:
            StoreError: the scheme is unknown, or the URL is empty or ambiguous.
        """
        _check_url(url)
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise StoreError(f"{url}: {error}") from None
        if self.is_local:
            self._root = _normalize_path(str(self._root))
        # Absolute, because the working folders of workers and driver may differ.
        self.url = str(self._root) if self.is_local else _strip_slashes(url)

    def __reduce__(self) -> tuple[type["Objects"], tuple[str]]:
        """Pickle the URL alone."""
        return Objects, (self.url,)

    @property
    def is_local(self) -> bool:
        """Return whether the objects are files of the local file system."""
        return isinstance(self._fs, LocalFileSystem)

    def put(self, name: str, content: bytes) -> None:
        """Write an object, replacing an existing one.

        Args:
            name: the object's path below the URL.
            content: all bytes of the object.

        Raises:
            StoreError: the object cannot be written.
        """
        try:
            if self.is_local:
                with atomic_writer(Path(self._path(name))) as file:
                    file.write(content)
            else:
                self._fs.pipe_file(self._path(name), content)
        except (OSError, ValueError, NotImplementedError) as error:  # the latter two: read-only file systems of fsspec
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"{self._path(name)}: cannot be written: {reason}") from error

    def get(self, name: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            NotStored: there is no such object.
            StoreError: the object cannot be read.
        """
        try:
            content: bytes = self._fs.cat_file(self._path(name))
        except (FileNotFoundError, KeyError):  # KeyError: archives, in some releases of fsspec
            raise NotStored(f"{self._path(name)}: not in the store") from None
        except OSError as error:
            raise StoreError(f"{self._path(name)}: cannot be read: {error.strerror or error}") from error
        return content

    def has(self, name: str) -> bool:
        """Return whether there is an object or a folder of this name."""
        self._fs.invalidate_cache()
        return bool(self._fs.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        """Return the sorted names of all entries of a folder except hidden entries.

        The folder is listed once. A missing folder counts as empty. ``StoreError`` is raised if the folder cannot be
        listed.
        """
        names = (_last_part(str(path)) for path in self._list(folder, detail=False))
        return sorted(name for name in names if not _is_hidden(name))

    def _list(self, folder: str, *, detail: bool) -> list[Any]:
        """Return fsspec's listing of a folder; a missing folder counts as empty.

        Args:
            folder: the folder's path below the URL; empty for the URL itself.
            detail: whether to return fsspec's description of each entry instead of the entry's path.

        Raises:
            StoreError: the folder cannot be listed.
        """
        self._fs.invalidate_cache()
        try:
            entries: list[Any] = self._fs.ls(self._path(folder), detail=detail)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._path(folder)}: cannot be read: {error.strerror or error}") from error
        return entries

    def folders(self, folder: str) -> list[str]:
        """Return the sorted names of the subfolders of a folder except hidden subfolders.

        The folder is listed once. A missing folder counts as empty. ``StoreError`` is raised if the folder cannot be
        listed.
        """
        names = (_last_part(entry["name"]) for entry in self._list(folder, detail=True) if _is_folder(entry))
        return sorted(name for name in names if not _is_hidden(name))

    def delete(self, name: str) -> None:
        """Delete an object if it exists.

        Raises:
            StoreError: the object cannot be deleted.
        """
        try:
            self._fs.rm_file(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self._path(name)}: cannot be deleted: {error.strerror or error}") from error

    def path(self, name: str) -> str:
        """Return the full path of an object: a local path or a URL."""
        return self._path(name) if self.is_local else str(self._fs.unstrip_protocol(self._path(name)))

    def _path(self, name: str) -> str:
        root = str(self._root)
        return f"{root.rstrip('/')}/{name}" if root and name else root or name


def _strip_slashes(url: str) -> str:
    """Return a URL without trailing slashes, but with the slashes after its scheme."""
    scheme, separator, path = url.rpartition("://")
    return f"{scheme}{separator}{path.rstrip('/')}"


def _last_part(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _is_hidden(name: str) -> bool:
    return not name or name.startswith(".")


def _is_folder(entry: dict[str, Any]) -> bool:
    """Return whether an entry of a detailed listing is a folder or a link to one."""
    return entry["type"] == "directory" or (bool(entry.get("islink")) and os.path.isdir(entry["name"]))


def _check_url(url: str) -> None:
    """Refuse a URL that is empty, or that a file system may resolve to another path than the user means.

    Raises:
        StoreError: the URL is refused.
    """
    if not url:
        raise StoreError("the store's name is empty; name a folder or a URL")
    scheme, separator, path = url.partition("://")
    if not separator:
        return
    if scheme in ("file", "local"):
        if not path.startswith(("/", "~")):
            raise StoreError(f"{url}: has too few slashes for a URL; write {scheme}:///{path}, or the path alone")
        if unquote(path) != path:
            raise StoreError(f"{url}: percent-encoding is not decoded; write {unquote(path)}")
    elif "//" in path.strip("/") or {".", ".."} & set(path.split("/")):
        raise StoreError(f"{url}: has an empty part, or a part '.' or '..'; leave it out")


def _normalize_path(path: str) -> str:
    """Return a local path without the parts that are empty, ``.`` or ``..``.

    If the path has a part ``..``, the file system resolves the path, and links in it are followed too.
    """
    return os.path.realpath(path) if ".." in path.split("/") else os.path.normpath(path)


@contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Yield a file to write, and then replace ``path`` by it, completely or not at all, even if the power fails.

    The content goes to a hidden temporary file, which is synced (fsync) and renamed, or deleted if writing fails. An
    error of the file system raises ``OSError``.

    Args:
        path: the path of the file to replace; missing folders are created.

    Yields:
        The temporary file, open for binary writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
