"""Parquet by pages: the values that pyarrow wrote, no more bytes than needed, nothing that a file claims believed."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import numpy as np
import picture_tables as made
import pyarrow as pa
import pytest

from genmodels.hub.parquet import Parquet
from genmodels.hub.parquet_values import Damaged

COUNT = 260
IMAGE, LABEL = ("image", "bytes"), ("label",)


class Bytes:
    """A file in memory that counts what is read of it."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        self.data, self.size, self.given = data, size or len(data), 0

    def read(self, start: int, end: int) -> bytes:
        assert 0 <= start < end <= self.size
        self.given += end - start
        return self.data[start:end]


def values(file: Parquet, path: tuple[str, ...]) -> list[Any]:
    """A whole column."""
    return [value for group in file.groups for value in file.values(group, file.columns[path], 4096)]


def some(count: int = COUNT) -> tuple[list[Any], list[Any]]:
    """Rows of a table with holes: bytes (the picture's place stands in for it), and labels."""
    random = np.random.default_rng(0)
    data = [bytes(random.integers(0, 255, int(random.integers(0, 90)), np.uint8)) for _ in range(count)]
    rows = [None if n % 7 == 3 else {"bytes": None if n % 11 == 5 else data[n], "path": "p"} for n in range(count)]
    return rows, [None if n % 5 == 2 else int(n * 3 % 17) - 4 for n in range(count)]


HOW = {
    "snappy": {"group": 50},
    "one group": {"group": COUNT},
    "small pages": {"group": COUNT, "data_page_size": 64, "write_batch_size": 8},
    "second version": {"compression": "zstd", "data_page_version": "2.0", "version": "2.6"},
    "second version, plain": {"compression": "none", "data_page_version": "2.0", "use_dictionary": False},
    "gzip": {"compression": "gzip"},
    "brotli": {"compression": "brotli"},
    "lz4": {"compression": "lz4"},
    "no dictionary": {"compression": "none", "use_dictionary": False},
    "differences": {
        "use_dictionary": False,
        "column_encoding": {"image.bytes": "DELTA_LENGTH_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"},
    },
    "beginnings": {"use_dictionary": False, "column_encoding": {"image.bytes": "DELTA_BYTE_ARRAY"}},
}


@pytest.mark.parametrize("how", HOW)
def test_the_values_are_those_that_were_written(how: str) -> None:
    rows, labels = some()
    file = Parquet(Bytes(made.written(made.table(rows, labels), **{"group": 50, **HOW[how]})))
    assert values(file, IMAGE) == [row and row["bytes"] for row in rows]
    assert values(file, LABEL) == labels
    assert file.rows == COUNT


def test_labels_of_every_kind() -> None:
    labels = {
        "word": [f"kind {n % 9}" for n in range(COUNT)],
        "truth": [n % 3 == 0 for n in range(COUNT)],
        "small": pa.array([n - 100 for n in range(COUNT)], pa.int32()),
        "large": [(-1) ** n * 2**61 + n for n in range(COUNT)],
    }
    for how in ({}, {"use_dictionary": False}, {"data_page_version": "2.0", "version": "2.6"}):
        table = made.table([b"x"] * COUNT, list(range(COUNT)), **labels)
        file = Parquet(Bytes(made.written(table, 100, **how)))
        for name, column in labels.items():
            expected = column.to_pylist() if isinstance(column, pa.Array) else column
            if name == "word":
                expected = [word.encode() for word in expected]
            assert values(file, (name,)) == expected


def test_of_one_large_group_only_its_beginning_is_read() -> None:
    pictures = [np.random.default_rng(n).bytes(3000) for n in range(4000)]
    data = made.written(made.table(pictures, [0] * 4000, caption=["word " * 40] * 4000), 4000)
    source = Bytes(data)
    file = Parquet(source)
    first = list(itertools.islice(file.values(file.groups[0], file.columns[IMAGE], 1 << 18), 500))
    assert first == pictures[:500]
    assert source.given < 0.35 * len(data)


