"""Streaming of images from Parquet shards, one row group at a time."""

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
from prunesweep.sweeps.images.samples import sample_evenly
from prunesweep.workers.data.image_parquet import find_columns, image_contents, read_labels
from prunesweep.workers.data.limits import sample_images
from prunesweep.workers.data.streaming import EncodedImage, FileEnds

MIB = 2**20
BYTES_CHECKED = 256 * MIB  # about so much of a split's row groups is read before a sweep starts


@dataclass(frozen=True)
class RowGroup:
    """A row group of a Parquet file: consecutive rows that are read together.

    Attributes:
        file: the path of the file.
        column: the path of the column with the encoded images.
        number: the index of the row group in its file.
        first_row_overall: the index of the row group's first row among the rows of all files of the split.
        first_row: the index of the row group's first row in its file.
        first_index: the index of the row group's first image in the data set, which has only the images that a limit
            keeps.
        images: how many rows of the row group are in the data set.
        bytes: the size of the rows without Parquet's compression, as the file's footer states it.
    """

    file: str
    column: str
    number: int
    first_row_overall: int
    first_row: int
    first_index: int
    images: int
    bytes: int

    def read(self) -> pa.ChunkedArray:
        """Read the encoded images of all rows of the row group.

        Raises:
            DataError: the file is damaged.
            OSError: the storage failed, which may be temporary.
        """
        try:
            with pq.ParquetFile(self.file, buffer_size=MIB) as file:  # without a buffer, whole columns are read
                column = file.read_row_group(self.number, columns=[self.column], use_threads=False).column(0)
                return image_contents(column)
        except OSError as error:
            if error.errno is not None:  # a fault of the storage
                raise
            raise DataError(f"{self.file}: is damaged: {' '.join(str(error).split())}") from None
        except pa.ArrowException as error:
            raise DataError(f"{self.file}: is damaged: {' '.join(str(error).split())}") from None


