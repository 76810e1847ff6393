"""Named bytes in a folder or a bucket. A put is one step: a reader sees the old bytes, the new ones, or none."""

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
    """The objects below one URL, named by paths with ``/``."""

    def __init__(self, url: str) -> None:
        """``url``: a local folder or any fsspec URL. Nothing is written. Raises: StoreError for an unknown scheme."""
        _check_spelling(url)
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise StoreError(f"{url}: {error}") from None
        if self.is_local:
            self._root = _one_spelling(str(self._root))
        # Absolute, because workers need not have the driver's working folder.
        self.url = str(self._root) if self.is_local else _without_slashes(url)

    def __reduce__(self) -> tuple[type["Objects"], tuple[str]]:
        return Objects, (self.url,)

    @property
    def is_local(self) -> bool:
        return isinstance(self._fs, LocalFileSystem)

    def put(self, name: str, content: bytes) -> None:
        """Writes an object whole. Raises: StoreError where that cannot be done."""
        try:
            if self.is_local:
                with replacing(Path(self._path(name))) as file:
                    file.write(content)
            else:
                self._fs.pipe_file(self._path(name), content)
        except (OSError, ValueError, NotImplementedError) as error:  # the latter two of fsspec's read-only places
            why = getattr(error, "strerror", None) or error
            raise StoreError(f"{self._path(name)}: cannot be written: {why}") from error

    def get(self, name: str) -> bytes:
        """The object's bytes. Raises: NotStored where there is none, StoreError where it cannot be read."""
        try:
            content: bytes = self._fs.cat_file(self._path(name))
        except (FileNotFoundError, KeyError):  # the latter of fsspec's archives, in some releases
            raise NotStored(f"{self._path(name)}: not in the store") from None
        except OSError as error:
            raise StoreError(f"{self._path(name)}: cannot be read: {error.strerror or error}") from error
        return content

    def has(self, name: str) -> bool:
        """Whether there is such an object."""
        self._fs.invalidate_cache()
        return bool(self._fs.exists(self._path(name)))

    def names(self, folder: str) -> list[str]:
        """The names of the objects right below ``folder``, sorted; one listing. Hidden ones are left out.

        Raises:
            StoreError: it cannot be listed; a folder that is not there is empty.
        """
        names = (_last(str(path)) for path in self._listed(folder, detail=False))
        return sorted(name for name in names if not _is_hidden(name))

    def _listed(self, folder: str, *, detail: bool) -> list[Any]:
        self._fs.invalidate_cache()
        try:
            listed: list[Any] = self._fs.ls(self._path(folder), detail=detail)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._path(folder)}: cannot be read: {error.strerror or error}") from error
        return listed

    def folders(self, folder: str) -> list[str]:
        """The names of the folders right below ``folder``, sorted; one listing. Hidden ones are left out.

        Raises:
            StoreError: it cannot be listed; a folder that is not there is empty.
        """
        names = (_last(entry["name"]) for entry in self._listed(folder, detail=True) if _is_folder(entry))
        return sorted(name for name in names if not _is_hidden(name))

    def delete(self, name: str) -> None:
        """Removes an object; one that is not there is as well. Raises: StoreError where that cannot be done."""
        try:
            self._fs.rm_file(self._path(name))
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"{self._path(name)}: cannot be deleted: {error.strerror or error}") from error

    def path(self, name: str) -> str:
        """Where the object lies: a local path or a URL."""
        return self._path(name) if self.is_local else str(self._fs.unstrip_protocol(self._path(name)))

    def _path(self, name: str) -> str:
        root = str(self._root)
        return f"{root.rstrip('/')}/{name}" if root and name else root or name


def _without_slashes(url: str) -> str:
    """A URL without slashes at its end, but for those of its scheme."""
    scheme, found, path = url.rpartition("://")
    return f"{scheme}{found}{path.rstrip('/')}"


def _last(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _is_hidden(name: str) -> bool:
    return not name or name.startswith(".")


def _is_folder(entry: dict[str, Any]) -> bool:
    """Whether an entry of a listing is a folder, or a link to one."""
    return entry["type"] == "directory" or (bool(entry.get("islink")) and os.path.isdir(entry["name"]))


def _check_spelling(url: str) -> None:
    """Raises: StoreError where a name says nothing, or may be taken for another place than is meant."""
    if not url:
        raise StoreError("the store's name is empty; name a folder or a URL")
    scheme, found, path = url.partition("://")
    if not found:
        return
    if scheme in ("file", "local"):
        if not path.startswith(("/", "~")):
            raise StoreError(f"{url}: has too few slashes for a URL; write {scheme}:///{path}, or the path alone")
        if unquote(path) != path:
            raise StoreError(f"{url}: paths are taken as they are; write {unquote(path)}")
    elif "//" in path.strip("/") or {".", ".."} & set(path.split("/")):
        raise StoreError(f"{url}: has a part that is empty, '.' or '..'; leave it out")


def _one_spelling(path: str) -> str:
    """A local path without empty parts and dots; where it goes up, as the file system sees it."""
    return os.path.realpath(path) if ".." in path.split("/") else os.path.normpath(path)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that then stands at ``path``, whole or not at all, even after a power cut.

    Hidden temporary file, fsync, rename; where writing fails, the temporary file goes. Raises: OSError.
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
