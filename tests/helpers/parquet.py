"""Image-Parquet files for tests, as Hugging Face writes them."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(number: int, side: int = 16) -> bytes:
    """A PNG that no other number gives."""
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_images(
    path: Path,
    labels: Any,
    names: Sequence[str] = (),
    *,
    first: int = 0,
    type_: pa.DataType = PICTURE,
    column: str = "label",
) -> str:
    """A file with a picture for each label.

    Args:
        path: its folders are made.
        labels: a list or an Arrow array.
        names: of the classes, noted as ClassLabel.
        first: the number of the first picture.
        type_: of the images' column: a struct with ``bytes``, or bytes.
        column: the labels'.
    """
    contents = [picture(first + row) for row in range(len(labels))]
    pictures = [{"bytes": content, "path": None} for content in contents] if pa.types.is_struct(type_) else contents
    table = pa.table({"image": pa.array(pictures, type_), column: labels})
    if names:
        features = {"image": {"_type": "Image"}, column: {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    # Arrow cannot cut structs of views into row groups.
    views = pa.types.is_struct(type_) and pa.types.is_binary_view(type_.field("bytes").type)
    pq.write_table(table, path, row_group_size=None if views else 4)
    return str(path)


def write_contents(path: Path, contents: Sequence[bytes], labels: Sequence[int]) -> str:
    """A file with these encoded images."""
    pictures = pa.array([{"bytes": content, "path": None} for content in contents], PICTURE)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": pictures, "label": list(labels)}), path, row_group_size=4)
    return str(path)
