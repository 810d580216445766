"""Data sets of pictures for tests: Parquet as other programs write it, pictures by number, label names."""

from __future__ import annotations

import functools
import io
import json
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

CARD = b"---\nlicense: cc-by-4.0\n---\n# Shapes\n"
KINDS = ("circle", "square", "star", "leaf")
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@functools.cache
def picture(number: int, side: int = 36, grain: int = 40) -> bytes:
    """A PNG, another for every number; `grain` makes it large."""
    random = np.random.default_rng(number)
    pixels = np.full((side, side, 3), random.integers(0, 200, 3), np.uint8)
    top, left = random.integers(2, side - 12, 2)
    pixels[top : top + 10, left : left + 10] = random.integers(0, 200, 3)
    pixels += random.integers(0, grain, pixels.shape, np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def written(table: pa.Table, group: int = 50, **how: Any) -> bytes:
    """The file that pyarrow writes of it."""
    out = io.BytesIO()
    parquet.write_table(table, out, row_group_size=group, **how)
    return out.getvalue()


def table(pictures: list[Any], labels: list[Any], names: tuple[str, ...] = (), **more: Any) -> pa.Table:
    """Columns image {bytes, path} and label, with the note about the names that the `datasets` library writes."""
    rows = [each if each is None or isinstance(each, dict) else {"bytes": each, "path": "x.png"} for each in pictures]
    columns = {"image": pa.array(rows, STRUCT), "label": pa.array(labels)}
    made = pa.table({**columns, **{name: pa.array(values) for name, values in more.items()}})
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    return made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})} if names else {})


def shapes(first: int, count: int, names: tuple[str, ...] = KINDS, group: int = 50, **how: Any) -> bytes:
    """So many pictures from a number on, sorted by kind, as a Parquet file."""
    labels = [place * len(names) // count for place in range(count)]
    return written(table([picture(first + n) for n in range(count)], labels, names), group, **how)
