"""Image-Parquet shards, read a row group at a time."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.workers.data.image_parquet import find_columns, labels_of, read_columns
from prunesweep.workers.data.streaming import Encoded

MIB = 2**20


@dataclass(frozen=True)
class RowGroup:
    """Some consecutive rows of a file, which are read at once.

    ``number``: its place in the file; ``first``: the index of its first image in the data set, ``first_row`` that row
    in the file; ``bytes``: what its images take, encoded, by the file's footer.
    """

    file: str
    column: str
    number: int
    first: int
    first_row: int
    rows: int
    bytes: int

    def read(self) -> pa.ChunkedArray:
        """The encoded images. Raises: DataError where the file is damaged."""
        try:
            with pq.ParquetFile(self.file, buffer_size=MIB) as file:  # and not a whole column at once
                return file.read_row_group(self.number, columns=[f"{self.column}.bytes"], use_threads=False).column(0)
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # a fault of the storage, which may pass
                raise
            raise DataError(f"{self.file}: is damaged: {' '.join(str(error).split())}") from None


class Shards:
    """The images of ``files`` in their order; the first ``limit`` of them.

    Only as many row groups are held as hold ``window`` MiB of encoded images, but always two. ``all_labels`` are also
    those beyond the limit.

    Raises:
        DataError: a file is no Parquet, is damaged, or lacks the two columns.
    """

    def __init__(self, files: Sequence[str], limit: int | None, window: int) -> None:
        self._groups: list[RowGroup] = []
        labels = []
        rows = 0
        for file in files:
            image, label = find_columns(file)
            labels.append(labels_of(file, read_columns(file, [label]).column(0)))
            self._groups += _row_groups(file, image, rows, limit)
            rows += len(labels[-1])
        self.all_labels = np.concatenate(labels)
        self.labels = self.all_labels[:limit]
        self._firsts = np.asarray([group.first for group in self._groups])
        self._window = window * MIB
        self._held = _Held(self._window)

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        wanted = np.asarray(indices, dtype=np.int64)
        group_of = np.searchsorted(self._firsts, wanted, side="right") - 1
        found: list[Encoded] = [("", b"")] * len(indices)
        # In the order in which they are first asked for: a batch of training may end one window and begin the next.
        for number in dict.fromkeys(group_of.tolist()):
            group = self._groups[number]
            images = self._held.get(group)
            for place in np.flatnonzero(group_of == number).tolist():
                found[place] = _encoded(group, images, indices[place] - group.first)
        return found

    def order(self, generator: torch.Generator) -> Tensor:
        """Row groups in a random order, and their rows mixed within each window of them.

        Where one window takes them all, it is a plain permutation, as that of images in memory.
        """
        if len(list(_windows(self._groups, self._window))) <= 1:
            return torch.randperm(len(self.labels), generator=generator)
        groups = [self._groups[place] for place in torch.randperm(len(self._groups), generator=generator).tolist()]
        parts = []
        for window in _windows(groups, self._window):
            rows = torch.cat([torch.arange(group.first, group.first + group.rows) for group in window])
            parts.append(rows[torch.randperm(len(rows), generator=generator)])
        return torch.cat(parts)


class _Held:
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


def _row_groups(file: str, column: str, first: int, limit: int | None) -> Iterator[RowGroup]:
    """The row groups of a file whose first image has the index ``first``, those of the first ``limit`` images."""
    footer = pq.read_metadata(file)
    row = 0
    for number in range(footer.num_row_groups):
        about = footer.row_group(number)
        left = about.num_rows if limit is None else min(about.num_rows, limit - first - row)
        if left > 0:
            yield RowGroup(file, column, number, first + row, row, left, about.total_byte_size)
        row += about.num_rows


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
    content = images[row]["bytes"]
    if not content.is_valid:
        raise DataError(f"{group.file}: row {group.first_row + row} holds no image bytes")
    return f"{group.file}, row {group.first_row + row}", content.as_py()
