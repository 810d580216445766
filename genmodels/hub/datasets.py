"""Picture sets on the Hub: what one holds, and its pictures as one ZIP with a folder for each kind."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import queue
import shutil
import threading
import time
from collections.abc import Generator, Iterator

import numpy as np

from ..data.decode import decode, measure
from ..data.imageset import Source
from ..data.sources import Refused
from ..events import Event, Finished, Problem, Progress, Trouble
from ..images import grid, square, webp
from ..settings import Settings, setting
from .client import Address
from .dataset_about import DatasetAbout, Looked, look
from .dataset_rows import MOST_BYTES, Archive, Row, cost, in_files, in_tables
from .dataset_rows import glimpse as glimpsed
from .parquet import Damaged
from .remote import Full, Traffic

BY_ITSELF = "*"  # a choice that was left open
TOLD_EVERY = 0.25  # seconds
AHEAD = 32  # pictures that wait to be written
MOST_GLIMPSE, MOST_PIXELS, MOST_TRIED = 3_000_000, 4_000_000, 32  # bytes in all; pixels of one; pictures looked at
TILE, COLUMNS, MOST_TILES = 56, 8, 16


class Choice(Settings):
    """Which pictures of a data set, and how many at most. "*" is whatever comes first, and label "" no kinds."""

    split: str = setting(BY_ITSELF, "Part", "Data sets come in parts: one to learn from, others to test with.")
    image: str = setting(BY_ITSELF, "Picture column", "The column that holds the pictures.")
    label: str = setting(BY_ITSELF, "Kinds from", "What says what a picture shows, so that you can ask for one kind.")
    most_pictures: int = setting(
        5_000, "At most so many pictures", "They are taken from all over the data set.", low=16, high=50_000
    )
    most_megabytes: int = setting(300, "At most so many MB", "Getting them stops there.", low=1, high=900)


def about(address: Address, token: str | None) -> DatasetAbout:
    """What a data set holds: a few requests, no pictures. Raises Trouble."""
    return look(address, token).about


def glimpse(address: Address, token: str | None) -> bytes:
    """A sheet of some of its pictures, WebP of 8 columns; b"" where they cannot be had for little. Raises Trouble."""
    looked = look(address, token)
    chosen = settled(looked.about, Choice())
    looked.traffic.most = looked.traffic.bytes + MOST_GLIMPSE
    tiles = []
    with contextlib.suppress(Full, Damaged):
        for data in itertools.islice(glimpsed(looked, looked.parts[chosen.split], chosen.image), MOST_TRIED):
            side = measure(data) if len(data) <= MOST_GLIMPSE else None
            if side and side[0] * side[1] <= MOST_PIXELS:
                with contextlib.suppress(Refused):
                    tiles.append(np.asarray(square(decode(data, "").picture, TILE, "crop", 255)))
    return webp(grid(np.stack(tiles[:MOST_TILES]), COLUMNS)) if tiles else b""


def fetch(
    address: Address, chosen: Choice, token: str | None, into: pathlib.Path
) -> Generator[Event, None, pathlib.Path]:
    """Get pictures into a folder that appears whole: one ZIP for the usual intake, and source.json beside it.

    Only ranges of files are asked for, spread over the whole part, until a limit is met. Yields Progress, Problems and
    Finished; closing it stops the download and leaves nothing behind. Raises Trouble.
    """
    yield Progress(fraction=0.0)
    looked = look(address, token)
    chosen = settled(looked.about, chosen)
    looked.traffic.most = chosen.most_megabytes * 1_000_000
    part, name = into.with_name(into.name + ".part"), looked.repo.rpartition("/")[2]
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    archive = Archive(part / f"{name}.zip")
    try:
        yield from _gather(looked, chosen, archive)
        _check(looked, chosen, archive)
        told = {"name": name, **dataclasses.asdict(source(looked.about, chosen))}
        (part / "source.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")
        shutil.rmtree(into, ignore_errors=True)
        os.replace(part, into)
    finally:
        with contextlib.suppress(OSError):  # a full disk: what is there must go all the same
            archive.close()
        shutil.rmtree(part, ignore_errors=True)
    yield Progress(fraction=1.0, remaining=0.0, images=archive.count)
    yield from _notes(looked, chosen, archive)
    yield Finished(
        template="Got {n} pictures; {mb} MB were downloaded.",
        facts={"n": archive.count, "mb": round(looked.traffic.bytes / 1e6, 1)},
        result=str(into),
        images=archive.count,
    )
    return into


def settled(about: DatasetAbout, chosen: Choice) -> Choice:
    """The choice with nothing left open. Raises Trouble for what the data set does not have."""
    splits = [each.name for each in about.splits]
    labels = [each.name for each in about.label_columns]
    usual = next((each.name for each in about.label_columns if each.kinds or "label" in each.name.lower()), "")
    found = {
        "split": splits[0] if chosen.split == BY_ITSELF else chosen.split,
        "image": about.image_columns[0] if chosen.image == BY_ITSELF else chosen.image,
        "label": usual if chosen.label == BY_ITSELF else chosen.label,
    }
    for name, known in (("split", splits), ("image", list(about.image_columns)), ("label", [*labels, ""])):
        if found[name] not in known:
            given, names = found[name][:80], ", ".join(filter(None, known[:20])) or "-"
            raise Trouble("{repo} has no {name}; it has {names}.", repo=about.repo, name=given, names=names)
    return Choice(**{**chosen.model_dump(), **found})


def source(about: DatasetAbout, chosen: Choice) -> Source:
    """Where such pictures come from, for the set and for every model that learns from it."""
    part = about.split(chosen.split)
    return Source(
        origin=f"{about.repo} on the Hugging Face Hub, split {chosen.split}, commit {about.commit[:7]}",
        licence=about.licence,
        dataset={
            "id": about.repo,
            "commit": about.commit,
            "split": chosen.split,
            "label": chosen.label,
            "most": chosen.most_pictures,
            "of": part.pictures if part else None,
            "private": about.private,
        },
    )


def _gather(looked: Looked, chosen: Choice, archive: Archive) -> Iterator[Progress]:
    """Put picture after picture into the archive while another thread downloads; closing it ends that thread."""
    paths, most = looked.parts[chosen.split], chosen.most_pictures
    if looked.about.tables:
        rows = in_tables(looked, paths, chosen.image, chosen.label, most)
    else:
        rows = in_files(looked, paths, chosen.label, most)
    part = looked.about.split(chosen.split)
    expected = min(most, part.pictures or most)
    budget = looked.traffic.most
    needed = min(budget, cost(looked.about, part, most, budget) or budget)
    waiting: queue.Queue[Row | Exception | None] = queue.Queue(AHEAD)
    threading.Thread(target=_download, args=(rows, waiting, looked.traffic), daemon=True, name="pictures").start()
    start = told = time.monotonic()
    try:
        while archive.count < most and archive.bytes < looked.traffic.most:  # downloads see to their limit themselves
            with contextlib.suppress(queue.Empty):
                item = waiting.get(timeout=TOLD_EVERY)
                if isinstance(item, Full) or item is None:
                    break
                if isinstance(item, Exception):
                    raise item
                if item[0] and len(item[0]) <= MOST_BYTES:
                    archive.add(*item)
            now = time.monotonic()
            if now - told > TOLD_EVERY:
                share, told = min(0.99, max(archive.count / expected, looked.traffic.bytes / needed)), now
                left = (now - start) / share * (1 - share) if share else None
                yield Progress(fraction=share, remaining=left, seconds=now - start, images=archive.count)
    finally:
        looked.traffic.stopped = True
        archive.close()


def _download(rows: Iterator[Row], waiting: queue.Queue[Row | Exception | None], traffic: Traffic) -> None:
    """What the other thread does: rows into the queue, then None or what went wrong."""

    def put(item: Row | Exception | None) -> None:
        while not traffic.stopped:
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=TOLD_EVERY)
                return

    try:
        for row in rows:
            put(row)
            if traffic.stopped:
                return
        put(None)
    except concurrent.futures.CancelledError:
        pass
    except Exception as error:  # told to whoever waits, in their own thread
        put(error)


def _check(looked: Looked, chosen: Choice, archive: Archive) -> None:
    """Trouble where nothing came that the intake could look at."""
    if not archive.count and looked.traffic.full:
        template = "The pictures of {repo} come in pieces of more than {n} MB. Allow more, or choose another data set."
        raise Trouble(template, repo=looked.repo, n=chosen.most_megabytes)
    if not archive.count:
        template = "{repo} holds only the addresses of its pictures, not the pictures. Choose another data set."
        raise Trouble(template, repo=looked.repo)
    if not archive.pictures:
        template = "What lies in {column} of {repo} are no pictures. Choose another column, or another data set."
        raise Trouble(template, column=chosen.image, repo=looked.repo)


def _notes(looked: Looked, chosen: Choice, archive: Archive) -> Iterator[Problem]:
    """What a person should know although it worked."""
    if looked.traffic.full:
        template = "The limit of {n} MB was met after {count} pictures."
        facts = {"n": chosen.most_megabytes, "count": archive.count}
        yield Problem(template=template, facts=facts, name="limit")
    labels = looked.about.labels(chosen.label)
    missing = len(labels.kinds) - len(archive.folders) if labels and archive.count else 0
    if missing > 0 and len(labels.kinds) <= archive.count // 4:
        template = "{n} of the {kinds} kinds are not among these pictures. Ask for more of them."
        yield Problem(template=template, facts={"n": missing, "kinds": len(labels.kinds)}, name="kinds")
