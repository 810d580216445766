"""Parquet tables read in pieces by pyarrow: columns, row groups, and of a column no more than the rows asked for take.

Nothing that a file claims is believed: sizes are compared before anything is read, and every complaint is Damaged.
"""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

TAIL, MOST_FOOTER = 1 << 16, 16_000_000  # bytes that pyarrow reads at first from the end; of a footer
MOST_READ = 256_000_000  # bytes of one page
MOST_COLUMNS, MOST_LIST = 10_000, 100_000  # of a table; of anything that its footer lists
BOMB_RATIO, BOMB_FROM = 200, 16_000_000  # a column over 16 MB that unpacks to 200 times its size holds no pictures
LEAST_STEP, PART_STEP, WHOLE_STEP = 1 << 16, 1 << 18, 1 << 20  # bytes asked for at a time, of a part or of a whole
BATCH, MOST_ROWS = 8_000_000, 1_024  # bytes unpacked at a time, about, and rows
KINDS = {
    ("BYTE_ARRAY", "NONE"): "bytes",
    ("BYTE_ARRAY", "STRING"): "text",
    ("BOOLEAN", "NONE"): "bool",
    **{(width, kind): "int" for width in ("INT32", "INT64") for kind in ("NONE", "INT")},
}


class Damaged(Exception):
    """A file that breaks the rules of its format, or claims more than any picture set needs."""


class Pieces(Protocol):
    """A file that gives bytes from anywhere in it."""

    size: int

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`, all of them."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One leaf of the table: where it lies in the schema and what its values are."""

    number: int
    path: tuple[str, ...]
    kind: Literal["bytes", "text", "int", "bool", ""]  # "" is not read here
    repeated: bool  # lists of values, which are not read


@dataclasses.dataclass(frozen=True)
class Group:
    """Some rows of the table."""

    number: int
    rows: int


class _File:
    """Pieces as the file that pyarrow reads; what goes wrong here is kept aside, to be told from what pyarrow finds."""

    closed = False

    def __init__(self, pieces: Pieces) -> None:
        self.pieces, self.at, self.most = pieces, 0, MOST_FOOTER
        self.wrong: Exception | None = None

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place: 0 from the beginning, 1 from here, 2 from the end."""
        self.at = place + (0, self.at, self.pieces.size)[whence]
        return self.at

    def tell(self) -> int:
        """The place."""
        return self.at

    def read(self, count: int = -1) -> bytes:
        """The next bytes; fewer only at the end."""
        start, size = self.at, self.pieces.size
        self.at = size if count < 0 else min(size, start + count)
        try:
            if self.at - start > self.most:
                raise Damaged("a piece larger than any picture set has")
            return self.pieces.read(start, self.at) if start < self.at else b""
        except Exception as error:
            self.wrong = error
            raise

    def close(self) -> None:
        """Nothing is held."""


class Parquet:
    """The footer of one file, and its columns' values as they are asked for. Raises Damaged, and what `file` raises."""

    def __init__(self, file: Pieces) -> None:
        self._file = _File(file)
        with self._reading():
            self._told = self._opened(TAIL).metadata
            self._file.most = MOST_READ
            footer = self._told.serialized_size
            self.overhead = TAIL + (footer if footer > TAIL - 8 else 0)  # bytes that it took to get here
            leaves = [self._told.schema.column(number) for number in range(min(MOST_COLUMNS, self._told.num_columns))]
            self.columns = {column.path: column for column in map(_column, range(len(leaves)), leaves)}
            sizes = [self._told.row_group(number).num_rows for number in range(self._told.num_row_groups)]
            pairs = (self._told.metadata or {}).items()
        if min(sizes, default=0) < 0:
            raise Damaged("fewer than no rows")
        self.groups = [Group(number, rows) for number, rows in enumerate(sizes)]
        self.rows = sum(sizes)
        self.notes = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in pairs}

    def values(self, group: Group, column: Column, rows: Sequence[int]) -> Iterator[Any]:
        """The values in these rows of a row group (ascending), None where one is missing; text comes as bytes.

        What lies after the last of them is not downloaded, and nothing more once this is closed.
        """
        end = rows[-1] + 1 if rows else 0
        share = end / max(1, group.rows)
        with self._reading():
            packed, full = self._sizes(group, column)
            most = WHOLE_STEP if share == 1 else PART_STEP
            file = self._opened(min(most, max(LEAST_STEP, int(1.1 * share * packed))))
            size = max(1, min(MOST_ROWS, end, int(BATCH * group.rows / max(1, full))))
            wanted = {"row_groups": [group.number], "columns": [".".join(column.path)], "use_threads": False}
            batches = file.iter_batches(size, **wanted)
        at = taken = 0
        while taken < len(rows):
            with self._reading():
                values = _leaf(next(batches, None), column)
                upto = bisect.bisect_left(rows, at + len(values), taken)
                found = values.take([row - at for row in rows[taken:upto]]).to_pylist() if upto > taken else []
            at, taken = at + len(values), upto
            yield from found

    def _opened(self, step: int) -> Any:
        from pyarrow import parquet

        limits = {"thrift_string_size_limit": MOST_FOOTER, "thrift_container_size_limit": MOST_LIST}
        told = getattr(self, "_told", None)
        return parquet.ParquetFile(self._file, metadata=told, pre_buffer=False, buffer_size=step, **limits)

    def _sizes(self, group: Group, column: Column) -> tuple[int, int]:
        """Bytes of a column in a row group, packed and unpacked, where they are possible."""
        if column.repeated or not column.kind:
            raise Damaged("a column that is not read here")
        told = self._told.row_group(group.number).column(column.number)
        packed, full = told.total_compressed_size, told.total_uncompressed_size
        if not 0 <= packed <= self._file.pieces.size or full < 0:
            raise Damaged("a column larger than its file")
        if full > BOMB_FROM and full > BOMB_RATIO * packed:
            raise Damaged("a column that unpacks without end")
        return packed, full

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """What the file could not give is raised as it was; all that pyarrow finds wrong is Damaged."""
        import pyarrow

        self._file.wrong = None
        try:
            yield
        except Exception as error:
            if self._file.wrong is not None:
                raise self._file.wrong from None
            if isinstance(error, (pyarrow.ArrowException, OSError, ValueError, OverflowError, MemoryError)):
                raise Damaged(f"{error!r}"[:200]) from error
            raise


def _column(number: int, leaf: Any) -> Column:
    path = (leaf.name,) if leaf.path == leaf.name else tuple(leaf.path.split("."))
    kind = KINDS.get((leaf.physical_type, leaf.logical_type.type), "")
    return Column(number, path, kind, leaf.max_repetition_level > 0)


def _leaf(batch: Any, column: Column) -> Any:
    """The one column that was read, without the structures around it, as the type that it should have."""
    import pyarrow

    if batch is None or not len(batch) or batch.num_columns != 1:
        raise Damaged("fewer rows or other columns than it says")
    values = batch.column(0)
    while pyarrow.types.is_struct(values.type) and values.type.num_fields == 1:
        (values,) = values.flatten()  # missing where its structure is
    types = {"bool": pyarrow.bool_(), "int": pyarrow.int64()}
    return values.cast(types.get(column.kind, pyarrow.large_binary()))