@pytest.mark.parametrize("how", HOW)
def test_rows_from_the_middle_are_those_rows(how: str) -> None:
    rows, labels = some()
    file = Parquet(Bytes(made.written(made.table(rows, labels), **{**HOW[how], "group": COUNT})))
    ranges = [range(0, 3), range(40, 90), range(90, 91), range(200, 10_000)]
    wanted = [n for each in ranges for n in each if n < COUNT]
    (group,) = file.groups
    found = list(file.values(group, file.columns[IMAGE], 4096, ranges))
    assert found == [rows[n] and rows[n]["bytes"] for n in wanted]
    assert list(file.values(group, file.columns[LABEL], 4096, ranges)) == [labels[n] for n in wanted]


def test_pages_between_wanted_rows_are_not_read() -> None:
    pictures = [np.random.default_rng(n).bytes(3000) for n in range(6000)]
    source = Bytes(made.written(made.table(pictures, [0] * 6000), 6000))
    file = Parquet(source)
    source.given = 0
    ranges = [range(1024, 1100), range(5 * 1024, 5 * 1024 + 10)]
    found = list(file.values(file.groups[0], file.columns[IMAGE], 1 << 16, ranges))
    assert found == [pictures[n] for each in ranges for n in each]
    assert source.given < 0.55 * source.size


def test_columns_are_known_by_their_path() -> None:
    rows = [{"bytes": b"x", "path": "p", "tags": ["a"]}]
    struct = pa.struct([*made.STRUCT, ("tags", pa.list_(pa.string()))])
    table = pa.table({"id": ["a"], "image": pa.array(rows, struct), "more": [[1, 2]], "label": [1]})
    columns = Parquet(Bytes(made.written(table))).columns
    assert columns[IMAGE].optional == 2
    assert not columns[IMAGE].word
    assert columns["image", "path"].word
    assert columns["more", "list", "element"].repeated
    assert not columns["label",].repeated


@pytest.mark.parametrize("how", ["snappy", "small pages", "second version", "differences", "beginnings", "gzip"])
def test_whatever_is_damaged_is_refused_and_costs_little(how: str) -> None:
    """A thousand files, each with some bytes changed: values or Damaged, no other error, and no memory to speak of."""
    rows, labels = some(120)
    good = made.written(made.table(rows, labels), **{"group": 60, **HOW[how]})
    random, refused = np.random.default_rng(1), 0
    tracemalloc.start()
    for _ in range(170):
        data = bytearray(good)
        for place in random.integers(4, len(data), int(random.integers(1, 8))):
            data[place] = int(random.choice([0, 1, 127, 128, 255, int(random.integers(256))]))
        try:
            file = Parquet(Bytes(bytes(data)))
            for path in file.columns:
                if not file.columns[path].repeated:
                    values(file, path)
        except Damaged:
            refused += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused > 20
    assert peak < 600_000_000


def test_what_is_cut_off_is_refused() -> None:
    good = made.shapes(0, 40)
    for length in (0, 3, 11, 12, len(good) // 2, len(good) - 1):
        with pytest.raises(Damaged):
            Parquet(Bytes(good[:length]))


def header(*fields: tuple[int, int]) -> bytes:
    """A page's header: thrift numbers by their field."""
    out, before = b"", 0
    for field, value in fields:
        number, value = b"", (value << 1) ^ (value >> 63)
        while value > 127:
            number, value = number + bytes([value & 127 | 128]), value >> 7
        out, before = out + bytes([(field - before) << 4 | 5]) + number + bytes([value]), field
    return out + b"\0"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        (((1, 0), (2, 2_000_000_000), (3, 100)), "size"),  # unpacks to 2 GB
        (((1, 0), (2, 200_000_000), (3, 1000)), "without end"),  # 1 KB that unpacks to 200 MB
        (((1, 0), (2, 100), (3, 2_000_000_000)), "size"),  # larger than the group it is in
        (((1, 0), (2, -5), (3, 100)), "size"),
    ],
)
def test_a_page_that_claims_too_much_is_refused_before_it_is_unpacked(claims: Any, why: str) -> None:
    good = made.shapes(0, 40)
    file = Parquet(Bytes(good))
    start = file.groups[0].chunks[IMAGE].start
    page = header(*claims)
    changed = Parquet(Bytes(good[:start] + page + good[start + len(page) :]))
    tracemalloc.start()
    with pytest.raises(Damaged, match=why):
        values(changed, IMAGE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