class Shards:
    """A source of a streamed split: the images of Parquet files, in the order of the files and their rows.

    Attributes:
        labels: int64 (N,), the labels of the images that the limit keeps.
        subset: which images of the files the limit keeps; None if it keeps all.
    """

    def __init__(
        self, files: Sequence[str], limit: int | None, window: int, labels: NDArray[np.int64] | None = None
    ) -> None:
        """Read the files' footers and choose the images that the limit keeps.

        ``DataError`` is raised if a file is damaged, is not a Parquet file, or has no column of images or of labels.

        Args:
            files: the paths of the files.
            limit: how many images to keep; None for all.
            window: the size of a window in MiB. The row groups of a window are kept in memory, and their rows are
                shuffled together. A window has at least two row groups, whatever their size.
            labels: int64 (M,), the labels of all rows; read from the files by default.
        """
        if labels is None:
            labels = np.concatenate([read_labels(file).numbers for file in files])
        self.subset = sample_images(labels, limit)
        self._rows = np.arange(len(labels)) if self.subset is None else self.subset.indices
        self.labels = labels[self._rows]
        self._groups = [group for group in _read_row_groups(files, self._rows) if group.images]
        self._first_indices = np.asarray([group.first_index for group in self._groups])
        self._window = window * MIB
        self._cache = _RowGroupCache(self._window)

    def encoded(self, indices: Sequence[int]) -> list[EncodedImage]:
        """Return a name and the encoded content of each image, in the order of ``indices``.

        The name gives the file and the row. ``DataError`` is raised if a file is damaged or a row has no image.
        """
        requested = np.asarray(indices, dtype=np.int64)
        group_of = np.searchsorted(self._first_indices, requested, side="right") - 1
        result: list[EncodedImage] = [("", b"")] * len(indices)
        # In the order of the first request, because a batch of training may end one window and begin the next.
        for number in dict.fromkeys(group_of.tolist()):
            group = self._groups[number]
            contents = self._cache.get(group)
            for position in np.flatnonzero(group_of == number).tolist():
                row = int(self._rows[indices[position]]) - group.first_row_overall
                result[position] = _encoded_image(group, contents, row)
        return result

    def file_ends(self) -> Iterator[FileEnds]:
        """Yield the index and, twice, the whole content of the images in a sample of row groups.

        The sample has about ``BYTES_CHECKED`` bytes, or is the whole split if that is smaller. Its row groups are
        spread evenly over the split.
        """
        total = sum(group.bytes for group in self._groups)
        count = max(1, len(self._groups) * BYTES_CHECKED // max(total, BYTES_CHECKED))
        for group in sample_evenly(self._groups, count):
            indices = range(group.first_index, group.first_index + group.images)
            for index, (_, content) in zip(indices, self.encoded(indices), strict=True):
                yield index, content, content

    def order(self, generator: torch.Generator) -> Tensor:
        """Return every index once, int64 (N,): row groups in random order, and rows shuffled within each window.

        If one window holds all row groups, the result is a random permutation, the same as for images in memory.
        """
        if len(list(_windows(self._groups, self._window))) <= 1:
            return torch.randperm(len(self.labels), generator=generator)
        groups = [self._groups[number] for number in torch.randperm(len(self._groups), generator=generator).tolist()]
        parts = []
        for window in _windows(groups, self._window):
            indices = torch.cat([torch.arange(group.first_index, group.first_index + group.images) for group in window])
            parts.append(indices[torch.randperm(len(indices), generator=generator)])
        return torch.cat(parts)


class _RowGroupCache:
    """A thread-safe cache of the encoded images of the row groups that were used last.

    It holds at most ``capacity`` bytes of images, but always those of the last two row groups.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._contents: OrderedDict[RowGroup, pa.ChunkedArray] = OrderedDict()
        self._lock = threading.Lock()  # a trial that is being stopped may still read while the next one begins

    def get(self, group: RowGroup) -> pa.ChunkedArray:
        """Return the encoded images of a row group, reading it if needed."""
        with self._lock:
            if group not in self._contents:
                self._contents[group] = group.read()
                while len(self._contents) > 2 and sum(held.nbytes for held in self._contents.values()) > self._capacity:
                    self._contents.popitem(last=False)
            self._contents.move_to_end(group)
            return self._contents[group]


def _read_row_groups(files: Sequence[str], rows: NDArray[np.int64]) -> Iterator[RowGroup]:
    """Yield the row groups of all files, as their footers describe them.

    Args:
        files: the paths of the files.
        rows: int64 (N,), ascending, the rows that are in the data set, counted over all files.
    """
    file_start = 0
    for file in files:
        column, footer, row = find_columns(file)[0], pq.read_metadata(file), 0
        for number in range(footer.num_row_groups):
            metadata = footer.row_group(number)
            start = file_start + row
            first_index, end = np.searchsorted(rows, (start, start + metadata.num_rows)).tolist()
            size = metadata.total_byte_size
            yield RowGroup(file, column, number, start, row, first_index, end - first_index, size)
            row += metadata.num_rows
        file_start += row


def _windows(groups: Sequence[RowGroup], size: int) -> Iterator[list[RowGroup]]:
    """Yield windows: consecutive row groups of at most ``size`` bytes in total, but at least two row groups each.

    Only the last window may have a single row group.
    """
    window: list[RowGroup] = []
    for group in groups:
        if len(window) > 1 and group.bytes + sum(member.bytes for member in window) > size:
            yield window
            window = []
        window.append(group)
    if window:
        yield window


def _encoded_image(group: RowGroup, contents: pa.ChunkedArray, row: int) -> EncodedImage:
    """Return an image of a row group, as its name for messages and its encoded content.

    Args:
        group: the row group.
        contents: the encoded images of all rows of the row group.
        row: the image's row, counted from the first row of the row group.

    Raises:
        DataError: the row has no image.
    """
    content = contents[row]
    if not content.is_valid:
        raise DataError(f"{group.file}: row {group.first_row + row} holds no image bytes")
    return f"{group.file}, row {group.first_row + row}", content.as_py()
