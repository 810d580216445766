"""Parquet read in pieces: the values that were written, no more bytes than needed, damage and bombs refused."""

from __future__ import annotations

import concurrent.futures
import io
import itertools
import sys
from typing import Any

import numpy as np
import picture_tables as made
import pyarrow as pa
import pytest

from genmodels.device import limited
from genmodels.events import Trouble
from genmodels.hub import parquet
from genmodels.hub.parquet import Damaged, Parquet
from genmodels.hub.remote import Full

COUNT = 260
IMAGE, LABEL = ("image", "bytes"), ("label",)


class Bytes:
    """A file in memory that counts what is read of it, and fails when told to."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        self.data, self.size, self.given = data, size or len(data), 0
        self.fault: Exception | None = None

    def read(self, start: int, end: int) -> bytes:
        assert 0 <= start < end <= self.size
        if self.fault:
            raise self.fault
        self.given += end - start
        return self.data[start:end]


def values(file: Parquet, path: tuple[str, ...]) -> list[Any]:
    """A whole column."""
    return [value for group in file.groups for value in file.values(group, file.columns[path], range(group.rows))]


def some(count: int = COUNT) -> tuple[list[Any], list[Any]]:
    """Rows of a table with holes, in the structure of pictures, and labels."""
    random = np.random.default_rng(0)
    data = [bytes(random.integers(0, 255, int(random.integers(0, 90)), np.uint8)) for _ in range(count)]
    rows = [None if n % 7 == 3 else {"bytes": None if n % 11 == 5 else data[n], "path": "p"} for n in range(count)]
    return rows, [None if n % 5 == 2 else int(n * 3 % 17) - 4 for n in range(count)]


def large(count: int, **how: Any) -> tuple[list[bytes], Bytes]:
    """So many pictures of 3 KB in one row group."""
    pictures = [np.random.default_rng(n).bytes(3000) for n in range(count)]
    return pictures, Bytes(made.written(made.table(pictures, [n % 10 for n in range(count)]), count, **how))


@pytest.mark.parametrize(
    "how", [{}, {"compression": "zstd", "data_page_version": "2.0"}, {"data_page_size": 64, "write_batch_size": 8}]
)
def test_pictures_and_labels_with_holes(how: dict[str, Any]) -> None:
    rows, labels = some()
    file = Parquet(Bytes(made.written(made.table(rows, labels), 50, **how)))
    assert values(file, IMAGE) == [row and row["bytes"] for row in rows]
    assert values(file, LABEL) == labels
    assert (file.rows, len(file.groups)) == (COUNT, 6)


def test_labels_of_every_kind() -> None:
    labels = {
        "word": [f"kind {n % 9}" for n in range(COUNT)],
        "category": pa.array(["a", None, "b", "c"] * (COUNT // 4)).dictionary_encode(),
        "truth": [n % 3 == 0 for n in range(COUNT)],
        "small": pa.array([n % 200 for n in range(COUNT)], pa.uint8()),
        "large": [(-1) ** n * 2**61 + n for n in range(COUNT)],
        "a.dotted.name": list(range(COUNT)),
    }
    file = Parquet(Bytes(made.written(made.table([b"x"] * COUNT, list(range(COUNT)), **labels), 100)))
    for name, column in labels.items():
        expected = column.to_pylist() if isinstance(column, pa.Array) else column
        expected = [word.encode() if isinstance(word, str) else word for word in expected]
        assert values(file, (name,)) == expected


def test_words_that_are_no_text_are_bytes_still() -> None:
    good = made.written(made.table([b"x"] * 4, ["some word"] * 4), compression="none")
    assert (
        values(Parquet(Bytes(good.replace(b"some word", b"some \xff\xfe\xfd."))), LABEL) == [b"some \xff\xfe\xfd."] * 4
    )


def test_columns_are_known_by_their_path() -> None:
    rows = [{"bytes": b"x", "path": "p", "tags": ["a"]}]
    struct = pa.struct([*made.STRUCT, ("tags", pa.list_(pa.string()))])
    image = pa.array(rows, struct)
    when = pa.array([1], pa.timestamp("ms"))
    table = pa.table({"id": ["a"], "image": image, "more": [[1, 2]], "label": [1], "when": when, "share": [0.5]})
    file = Parquet(Bytes(made.written(table)))
    kinds = {".".join(path): column.kind for path, column in file.columns.items() if not column.repeated}
    assert kinds == {
        "id": "text",
        "image.bytes": "bytes",
        "image.path": "text",
        "label": "int",
        "when": "",
        "share": "",
    }
    for path in (("more", "list", "element"), ("image", "tags", "list", "element"), ("when",)):
        with pytest.raises(Damaged):
            values(file, path)


def test_of_one_large_group_only_its_beginning_is_read() -> None:
    pictures, source = large(10_000)
    file = Parquet(source)
    assert source.given == file.overhead == 65_536
    assert list(file.values(file.groups[0], file.columns[IMAGE], range(2000))) == pictures[:2000]
    assert source.given < 0.22 * source.size


def test_whoever_stops_early_downloads_no_more() -> None:
    pictures, source = large(4000)
    file = Parquet(source)
    rows = file.values(file.groups[0], file.columns[IMAGE], range(4000))
    assert list(itertools.islice(rows, 30)) == pictures[:30]
    rows.close()
    assert source.given < 0.4 * source.size


def test_rows_from_all_over_are_those_rows() -> None:
    pictures, source = large(3000)
    file = Parquet(source)
    wanted = [0, 1, 70, 1023, 1024, 1500, 2047, 2600]
    assert list(file.values(file.groups[0], file.columns[IMAGE], wanted)) == [pictures[n] for n in wanted]
    assert list(file.values(file.groups[0], file.columns[LABEL], wanted)) == [n % 10 for n in wanted]
    assert list(file.values(file.groups[0], file.columns[LABEL], [])) == []


FAULTS = (Trouble("The Hub is away."), Full(), concurrent.futures.CancelledError(), OSError("ours"), MemoryError())


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_what_the_file_could_not_give_arrives_as_it_was(fault: Exception) -> None:
    _, source = large(2000)
    file = Parquet(source)
    rows = file.values(file.groups[0], file.columns[IMAGE], range(2000))
    next(rows)
    source.fault = fault
    with pytest.raises(type(fault)) as caught:
        list(rows)
    assert caught.value is fault
    with pytest.raises(type(fault)):
        Parquet(source)


# ---- hostile files


@pytest.mark.parametrize("how", [{}, {"compression": "gzip"}, {"data_page_version": "2.0", "compression": "zstd"}])
def test_whatever_is_damaged_is_refused(how: dict[str, Any]) -> None:
    """Files with some bytes changed: values or Damaged, and no other error."""
    rows, labels = some(120)
    good = made.written(made.table(rows, labels, ("a", "b"), word=["w"] * 120), 60, **how)
    random, refused = np.random.default_rng(1), 0
    for _ in range(300):
        data = bytearray(good)
        for place in random.integers(4, len(data), int(random.integers(1, 8))):
            data[place] = int(random.choice([0, 1, 127, 128, 255, int(random.integers(256))]))
        try:
            file = Parquet(Bytes(bytes(data)))
            for path, column in file.columns.items():
                if column.kind and not column.repeated:
                    values(file, path)
        except Damaged:
            refused += 1
    assert refused > 50


def test_what_is_cut_off_is_refused() -> None:
    good = made.shapes(0, 40)
    for length in (1, 3, 11, 12, len(good) // 2, len(good) - 1):
        with pytest.raises(Damaged):
            Parquet(Bytes(good[:length]))


def test_a_footer_that_claims_to_be_huge_is_not_fetched() -> None:
    good = made.shapes(0, 40)
    source = Bytes(b"PAR1" + good[4:-8] + (900_000_000).to_bytes(4, "little") + b"PAR1", 5_000_000_000)
    source.read = lambda start, end: source.data[-(end - start) :] if end == source.size else pytest.fail("fetched")
    with pytest.raises(Damaged, match="larger than any"):
        Parquet(source)


def test_a_footer_that_lists_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_LIST", 10)
    assert Parquet(Bytes(made.shapes(0, 40, group=4))).rows == 40
    with pytest.raises(Damaged):
        Parquet(Bytes(made.shapes(0, 40, group=2)))


@pytest.mark.parametrize("codec", ["zstd", "gzip"])
def test_a_column_that_unpacks_without_end_is_refused_before_it_is_read(codec: str) -> None:
    source = Bytes(made.written(made.table([bytes(10_000_000)] * 2, [0, 1]), compression=codec, use_dictionary=False))
    file = Parquet(source)
    source.given = 0
    with pytest.raises(Damaged, match="without end"):
        values(file, IMAGE)
    assert source.given == 0


def test_a_page_larger_than_any_picture_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "MOST_READ", 1 << 20)
    _, source = large(2000)  # in pages of 3 MB
    file = Parquet(source)
    with pytest.raises(Damaged, match="larger than any"):
        values(file, IMAGE)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_a_page_that_unpacks_to_more_than_its_column_ends_at_the_limit_on_memory() -> None:
    good = made.written(made.table([bytes(100_000_000)], [0]), compression="zstd", use_dictionary=False)
    chunk = pa.parquet.ParquetFile(io.BytesIO(good)).metadata.row_group(0).column(0)
    told, lie = (varint(2 * size) for size in (chunk.total_uncompressed_size, 1_500_000))
    assert (good.count(told), len(told)) == (1, len(lie))
    file = Parquet(Bytes(good.replace(told, lie)))
    with limited(40_000_000), pytest.raises(Damaged, match=r"alloc|Memory"):
        values(file, IMAGE)


def varint(number: int) -> bytes:
    """A number as thrift writes it."""
    found = b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])
