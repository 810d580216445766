"""Selection: every file found is kept or refused, with a reason, and what is kept becomes one set at once."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
import shutil
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .. import images
from ..events import Event, Failed, Finished, Judged, Preview, Problem, Progress
from .decode import Decoded, decode, measure
from .duplicates import Duplicates
from .imageset import ImageSet, Source
from .sources import MOST_FILES, Found, Refused, let_go, natural

if TYPE_CHECKING:
    from .intake import Intake

LEAST, FEW = 16, 64  # fewer are refused; fewer are kept with a word about what to expect
MOST_KINDS, SENSIBLE_KINDS = 1_000, 100  # that a model can have; that are taken for kinds without being asked
SIZES = (28, 32, 64)
SURVEYED = 100  # files that decide on a size: each is read once more for it, before anything is seen to happen
GREY_SPREAD, GREY_SHARE = 4.0, 0.98  # mean distance of the channels in a grey picture; share of them in a grey set
THUMB, THUMBS, THUMB_COLUMNS = 48, 2000, 16  # of refused pictures, one sheet
SHADES = {"white": 255, "grey": 128, "black": 0}


@dataclasses.dataclass
class Selection:
    """One run through the files found, and what is known so far."""

    found: list[Found]
    intake: Intake
    into: pathlib.Path
    name: str
    decisions: dict[str, bool]
    source: Source = dataclasses.field(default_factory=Source)

    def __post_init__(self) -> None:
        self.part = self.into.with_name(self.into.name + ".part")
        self.size = int(self.intake.size) if self.intake.size != "auto" else _choose_size(self.found)
        self.shade = SHADES[self.intake.background]
        self.known = Duplicates(self.intake.near_duplicates)
        self.kept: list[Found] = []
        self.reasons: collections.Counter[str] = collections.Counter()
        self.thumbs: list[np.ndarray] = []
        self.recent: collections.deque[np.ndarray] = collections.deque(maxlen=32)
        self.grey = 0

    def events(self) -> Iterator[Event]:
        """Judge all, then write the set; see `intake.take`."""
        _recover(self.into)
        shutil.rmtree(self.part, ignore_errors=True)
        self.part.mkdir(parents=True)
        try:
            with (self.part / "pixels.raw").open("wb") as raw, (self.part / "judged.jsonl").open("wb") as report:
                yield from self._judge_all(raw, report)
            yield from self._conclude()
        except OSError as error:
            yield Failed(template="The set cannot be written: {error}.", facts={"error": error.strerror or str(error)})
        finally:  # also when the iterator is closed half way: no half set stays
            shutil.rmtree(self.part, ignore_errors=True)
            let_go()

    def _judge_all(self, raw: Any, report: Any) -> Iterator[Event]:
        start = told = time.monotonic()
        for number, item in enumerate(self.found, start=1):
            judged = self._judge(item, raw)
            report.write(judged.line().encode() + b"\n")
            yield judged
            now = time.monotonic()
            if now - told > 0.25 or number == len(self.found):
                left = (now - start) / number * (len(self.found) - number)
                yield Progress(fraction=number / len(self.found), remaining=left, seconds=now - start, images=number)
                if self.recent:
                    yield Preview(images=len(self.kept), seconds=now - start, pixels=np.stack(self.recent))
                told = now

    def _judge(self, item: Found, raw: Any) -> Judged:
        """Keep a picture (its pixels go to the end of the raw file) or refuse it, and say why."""
        wanted, decoded, refused = self.decisions.get(item.name), None, None
        try:
            decoded = decode(item.read(), item.name, self.shade)
            pixels = np.asarray(images.square(decoded.picture, self.size, self.intake.fit, self.shade))
            if wanted is False:
                raise Refused("decided", "You left it out.", soft=True)
            if wanted is None:
                self._check(item, decoded, pixels)
        except Refused as error:
            refused = error
        if refused is not None:
            self.reasons[refused.reason] += 1
            facts = {**refused.facts, "can_keep": refused.soft}
            if decoded is not None and len(self.thumbs) < THUMBS:
                facts["thumb"] = len(self.thumbs)
                self.thumbs.append(np.asarray(images.square(decoded.picture, THUMB, "fit", self.shade)))
            return Judged(template=refused.template, facts=facts, name=item.name, kept=False, reason=refused.reason)
        self.known.add(item.name, decoded.picture, decoded.digest)
        raw.write(pixels.tobytes())
        self.recent.append(pixels)
        self.grey += _is_grey(pixels)
        self.kept.append(item)
        template = "You kept it." if wanted else decoded.note or "Kept."
        return Judged(
            template=template, facts=decoded.facts, name=item.name, kept=True, reason="", index=len(self.kept) - 1
        )

    def _check(self, item: Found, decoded: Decoded, pixels: np.ndarray) -> None:
        """Soft refusals: a person may decide otherwise."""
        width, height = decoded.size
        if item.unsafe:
            raise Refused("unsafe", "Its name in the ZIP points to another folder, as no honest ZIP does.", soft=True)
        if min(width, height) < self.size // 2:
            template = "It is {width} x {height} pixels; enlarged to {size} it would only be a blur."
            raise Refused("small", template, soft=True, width=width, height=height, size=self.size)
        if float(pixels.std(axis=(0, 1)).max()) < 2.0:
            raise Refused("blank", "It is all one colour.", soft=True)
        again = self.known.of(decoded.picture, decoded.digest)
        if again is not None:
            other, exact = again
            template = "It is the same picture as {other}." if exact else "It is nearly the same picture as {other}."
            raise Refused("duplicate" if exact else "near", template, soft=True, other=other)

    def _conclude(self) -> Iterator[Event]:
        kept, found = len(self.kept), len(self.found)
        self._write_thumbs()
        if kept < LEAST:
            yield self._too_few(kept, found)
            return
        channels = {"grey": 1, "colour": 3}.get(self.intake.colour) or (1 if self.grey >= GREY_SHARE * kept else 3)
        labels, classes = _labels([item.folder for item in self.kept], self.intake.labels)
        self._write(channels, labels, classes)
        _replace(self.part, self.into)
        if found == MOST_FILES:
            template = "Only the first {most} files were looked at."
            yield Problem(template=template, facts={"most": MOST_FILES}, name="many")
        if kept < FEW:
            template = (
                "{kept} pictures are few: the model will mostly draw these again, a little changed, and none can be "
                "held out to judge it. From a few hundred on it invents its own."
            )
            yield Problem(template=template, facts={"kept": kept}, name="few")
        facts = {"kept": kept, "found": found, "size": self.size, "channels": channels, "classes": len(classes)}
        yield Finished(
            template="Kept {kept} of {found} pictures.",
            facts={**facts, **self.reasons},
            result=str(self.into),
            images=kept,
        )

    def _too_few(self, kept: int, found: int) -> Failed:
        """No set comes of it; the reasons are still written where there is no older set that they would replace."""
        (self.part / "pixels.raw").unlink()
        if not (self.into / "set.json").exists():
            _replace(self.part, self.into)
        template = (
            "Only {kept} of {found} pictures can be used, and a model needs at least {least}. Even from {least} it "
            "only draws those again; a few hundred give something new. Add pictures, or keep some that were refused."
        )
        return Failed(template=template, facts={"kept": kept, "found": found, "least": LEAST, **self.reasons})

    def _write(self, channels: int, labels: np.ndarray | None, classes: tuple[str, ...]) -> None:
        pictures = ImageSet(
            images=self._pixels(channels),
            labels=labels,
            classes=classes,
            name=self.name or self.into.name,
            origin=self.source.origin,
            licence=self.source.licence,
            dataset=self.source.dataset,
            cleaned=dict(self.reasons),
            names=tuple(item.name for item in self.kept),
            flip=channels == 3 and not all(len(word) == 1 for word in classes or ("  ",)),
        )
        pictures.save(self.part)
        del pictures  # Windows removes no file that is still mapped
        for name in ("pixels.raw", "grey.raw"):
            (self.part / name).unlink(missing_ok=True)

    def _pixels(self, channels: int) -> np.ndarray:
        """The raw RGB rows as an array on the disk; made grey a thousand at a time if need be."""
        shape = (len(self.kept), self.size, self.size, 3)
        rows = np.memmap(self.part / "pixels.raw", np.uint8, "r", shape=shape)
        if channels == 3:
            return rows
        grey = np.memmap(self.part / "grey.raw", np.uint8, "w+", shape=(*shape[:3], 1))
        for start in range(0, len(rows), 1000):
            chunk = rows[start : start + 1000]
            tall = Image.fromarray(np.ascontiguousarray(chunk).reshape(-1, self.size, 3)).convert("L")
            grey[start : start + 1000] = np.asarray(tall).reshape(len(chunk), self.size, self.size, 1)
        return grey

    def _write_thumbs(self) -> None:
        if self.thumbs:
            sheet = images.to_pil(images.grid(np.stack(self.thumbs), THUMB_COLUMNS))
            sheet.save(self.part / "refused.webp", quality=80)


def _choose_size(found: list[Found]) -> int:
    """The largest size that the middle one of the pictures still fills."""
    sample = found[:: max(1, -(-len(found) // SURVEYED))]
    sides = []
    for item in sample:
        try:
            measured = measure(item.read())
        except Refused:
            continue
        if measured:
            sides.append(min(measured))
    middle = float(np.median(sides)) if sides else 0.0
    return max((size for size in SIZES if size <= middle), default=SIZES[0])


def _is_grey(pixels: np.ndarray) -> bool:
    return float(np.ptp(pixels, axis=2).mean()) < GREY_SPREAD


def _labels(folders: list[str], choice: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Classes from folder names, in natural order; none where they would say little."""
    kinds = sorted({folder or "other" for folder in folders}, key=natural)
    few = len(kinds) > SENSIBLE_KINDS or len(folders) < 4 * len(kinds) or "" in folders
    if choice == "off" or not 2 <= len(kinds) <= MOST_KINDS or (choice == "auto" and few):
        return None, ()
    number = {kind: index for index, kind in enumerate(kinds)}
    return np.array([number[folder or "other"] for folder in folders], np.int64), tuple(kinds)


def _replace(part: pathlib.Path, into: pathlib.Path) -> None:
    """Put a finished folder in its place; the old one is moved away first and put back if we die in between."""
    old = into.with_name(into.name + ".old")
    if into.exists():
        os.replace(into, old)
    os.replace(part, into)
    shutil.rmtree(old, ignore_errors=True)


def _recover(into: pathlib.Path) -> None:
    old = into.with_name(into.name + ".old")
    if old.exists() and not into.exists():
        os.replace(old, into)
    shutil.rmtree(old, ignore_errors=True)
