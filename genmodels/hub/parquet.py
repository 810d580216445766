"""Parquet files read in pieces: footer, columns, row groups, and of a column only the pages that are wanted.

Own code for a narrow part of the format, because the libraries cost more than it: one has 170 MB, the others read a
whole row group for its first picture or leave out encodings; `cramjam` (5 MB) unpacks, never beyond a size given to it.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .parquet_values import (
    MOST_PAGE,
    MOST_VALUES,
    PLAIN,
    PLAIN_DICTIONARY,
    Damaged,
    Short,
    Thrift,
    counted,
    decoded,
    plain,
)

TAIL, MOST_FOOTER = 1 << 16, 24_000_000  # bytes read at first from the end; of a footer
HEADER, MOST_HEADER = 1 << 12, 1 << 22  # bytes looked at for a page's header; statistics can make it long
MOST_COLUMNS, MOST_GROUPS = 10_000, 1_000_000
BOMB_RATIO, BOMB_FROM = 200, 16_000_000  # a page over 16 MB that unpacks to 200 times its size holds no pictures


class Pieces(Protocol):
    """A file that gives bytes from anywhere in it."""

    size: int

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`, all of them."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One leaf of the table: where it lies in the schema and what its values are."""

    path: tuple[str, ...]
    kind: int  # physical type
    word: bool  # byte strings that are text
    optional: int  # how many parts of the path may be missing
    repeated: bool  # lists of values, which are not read


@dataclasses.dataclass(frozen=True)
class Chunk:
    """A column's bytes in one row group."""

    start: int
    end: int
    codec: int
    values: int


@dataclasses.dataclass(frozen=True)
class Group:
    """Some rows of the table."""

    rows: int
    chunks: dict[tuple[str, ...], Chunk]


class Parquet:
    """The footer of one file, and its columns' values as they are asked for. Raises Damaged."""

    def __init__(self, file: Pieces) -> None:
        self.file = file
        told = _footer(file)
        self.overhead = TAIL + (len(told) if len(told) > TAIL - 8 else 0)  # bytes that it took to get here, about
        footer = Thrift(told).struct()
        self.columns = {column.path: column for column in _columns(_list(footer, 2))}
        self.groups = [self._group(told) for told in _list(footer, 4)[:MOST_GROUPS]]
        self.rows = sum(group.rows for group in self.groups)
        pairs = [(_bytes(pair, 1), _bytes(pair, 2)) for pair in _list(footer, 5)]
        self.notes = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in pairs}

    def _group(self, told: dict[int, Any]) -> Group:
        chunks = {}
        for one in _list(told, 1):
            about = one.get(3) if isinstance(one, dict) else None
            if not isinstance(about, dict):
                continue
            path = tuple(_text(name) for name in _list(about, 3))
            start, dictionary, size = _number(about, 9), _number(about, 11), _number(about, 7)
            start = dictionary if 0 < dictionary < start else start
            end = start + size
            if path in self.columns and 0 < start <= end <= self.file.size:
                chunks[path] = Chunk(start, end, _number(about, 4), _number(about, 5))
        rows = _number(told, 3)
        if rows < 0:
            raise Damaged("fewer than no rows")
        return Group(rows, chunks)

    def values(
        self, group: Group, column: Column, step: int = 1 << 20, rows: Sequence[range] | None = None
    ) -> Iterator[Any]:
        """The values of a column in a row group, None where one is missing; `step` bytes are read at a time, as needed.

        With `rows`, ranges in ascending order, only the values of these; pages that have none of them are passed over.
        """
        chunk = group.chunks.get(column.path)
        if chunk is None or column.repeated:
            raise Damaged("a column without values")
        words, at, whole = None, 0, min(chunk.values, group.rows)
        wanted = rows if rows is not None else [range(whole)]
        stream = _Stream(self.file, chunk, step, peek=step if len(wanted) == 1 and not wanted[0].start else HEADER)
        end = min(whole, max((each.stop for each in wanted), default=0))
        while at < end and stream.more():
            head = stream.header()
            full, packed = _number(head, 2), _number(head, 3)
            if not 0 <= packed <= min(MOST_PAGE, chunk.end - chunk.start) or not 0 <= full <= MOST_PAGE:
                raise Damaged("a page of a size that no picture needs")
            if full > BOMB_FROM and full > BOMB_RATIO * max(1, packed):
                raise Damaged("a page that unpacks without end")
            if head.get(1) == 2:
                about = _struct(head, 7)
                if about.get(2) not in (PLAIN, PLAIN_DICTIONARY):
                    raise Damaged("a dictionary of an unknown kind")
                body = _unpacked(chunk.codec, stream.take(packed), full)
                words = plain(column.kind, body, _few(_number(about, 1)))
                continue
            count = _few(_number(_struct(head, 8 if head.get(1) == 3 else 5), 1)) if head.get(1) in (0, 3) else 0
            parts = [range(max(each.start, at), min(each.stop, at + count, end)) for each in wanted]
            if count and any(parts):
                page = _page(column, chunk.codec, head, stream.take(packed), full, words)
                for part in parts:
                    yield from page[part.start - at : part.stop - at] if part else ()
            else:
                stream.skip(packed)
            at += count


