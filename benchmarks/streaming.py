"""Peak memory of reading a data set of image-Parquet shards, against one ten times larger."""

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

from benchmarks.memory import MIB, own_peak
from benchmarks.timing import Row, show
from prunesweep.sweeps.datasets import Imagenet
from prunesweep.sweeps.language import Training
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.random_streams import stream

IMAGES = 300
PICTURES = 50  # which the shards repeat, each time with other bytes after their end: else Parquet would store them once
ROWS = 100  # of a row group, as Hugging Face writes them
BATCH = 50


def run() -> list[Row]:
    """Both are read as by default, in an epoch of training and in an evaluation."""
    pictures = [_picture(number) for number in range(PICTURES)]
    with tempfile.TemporaryDirectory() as folder:
        small, large = (
            peak_memory(_shards(Path(folder, str(count)), pictures, count)) for count in (IMAGES, 10 * IMAGES)
        )
    details = f"{small / MIB:.0f} MiB, {large / MIB:.0f} MiB"
    return [Row(f"streaming: {IMAGES} images, ten times as many", large / small, details, at_most=1.1)]


def peak_memory(settings: Imagenet) -> int:
    """Peak memory in bytes of a process that reads the training images; see ``read``."""
    code = "import sys; from benchmarks.streaming import read; read(sys.argv[1])"
    command = [sys.executable, "-c", code, json.dumps(settings.model_dump())]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def read(settings: str) -> None:
    """Reads the training images as an epoch of training and as an evaluation do; prints the process's peak memory."""
    torch.set_num_threads(1)
    split = load_dataset(Imagenet.model_validate(json.loads(settings))).train
    for chosen in split.order(stream("epoch")).split(BATCH):
        split.training_batch(chosen, Training(flip=True), stream("batch"))
    for start in range(0, len(split), BATCH):
        split.read(slice(start, start + BATCH))
    print(own_peak())


def _picture(number: int) -> bytes:
    """A JPEG of 256 × 256 pixels of noise."""
    noise = np.random.default_rng(number).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    return buffer.getvalue()


def _shards(folder: Path, pictures: list[bytes], count: int) -> Imagenet:
    """Shards of 1,000 images."""
    folder.mkdir()
    for start in range(0, count, 1000):
        rows = range(start, min(start + 1000, count))
        images = [{"bytes": pictures[row % len(pictures)] + row.to_bytes(4), "path": f"{row}.jpg"} for row in rows]
        table = pa.table({"image": images, "label": [row % 2 for row in rows]})
        pq.write_table(table, folder / f"train-{start:06}.parquet", row_group_size=ROWS)
    paths = (f"{folder}/*.parquet",)
    return Imagenet(name="imagenet", train=paths, test=paths, allow_overlap=True)  # only one of both is read


if __name__ == "__main__":
    show(run())
