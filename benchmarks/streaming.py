"""Peak memory of reading image-Parquet shards of a data set, compared with one that is ten times larger."""

import io
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from benchmarks.memory import MIB, own_peak_memory
from benchmarks.timing import Row, print_rows
from prunesweep.sweeps.datasets import Imagenet
from prunesweep.sweeps.language import Training
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.random_streams import stream

IMAGES = 300
# Different images, which the shards repeat with different bytes appended: Parquet would store equal bytes only once.
DISTINCT_IMAGES = 50
ROWS_PER_GROUP = 100  # as written by Hugging Face
BATCH = 50


def run() -> list[Row]:
    """Return a row on the peak memory of an epoch of training and an evaluation, with default settings."""
    jpegs = [_noise_jpeg(number) for number in range(DISTINCT_IMAGES)]
    with tempfile.TemporaryDirectory() as folder:
        small, large = (
            peak_memory(_write_shards(Path(folder, str(count)), jpegs, count)) for count in (IMAGES, 10 * IMAGES)
        )
    details = f"{small / MIB:.0f} MiB, {large / MIB:.0f} MiB"
    return [Row(f"streaming: {IMAGES} images, ten times as many", large / small, details, at_most=1.1)]


def peak_memory(settings: Imagenet) -> int:
    """Return the peak memory, in bytes, of a process that reads the training images by ``read``."""
    code = "import sys; from benchmarks.streaming import read; read(sys.argv[1])"
    command = [sys.executable, "-c", code, json.dumps(settings.model_dump())]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read(settings: str) -> None:
    """Read the training images as in an epoch of training and an evaluation, and print the process's peak memory."""
    torch.set_num_threads(1)
    split = load_dataset(Imagenet.model_validate(json.loads(settings))).train
    for indices in split.order(stream("epoch")).split(BATCH):
        split.training_batch(indices, Training(flip=True), stream("batch"))
    for start in range(0, len(split), BATCH):
        split.read(slice(start, start + BATCH))
    print(own_peak_memory())


def _noise_jpeg(number: int) -> bytes:
    """Return a JPEG image of 256 × 256 pixels of noise."""
    noise = np.random.default_rng(number).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


def _write_shards(folder: Path, jpegs: list[bytes], count: int) -> Imagenet:
    """Write ``count`` images in shards of 1,000 and return the settings of a data set that reads them."""
    folder.mkdir()
    for start in range(0, count, 1000):
        rows = range(start, min(start + 1000, count))
        images = [{"bytes": jpegs[row % len(jpegs)] + row.to_bytes(4), "path": f"{row}.jpg"} for row in rows]
        table = pa.table({"image": images, "label": [row % 2 for row in rows]})
        pq.write_table(table, folder / f"train-{start:06}.parquet", row_group_size=ROWS_PER_GROUP)
    paths = (f"{folder}/*.parquet",)
    return Imagenet(name="imagenet", train=paths, test=paths, allow_overlap=True)  # only the training images are read


if __name__ == "__main__":
    print_rows(run())