class _Stream:
    """A chunk's bytes in order, fetched a step at a time."""

    def __init__(self, file: Pieces, chunk: Chunk, step: int, peek: int) -> None:
        self.file, self.at, self.end, self.step, self.peek = file, chunk.start, chunk.end, max(HEADER, step), peek
        self.held = b""

    def more(self) -> bool:
        return bool(self.held) or self.at < self.end

    def header(self) -> dict[int, Any]:
        """The header of the page that begins here."""
        wanted = HEADER
        while True:
            self._hold(wanted, max(wanted, self.peek))
            reader = Thrift(self.held[:wanted])
            try:
                head = reader.struct()
            except Short:
                if wanted >= MOST_HEADER or len(self.held) < wanted:
                    raise
                wanted *= 8
                continue
            self.held = self.held[reader.at :]
            return head

    def take(self, count: int) -> memoryview:
        """The next bytes."""
        self._hold(count)
        if len(self.held) < count:
            raise Short("it ends too early")
        taken, self.held = self.held[:count], self.held[count:]
        return memoryview(taken)

    def skip(self, count: int) -> None:
        """Pass over the next bytes; what is not at hand is not fetched."""
        left = max(0, count - len(self.held))
        self.held, self.at = self.held[count:], self.at + left

    def _hold(self, count: int, step: int | None = None) -> None:
        """Have so many bytes at hand, or all that are left."""
        if len(self.held) < count and self.at < self.end:
            end = min(self.end, self.at + max(count - len(self.held), step or self.step))
            self.held += self.file.read(self.at, end)
            self.at = end


def _footer(file: Pieces) -> bytes:
    """The thrift at the file's end."""
    if file.size < 12:
        raise Damaged("too short for a table")
    tail = file.read(max(0, file.size - TAIL), file.size)
    size = int.from_bytes(tail[-8:-4], "little")
    if tail[-4:] != b"PAR1" or not 0 < size <= min(MOST_FOOTER, file.size - 8):
        raise Damaged("not a table")
    if size > len(tail) - 8:
        tail = file.read(file.size - 8 - size, file.size)
    return tail[-8 - size : -8]


def _columns(told: list[dict[int, Any]]) -> Iterator[Column]:
    """The leaves of the schema, which lists its nodes depth first."""
    open_nodes: list[list[Any]] = []  # children still to come, path, optional, repeated
    for number, node in enumerate(told[:MOST_COLUMNS]):
        if not isinstance(node, dict):
            raise Damaged("a schema without columns")
        children, above = _number(node, 5), open_nodes[-1] if open_nodes else [0, (), 0, False]
        above[0] -= 1
        path = (*above[1], _text(node.get(4, b""))) if number else ()
        optional = above[2] + (number > 0 and node.get(3) == 1)
        repeated = above[3] or node.get(3) == 2
        if children > 0:
            open_nodes.append([children, path, optional, repeated])
        elif number:
            word = node.get(6) == 0 or 1 in _struct(node, 10)
            yield Column(path, node.get(1, -1), word, optional, repeated)
        while open_nodes and open_nodes[-1][0] <= 0:
            open_nodes.pop()


def _page(column: Column, codec: int, head: dict[int, Any], body: memoryview, full: int, words: list | None) -> list:
    """A data page of either version as a list, None where a value is missing."""
    second = head.get(1) == 3
    about = _struct(head, 8 if second else 5)
    count, width = _few(_number(about, 1)), int(column.optional).bit_length()
    if second:
        size = _number(about, 5)
        if _number(about, 6) or not 0 <= size <= len(body):
            raise Damaged("levels that do not fit their page")
        levels, rest = body[:size], body[size:]
        data = _unpacked(codec, rest, full - size) if about.get(7, True) else rest
    else:
        data, levels = _unpacked(codec, body, full), memoryview(b"")
        if width:
            size = int.from_bytes(data[:4], "little")  # a wrong one leaves too few levels, which is noticed
            levels, data = data[4 : 4 + size], data[4 + size :]
    there = counted(levels, width, count) == column.optional if width else np.ones(count, bool)
    known = iter(decoded(column.kind, _number(about, 2 if not second else 4), data, int(there.sum()), words))
    return [next(known) if here else None for here in there.tolist()]


def _unpacked(codec: int, data: memoryview, size: int) -> memoryview:
    """A page unpacked into exactly the space that it claims, which was checked before."""
    if codec == 0:
        return data
    if not 0 <= size <= MOST_PAGE:
        raise Damaged("a page of a size that no picture needs")
    if codec == 2:
        try:
            return memoryview(zlib.decompressobj(wbits=47).decompress(data, max(1, size)))
        except zlib.error as error:
            raise Damaged("a damaged page") from error
    import cramjam

    into = {
        1: cramjam.snappy.decompress_raw_into,
        4: cramjam.brotli.decompress_into,
        6: cramjam.zstd.decompress_into,
        7: cramjam.lz4.decompress_block_into,
    }.get(codec)
    if into is None:
        raise Damaged("packed in a way that is not read here")
    space = np.empty(size, np.uint8)
    try:
        return memoryview(space)[: into(bytes(data), space)] if size else memoryview(b"")
    except cramjam.DecompressionError as error:
        raise Damaged("a damaged page") from error


def _few(count: int) -> int:
    if not 0 <= count <= MOST_VALUES:
        raise Damaged("more values in a page than any picture set has")
    return count


def _list(told: dict[int, Any], field: int) -> list:
    found = told.get(field, [])
    return found if isinstance(found, list) else []


def _struct(told: dict[int, Any], field: int) -> dict[int, Any]:
    found = told.get(field, {})
    return found if isinstance(found, dict) else {}


def _number(told: dict[int, Any], field: int) -> int:
    found = told.get(field, 0) if isinstance(told, dict) else 0
    return found if isinstance(found, int) else 0


def _bytes(told: Any, field: int) -> bytes:
    found = told.get(field, b"") if isinstance(told, dict) else b""
    return found if isinstance(found, bytes) else b""


def _text(name: Any) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else ""
