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
from .dataset_about import PAGE, DatasetAbout, Looked, Split, picture_column
from .parquet import Column, Group, Parquet
from .parquet_values import Damaged

TABLES = 24  # of a part that pictures are taken from
PLACES, MOST_PLACES = 16, 32  # at least, so that all kinds are among them; more where there are more kinds
CHEAP = 40_000_000  # bytes that nobody minds for that
GLIMPSED, GLIMPSES = 16, 4  # pictures that are shown before, and places that they are from
WALKED = 128  # pages of one row group that are passed over on the way to others
LEAST_STEP, MOST_STEP = 1 << 16, 1 << 20  # bytes asked for at a time
MOST_BYTES = 50_000_000  # of one picture's file
AT_ONCE = 6  # picture files asked for side by side
LONGEST = 60  # letters of a folder's name
Row = tuple[bytes | None, str]  # a picture's file, None where it is missing, and what it shows
Thing = TypeVar("Thing")
KINDS = {b"\xff\xd8\xff": "jpg", b"\x89PNG": "png", b"GIF8": "gif", b"RIFF": "webp", b"BM": "bmp"}
KINDS |= {b"II*\0": "tif", b"MM\0*": "tif"}


@dataclasses.dataclass(frozen=True)
class Place:
    """Some rows of a table that are had together: a row group, or about a page of a large one."""

    table: Parquet
    group: Group
    start: int
    rows: int


def in_tables(looked: Looked, paths: list[str], image: str, label: str, most: int) -> Iterator[Row]:
    """Rows of Parquet tables, from places that are spread over all of it."""
    places: list[Place] = []
    for path in evenly(paths, TABLES):
        table = looked.table(path)
        for group in table.groups:
            starts = range(0, group.rows, PAGE)[:WALKED]
            places += [Place(table, group, start, min(PAGE, group.rows - start)) for start in starts]
    part = sum(looked.files[path] for path in paths)
    total = (
        sum(looked.table(path).rows for path in evenly(paths, TABLES)) * len(paths) / max(1, min(TABLES, len(paths)))
    )
    each = part / max(1.0, total)  # bytes a row
    kinds = len(looked.names.get(label, ()))
    wanted = visits([place.rows for place in places], most, kinds, each, looked.traffic.most)
    shares = plan([place.rows for place in places], most, wanted)
    for (table, group), held in itertools.groupby(
        (pair for pair in zip(places, shares, strict=True) if pair[1]), key=lambda pair: (pair[0].table, pair[0].group)
    ):
        ranges = [range(place.start, place.start + share) for place, share in held]
        try:
            yield from _in_group(looked, table, group, (image, label), ranges)
        except Damaged as error:
            raise looked.unreadable() from error


def glimpse(looked: Looked, paths: list[str], image: str) -> Iterator[bytes]:
    """A few pictures from different places, for a look before anything is downloaded in earnest."""
    if not looked.about.tables:
        yield from (data for data, _ in in_files(looked, paths, "", GLIMPSED) if data)
        return
    groups = [group for group in looked.table(paths[0]).groups if group.rows > 0]
    for group in evenly(groups, GLIMPSES):
        ranges = [range(min(group.rows, GLIMPSED // min(GLIMPSES, len(groups))))]
        rows = _in_group(looked, looked.table(paths[0]), group, (image, ""), ranges)
        yield from (data for data, _ in rows if data)


def visits(rows: Sequence[int], most: int, kinds: int, each: float, budget: float) -> int:
    """From how many places to take rows: enough for all kinds to be among them, as far as that costs little.

    A page can only be had whole, so that every place more than needed costs downloads: `each` byte a row.
    """
    usual = max(1.0, sum(rows) / max(1, len(rows)))
    needed = -(-most // int(usual))
    worth = min(budget, max(2 * most * each, CHEAP)) / max(1.0, usual * each)
    return max(needed, min(MOST_PLACES, max(PLACES, kinds), int(worth)))


def _in_group(
    looked: Looked, table: Parquet, group: Group, names: tuple[str, str], ranges: list[range]
) -> Iterator[Row]:
    image, label = picture_column(table, names[0]), table.columns.get((names[1],))
    if image is None or (names[1] and label is None):
        raise Damaged("tables of one part with different columns")
    pictures = table.values(group, image, _step(group, image, ranges), ranges)
    words = table.values(group, label, MOST_STEP, ranges) if label else itertools.repeat(None)
    for data, word in zip(pictures, words, strict=False):
        yield data, said(word, looked.names.get(names[1], ()))


def _step(group: Group, column: Column, ranges: list[range]) -> int:
    """About as many bytes as so many rows take; a small group is one page, which can only be had whole."""
    chunk = group.chunks.get(column.path)
    if chunk is None:
        return LEAST_STEP
    share = 1.0 if group.rows <= PAGE else 1.1 * max(map(len, ranges)) / group.rows
    return min(MOST_STEP, max(LEAST_STEP, int(share * (chunk.end - chunk.start))))


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


def plan(rows: Sequence[int], most: int, places: int) -> list[int]:
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
    rows = [piece] * -(-part.pictures // piece)
    count = min(
        len(rows), visits(rows, most, max((len(each.kinds) for each in about.label_columns), default=0), each, budget)
    )
    taken = -(-min(most, part.pictures) // count)
    whole = min(part.pictures, count * -(-taken // piece) * piece)
    return int(whole * each) + min(part.files, TABLES) * about.footer


def evenly(things: list[Thing], most: int) -> list[Thing]:
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
