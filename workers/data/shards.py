"""Image-Parquet shards, read a row group at a time."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.samples import spread
from prunesweep.workers.data.image_parquet import contents_of, find_columns, read_labels
from prunesweep.workers.data.limits import choose
from prunesweep.workers.data.streaming import Encoded, FileEnds

MIB = 2**20
GLIMPSED = 256 * MIB  # of row groups that are read before a sweep starts


@dataclass(frozen=True)
class RowGroup:
    """Some consecutive rows of a file, which are read at once.

    ``column``: of the image contents; ``number``: its place in the file; ``first_place``: which row of all files its
    first one is, ``first_row`` which one of its file; ``first``: the index of its first image in the data set;
    ``images``: how many of its rows are in the data set; ``bytes``: what its rows take, encoded, by the footer.
    """

    file: str
    column: str
    number: int
    first_place: int
    first_row: int
    first: int
    images: int
    bytes: int

    def read(self) -> pa.ChunkedArray:
        """The encoded images. Raises: DataError where the file is damaged."""
        try:
            with pq.ParquetFile(self.file, buffer_size=MIB) as file:  # and not a whole column at once
                return contents_of(file.read_row_group(self.number, columns=[self.column], use_threads=False).column(0))
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # a fault of the storage, which may pass
                raise
            raise DataError(f"{self.file}: is damaged: {' '.join(str(error).split())}") from None


class Shards:
    """The images of ``files`` in their order; ``limit`` of them, as ``choose`` takes them.

    Only as many row groups are held as hold ``window`` MiB of encoded images, but always two. ``labels``: of all rows;
    left out, those in the files.

    Raises:
        DataError: a file is no Parquet, is damaged, or lacks the two columns.
    """

    def __init__(
        self, files: Sequence[str], limit: int | None, window: int, labels: NDArray[np.int64] | None = None
    ) -> None:
        if labels is None:
            labels = np.concatenate([read_labels(file).numbers for file in files])
        self.chosen = choose(labels, limit)
        places = np.arange(len(labels)) if self.chosen is None else self.chosen.places
        self.labels = labels[places]
        self._places = places
        self._groups = [group for group in _row_groups(files, places) if group.images]
        self._firsts = np.asarray([group.first for group in self._groups])
        self._window = window * MIB
        self._held = _RowGroupCache(self._window)

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        wanted = np.asarray(indices, dtype=np.int64)
        group_of = np.searchsorted(self._firsts, wanted, side="right") - 1
        found: list[Encoded] = [("", b"")] * len(indices)
        # In the order in which they are first asked for: a batch of training may end one window and begin the next.
        for number in dict.fromkeys(group_of.tolist()):
            group = self._groups[number]
            images = self._held.get(group)
            for place in np.flatnonzero(group_of == number).tolist():
                found[place] = _encoded(group, images, int(self._places[indices[place]]) - group.first_place)
        return found

    def file_ends(self) -> Iterator[FileEnds]:
        total = sum(group.bytes for group in self._groups)
        for group in spread(self._groups, max(1, len(self._groups) * GLIMPSED // max(total, GLIMPSED))):
            indices = range(group.first, group.first + group.images)
            for index, (_, content) in zip(indices, self.encoded(indices), strict=True):
                yield index, content, content

    def order(self, generator: torch.Generator) -> Tensor:
        """Row groups in a random order, and their rows mixed within each window of them.

        Where one window takes them all, it is a plain permutation, as that of images in memory.
        """
        if len(list(_windows(self._groups, self._window))) <= 1:
            return torch.randperm(len(self.labels), generator=generator)
        groups = [self._groups[place] for place in torch.randperm(len(self._groups), generator=generator).tolist()]
        parts = []
        for window in _windows(groups, self._window):
            rows = torch.cat([torch.arange(group.first, group.first + group.images) for group in window])
            parts.append(rows[torch.randperm(len(rows), generator=generator)])
        return torch.cat(parts)


class _RowGroupCache:
    """The row groups that were read last: of ``capacity`` bytes at most, but two of them whatever they take."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held: OrderedDict[RowGroup, pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()  # a trial that is being stopped may still read while the next one begins

    def get(self, group: RowGroup) -> pa.ChunkedArray:
        with self._lock:
            if group not in self._held:
                self._held[group] = group.read()
                while len(self._held) > 2 and sum(held.nbytes for held in self._held.values()) > self._capacity:
                    self._held.popitem(last=False)
            self._held.move_to_end(group)
            return self._held[group]


def _row_groups(files: Sequence[str], places: NDArray[np.int64]) -> Iterator[RowGroup]:
    """The row groups of all files, of whose rows the ascending ``places`` are in the data set."""
    start = 0
    for file in files:
        column, footer, row = find_columns(file)[0], pq.read_metadata(file), 0
        for number in range(footer.num_row_groups):
            about = footer.row_group(number)
            first, end = np.searchsorted(places, (start + row, start + row + about.num_rows)).tolist()
            yield RowGroup(file, column, number, start + row, row, first, end - first, about.total_byte_size)
            row += about.num_rows
        start += row


def _windows(groups: Sequence[RowGroup], most: int) -> Iterator[list[RowGroup]]:
    """Runs of row groups of ``most`` bytes, but of two row groups at the least."""
    window: list[RowGroup] = []
    for group in groups:
        if len(window) > 1 and group.bytes + sum(held.bytes for held in window) > most:
            yield window
            window = []
        window.append(group)
    if window:
        yield window


def _encoded(group: RowGroup, images: pa.ChunkedArray, row: int) -> Encoded:
    content = images[row]
    if not content.is_valid:
        raise DataError(f"{group.file}: row {group.first_row + row} holds no image bytes")
    return f"{group.file}, row {group.first_row + row}", content.as_py()
