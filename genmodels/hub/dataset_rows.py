"""The rows of a data set, pictures with what they show, spread over all of it; and the ZIP that they go into."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import itertools
import pathlib
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from ..data.sources import JUNK
from . import dataset_layout as layout
from .dataset_about import DatasetAbout, Looked, Split, picture_column
from .parquet import Damaged, Group, Parquet

TABLES = 24  # of a part that pictures are taken from
PLACES, MOST_PLACES = 16, 32  # at least, so that all kinds are among them; more where there are more kinds
PAGE = 1_024  # rows that writers of Parquet put together before they begin another page
MOST_GROUPS = 20_000  # row groups that a reckoning goes into
CHEAP = 40_000_000  # bytes that nobody minds for that
GLIMPSED, GLIMPSES = 16, 4  # pictures that are shown before, and places that they are from
MOST_BYTES = 50_000_000  # of one picture's file
AT_ONCE = 6  # picture files asked for side by side
LONGEST = 60  # letters of a folder's name
Row = tuple[bytes | None, str]  # a picture's file, None where it is missing, and what it shows
Thing = TypeVar("Thing")
KINDS = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif", b"RIFF": "webp", b"BM": "bmp"}
KINDS |= {b"II*\0": "tif", b"MM\0*": "tif"}


@dataclasses.dataclass(frozen=True)
class Plan:
    """How many rows of each row group; from its beginning, or spread over all of it, which costs all of it."""

    shares: tuple[int, ...]
    spread: bool

    def rows(self, group: Group, share: int) -> Sequence[int]:
        """Which rows of a row group."""
        return evenly(range(group.rows), share) if self.spread else range(share)

    def read(self, rows: Sequence[int]) -> int:
        """How many rows of row groups that have so many must be downloaded: a page can only be had whole."""
        pairs = [(share, size) for share, size in zip(self.shares, rows, strict=True) if share]
        return sum(size if self.spread else min(size, -(-share // PAGE) * PAGE) for share, size in pairs)


def in_tables(looked: Looked, paths: list[str], image: str, label: str, most: int) -> Iterator[Row]:
    """Rows of Parquet tables, from row groups that are spread over all of it."""
    tables = [looked.table(path) for path in evenly(paths, TABLES)]
    places = [(table, group) for table in tables for group in table.groups]
    sizes = [group.rows for _, group in places]
    part = sum(looked.files[path] for path in paths)
    each = part / max(1.0, sum(sizes) * len(paths) / max(1, len(tables)))  # bytes a row
    plan = planned(sizes, most, len(looked.names.get(label, ())), each, looked.traffic.most)
    for (table, group), share in zip(places, plan.shares, strict=True):
        try:
            if share:
                yield from _in_group(looked, table, group, (image, label), plan.rows(group, share))
        except Damaged as error:
            raise looked.unreadable() from error


def glimpse(looked: Looked, paths: list[str], image: str) -> Iterator[bytes]:
    """A few pictures from different places, for a look before anything is downloaded in earnest."""
    if not looked.about.tables:
        yield from (data for data, _ in in_files(looked, paths, "", GLIMPSED) if data)
        return
    groups = [group for group in looked.table(paths[0]).groups if group.rows > 0]
    for group in evenly(groups, GLIMPSES):
        chosen = range(min(group.rows, GLIMPSED // min(GLIMPSES, len(groups))))
        rows = _in_group(looked, looked.table(paths[0]), group, (image, ""), chosen)
        yield from (data for data, _ in rows if data)


def planned(rows: Sequence[int], most: int, kinds: int, each: float, budget: float) -> Plan:
    """From which row groups to take rows, and which; each row takes `each` bytes.

    Where there are fewer row groups than kinds may need, rows are from all over them, if that costs little.
    """
    shares = shared(rows, most, visits([min(size, PAGE) for size in rows], most, kinds, each, budget))
    whole = sum(size for size, share in zip(rows, shares, strict=True) if share)
    cheap = whole * each <= _worth(most, each, budget)
    return Plan(tuple(shares), sum(map(bool, shares)) < PLACES and cheap)


def visits(rows: Sequence[int], most: int, kinds: int, each: float, budget: float) -> int:
    """From how many places to take rows: enough for all kinds to be among them, as far as that costs little.

    A page can only be had whole, so that every place more than needed costs downloads: `each` byte a row.
    """
    usual = max(1.0, sum(rows) / max(1, len(rows)))
    worth = _worth(most, each, budget) / max(1.0, usual * each)
    return max(-(-most // int(usual)), min(MOST_PLACES, max(PLACES, kinds), int(worth)))


def _worth(most: int, each: float, budget: float) -> float:
    """Bytes that may be downloaded to have all kinds."""
    return min(budget, max(2 * most * each, CHEAP))


def _in_group(
    looked: Looked, table: Parquet, group: Group, names: tuple[str, str], rows: Sequence[int]
) -> Iterator[Row]:
    image, label = picture_column(table, names[0]), table.columns.get((names[1],))
    if image is None or (names[1] and label is None):
        raise Damaged("tables of one part with different columns")
    words = table.values(group, label, rows) if label else itertools.repeat(None)
    for data, word in zip(table.values(group, image, rows), words, strict=False):
        yield data, said(word, looked.names.get(names[1], ()))


def in_files(looked: Looked, paths: list[str], label: str, most: int) -> Iterator[Row]:
    """Picture files, spread over all of them; several are asked for at once, and only those that are wanted next."""
    small = [path for path in paths if 0 < looked.files[path] <= MOST_BYTES]

    def read(path: str) -> bytes:
        return looked.open(path).read(0, looked.files[path])

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE, "pictures") as pool:
        asked: collections.deque[tuple[str, concurrent.futures.Future[bytes]]] = collections.deque()
        try:
            for path in evenly(small, most):
                asked.append((path, pool.submit(read, path)))
                if len(asked) > 2 * AT_ONCE:
                    path, job = asked.popleft()
                    yield job.result(), layout.kind_of(path) if label else ""
            for path, job in asked:
                yield job.result(), layout.kind_of(path) if label else ""
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def shared(rows: Sequence[int], most: int, places: int) -> list[int]:
    """How many rows of each row group: together `most`, whole groups, but from so many places at least.

    A page holds up to a thousand rows and can only be had whole, so more places than needed cost downloads.
    """
    count = min(places, len(rows))
    while count < len(rows) and sum(rows[number] for number in evenly(list(range(len(rows))), count)) < most:
        count = min(len(rows), max(count + 1, int(1.05 * count)))
    chosen = evenly(list(range(len(rows))), count)
    low, high = 0, max(rows, default=0)
    while low < high:  # the fewest of each that are enough
        middle = (low + high) // 2
        enough = sum(min(rows[number], middle) for number in chosen) >= most
        low, high = (low, middle) if enough else (middle + 1, high)
    shares = [0] * len(rows)
    for number in chosen:
        shares[number] = min(rows[number], low)
    for number in chosen[: max(0, sum(shares) - most)]:
        shares[number] -= 1
    return shares


def cost(about: DatasetAbout, part: Split, most: int, budget: float) -> int | None:
    """About how many bytes must be downloaded for so many pictures; None where nobody knows how many there are."""
    if not part.pictures:
        return None
    if not about.tables:
        return part.bytes * min(most, part.pictures) // part.pictures
    each, piece = part.bytes / part.pictures, min(about.piece, part.pictures)
    rows = [piece] * min(MOST_GROUPS, -(-part.pictures // piece))
    kinds = max((len(each.kinds) for each in about.label_columns), default=0)
    read = planned(rows, most, kinds, each, budget).read(rows)
    return int(min(part.pictures, read) * each) + min(part.files, TABLES) * about.footer


def evenly(things: Sequence[Thing], most: int) -> Sequence[Thing]:
    """At most so many of them, evenly spread."""
    if len(things) <= most:
        return things
    return [things[(2 * place + 1) * len(things) // (2 * most)] for place in range(most)]


def said(word: Any, names: tuple[str, ...]) -> str:
    """What a label says, in words; "" where it says nothing."""
    if word is None:
        return ""
    if isinstance(word, bytes):
        return word.decode("utf-8", "replace")
    if isinstance(word, bool):
        return "true" if word else "false"
    if names:
        return names[word] if 0 <= word < len(names) else ""
    return str(word)


class Archive:
    """The stored ZIP: a folder for each kind, files called 000001.jpg and so on; labels name folders, and no more."""

    def __init__(self, path: pathlib.Path) -> None:
        self.file = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED)
        self.count = self.bytes = self.pictures = 0
        self.folders: dict[str, str] = {}  # label -> folder
        self.taken: set[str] = set()

    def add(self, data: bytes, label: str) -> None:
        """Put a picture in its folder."""
        self.count += 1
        self.bytes += len(data)
        ending = next((kind for start, kind in KINDS.items() if data.startswith(start)), "")
        self.pictures += bool(ending)
        name = f"{self.count:06}.{ending or 'bin'}"
        folder = self._folder(label)
        self.file.writestr(zipfile.ZipInfo(f"{folder}/{name}" if folder else name), data)

    def _folder(self, label: str) -> str:
        """A name for a folder that leads nowhere else, whatever the label says; another for every label."""
        if label not in self.folders:
            letters = (letter if letter.isprintable() and letter not in "/\\:" else " " for letter in label[:1000])
            name = " ".join("".join(letters).split())[:LONGEST].strip(". ")
            name = f"{name}_" if name.casefold() in JUNK else name
            name = name or ("other" if label.strip() else "")
            number, free = 1, name
            while free in self.taken:
                number += 1
                free = f"{name} ({number})"
            self.taken.add(free)
            self.folders[label] = free
        return self.folders[label]

    def close(self) -> None:
        """Write the list of what is in it; once is enough."""
        self.file.close()
