"""Named bytes in a folder or a bucket. A put is one step: a reader sees the old bytes, the new ones, or none."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import fsspec
from fsspec.implementations.local import LocalFileSystem

from prunesweep.results_store.errors import NotStored, StoreError


class Objects:
    """The objects below one URL, named by paths with ``/``."""

    def __init__(self, url: str) -> None:
        """``url``: a local folder or any fsspec URL. Nothing is written. Raises: StoreError for an unknown scheme."""
        if not url:
            raise StoreError("the store's name is empty; name a folder or a URL")
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError, OSError) as error:
            raise StoreError(f"{url}: {error}") from None
        # Absolute, because workers need not have the driver's working folder.
        self.url = str(self._root) if self.is_local else url

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
        self._fs.invalidate_cache()
        try:
            listed = self._fs.ls(self._path(folder), detail=False)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(f"{self._path(folder)}: cannot be read: {error.strerror or error}") from error
        names = (str(path).rstrip("/").rsplit("/", 1)[-1] for path in listed)
        return sorted(name for name in names if name and not name.startswith("."))

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
