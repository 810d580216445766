"""What lies in a Parquet file's bytes: thrift, levels and the encodings of values. Nothing that it claims is believed.

Written by the format's own description (apache/parquet-format: Thrift.md, Encodings.md), for the few kinds that picture
sets have: pictures as byte strings, labels as whole numbers, truth values or words.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

BOOLEAN, INT32, INT64, BYTES = 0, 1, 2, 6  # physical types that are read
PLAIN, PLAIN_DICTIONARY, RLE, DELTA, DELTA_LENGTH, DELTA_BYTES, RLE_DICTIONARY = 0, 2, 3, 5, 6, 7, 8  # encodings
MOST_FIELDS, DEEPEST = 2_000_000, 24  # of one thrift structure
MOST_VALUES = 2_000_000  # of one page
MOST_PAGE = 256_000_000  # bytes of one page, unpacked


class Damaged(Exception):
    """A file that breaks the rules of its format, or claims more than any picture set needs."""


class Short(Damaged):
    """The bytes end too early: with more of the file it may make sense."""


class Thrift:
    """Reads structures of thrift's compact protocol as dictionaries: field number -> value."""

    def __init__(self, data: bytes | memoryview) -> None:
        self.data, self.at, self.fields = memoryview(data), 0, 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """The structure that begins here."""
        if depth > DEEPEST:
            raise Damaged("nested without end")
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            kind, step = head & 15, head >> 4
            field = field + step if step else self._zigzag()
            found[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        self.fields += 1
        if self.fields > MOST_FIELDS:
            raise Damaged("more fields than any picture set has")
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return self._bytes(8)
        if kind == 8:
            return self._bytes(self.number())
        if kind in (9, 10):
            head = self._byte()
            count = self.number() if head >> 4 == 15 else head >> 4
            return [self._value(head & 15, depth) for _ in range(self._fits(count))]
        if kind == 12:
            return self.struct(depth + 1)
        raise Damaged("a kind of field that Parquet does not use")

    def number(self) -> int:
        """A whole number of any length, at most ten bytes."""
        value = 0
        for place in range(10):
            byte = self._byte()
            value |= (byte & 127) << (7 * place)
            if byte < 128:
                return value
        raise Damaged("a number without end")

    def _zigzag(self) -> int:
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise Short("it ends too early")
        self.at += 1
        return self.data[self.at - 1]

    def _bytes(self, count: int) -> bytes:
        start, self.at = self.at, self.at + self._fits(count)
        return bytes(self.data[start : self.at])

    def _fits(self, count: int) -> int:
        """Every element takes a byte at least, so no claim is larger than what is there."""
        if count > len(self.data) - self.at:
            raise Short("it ends too early")
        return count


def counted(data: memoryview, width: int, count: int) -> np.ndarray:
    """int64 [count] of `width` bits each, in runs of equals and packed runs (levels, places in a dictionary)."""
    values = np.zeros(count, np.int64)
    if not 0 <= width <= 32:
        raise Damaged("numbers wider than 32 bits")
    done, size, reader = 0, (width + 7) // 8, Thrift(data)
    while done < count and width:
        head = reader.number()
        if head & 1:
            groups = min(head >> 1, -(-(count - done) // 8))
            part = _unpacked(reader._bytes(groups * width), width)[: count - done]
            reader.at += ((head >> 1) - groups) * width
            values[done : done + len(part)] = part
            done += len(part)
        else:
            run = min(head >> 1, count - done)
            values[done : done + run] = int.from_bytes(reader._bytes(size), "little")
            done += run
        if not head >> 1:
            raise Damaged("a run of nothing")
    return values


def _unpacked(data: bytes, width: int) -> np.ndarray:
    """int64 [8 * len(data) / width]: numbers packed bit by bit, the lowest first."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").reshape(-1, width)
    return bits @ (np.int64(1) << np.arange(width, dtype=np.int64))


def plain(kind: int, data: memoryview, count: int) -> list[Any]:
    """Values one after the other, as they are."""
    if kind == BYTES:
        return _strings(data, count)
    if kind == BOOLEAN:
        bits = np.unpackbits(np.frombuffer(_first(data, -(-count // 8)), np.uint8), bitorder="little")
        return bits[:count].astype(bool).tolist()
    if kind not in (INT32, INT64):
        raise Damaged("a type of values that no label has")
    size = 4 if kind == INT32 else 8
    return np.frombuffer(_first(data, count * size), f"<i{size}").tolist()


def _first(data: memoryview, count: int) -> memoryview:
    if count > len(data):
        raise Damaged("a page holds less than it says")
    return data[:count]


def _strings(data: memoryview, count: int) -> list[bytes]:
    found, at = [], 0
    for _ in range(count):
        size = int.from_bytes(_first(data[at:], 4), "little")
        found.append(bytes(_first(data[at + 4 :], size)))
        at += 4 + size
    return found


def decoded(kind: int, encoding: int, data: memoryview, count: int, words: list[Any] | None) -> list[Any]:
    """The values of a page, `count` of them; `words` is the column's dictionary where there was one."""
    if encoding == PLAIN:
        return plain(kind, data, count)
    if encoding in (PLAIN_DICTIONARY, RLE_DICTIONARY) and words is not None:
        places = counted(data[1:], data[0], count) if count and len(data) else np.zeros(0, np.int64)
        if len(places) != count or (count and places.max() >= len(words)):
            raise Damaged("a place that its dictionary does not have")
        if kind == BYTES and words and count * max(map(len, words)) > MOST_PAGE:  # one large picture, named without end
            raise Damaged("pages that unpack without end")
        return [words[place] for place in places.tolist()]
    if encoding == RLE and kind == BOOLEAN:
        return counted(data[4:], 1, count).astype(bool).tolist()
    if encoding == DELTA and kind in (INT32, INT64):
        return _deltas(data, count)[0].tolist()
    if encoding == DELTA_LENGTH and kind == BYTES:
        return _run_on(data, count)
    if encoding == DELTA_BYTES and kind == BYTES:
        return _prefixed(data, count)
    raise Damaged("an encoding that is not read here")


def _deltas(data: memoryview, count: int) -> tuple[np.ndarray, int]:
    """int64 [count] told by their differences, and where their bytes end."""
    reader = Thrift(data)
    block, minis, total = reader.number(), reader.number(), reader.number()
    first = reader._zigzag()
    if total != count or not minis or block % minis or not 0 < block <= 1 << 20 or (block // minis) % 8:
        raise Damaged("differences that do not fit their count")
    if not -(1 << 63) <= first < 1 << 63:
        raise Damaged("numbers wider than 64 bits")
    parts, left = [np.array([first], np.int64)], count - 1
    while left > 0:
        least = np.uint64(reader._zigzag() & (1 << 64) - 1)
        for width in reader._bytes(minis):
            if left <= 0:
                break  # widths of parts that are not there
            if width > 64:
                raise Damaged("numbers wider than 64 bits")
            packed = reader._bytes(block // minis * width // 8)
            part = _unpacked(packed, width).view(np.uint64) if width else np.zeros(block // minis, np.uint64)
            parts.append((part[:left] + least).view(np.int64))
            left -= len(part)
    return np.cumsum(np.concatenate(parts).view(np.uint64)).view(np.int64)[:count], reader.at


def _run_on(data: memoryview, count: int) -> list[bytes]:
    """Byte strings: all lengths first, then all bytes."""
    if not count:
        return []
    lengths, at = _deltas(data, count)
    if lengths.min() < 0 or lengths.max() > len(data) or int(lengths.sum()) > len(data) - at:
        raise Damaged("a page holds less than it says")
    ends = [at, *(at + np.cumsum(lengths)).tolist()]
    return [bytes(data[start:end]) for start, end in itertools.pairwise(ends)]


def _prefixed(data: memoryview, count: int) -> list[bytes]:
    """Byte strings that each repeat the beginning of the one before."""
    if not count:
        return []
    shared, at = _deltas(data, count)
    found, before, total = [], b"", 0
    for length, rest in zip(shared.tolist(), _run_on(data[at:], count), strict=True):
        if not 0 <= length <= len(before):
            raise Damaged("a beginning longer than what it repeats")
        before = before[:length] + rest
        total += len(before)
        if total > MOST_PAGE:
            raise Damaged("pages that unpack without end")
        found.append(before)
    return found
