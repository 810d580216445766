"""Where pictures lie: files, folders and ZIPs as one list of what was found; nothing is ever unpacked to the disk."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import re
import stat
import zipfile
from collections.abc import Callable, Iterator

from ..events import Trouble

MOST_FILES = 50_000  # looked at in one go
MOST_BYTES = 100_000_000  # of one file, as it lies or unpacked
MOST_UNPACKED = 8_000_000_000  # of one archive in all
BOMB_RATIO, BOMB_FROM = 200, 4_000_000  # a member over 4 MB that unpacks to 200 times its size is no picture
JUNK = {"thumbs.db", "desktop.ini", "__macosx"}  # left by file managers; dot-files are passed over as well


class Refused(Trouble):
    """Why a file is no picture for the set. `soft` ones can be kept all the same if a person decides so."""

    def __init__(self, reason: str, template: str, soft: bool = False, **facts: str | float) -> None:
        super().__init__(template, **facts)
        self.reason, self.soft = reason, soft


@dataclasses.dataclass(frozen=True)
class Found:
    """A file that may be a picture. `read` gives its bytes (bounded), or raises `Refused`."""

    name: str  # as shown to people and used in decisions; unique within one search
    folder: str  # the folder it lies in, "" where that says nothing: a label, perhaps
    read: Callable[[], bytes]
    unsafe: bool = False  # a name in a ZIP that points outside of it


def find(sources: list[pathlib.Path]) -> list[Found]:
    """Everything in files, folders and ZIPs, in natural order and without junk.

    Where several folders or ZIPs are given, what lies at their top belongs to a folder of that name.
    """
    containers = sum(source.is_dir() or is_zip(source) for source in sources)
    found: list[Found] = []
    names: dict[str, int] = {}  # and how often each was met: a ZIP may hold one name 50,000 times
    for source in sources:
        top = source.stem if containers > 1 else ""
        for item in _look_into(source, top):
            name = item.name
            while name in names:
                names[item.name] += 1
                name = f"{item.name} ({names[item.name]})"
            names[name] = 1
            found.append(dataclasses.replace(item, name=name))
            if len(found) >= MOST_FILES:
                return found
    return found


def _look_into(source: pathlib.Path, top: str) -> Iterator[Found]:
    if source.is_dir():
        for folder, folders, files in os.walk(source):
            folders[:] = sorted((name for name in folders if not is_junk(name)), key=natural)
            inside = pathlib.Path(folder).relative_to(source)
            label = inside.name or top
            for file in sorted((name for name in files if not is_junk(name)), key=natural):
                path = pathlib.Path(folder) / file
                shown = "/".join((source.name, *inside.parts, file))
                if is_zip(path):
                    yield from in_zip(path, "", shown)
                else:
                    yield Found(shown, label, functools.partial(_read_file, path))
    elif is_zip(source):
        yield from in_zip(source, top, source.name)
    else:
        yield Found(source.name, "", functools.partial(_read_file, source))


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A sorting key that puts 2.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def is_junk(name: str) -> bool:
    """Whether a file or folder was left by a file manager, or hidden."""
    return name.startswith(".") or name.casefold() in JUNK


def is_zip(path: pathlib.Path) -> bool:
    """Whether the file starts like a ZIP, whatever its name says."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return starts_like_zip(file.read(4))
    except OSError:
        return False


def starts_like_zip(data: bytes) -> bool:
    """Whether these first bytes are those of a ZIP."""
    return data[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def _read_file(path: pathlib.Path) -> bytes:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # opening a pipe or a device could wait for ever
            raise Refused("unreadable", "This is not an ordinary file.")
        _check_size(state.st_size)
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise Refused("unreadable", "The file cannot be opened ({error}).", error=error.strerror or "?") from error


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        template = "The file has {megabytes} MB; at most {limit} MB are read. Save it smaller."
        raise Refused("huge", template, megabytes=size // 1_000_000, limit=MOST_BYTES // 1_000_000)


def in_zip(path: pathlib.Path, top: str, shown: str) -> Iterator[Found]:
    """The members of a ZIP; a damaged archive is one found file whose reading says so."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, MemoryError):
        broken = Refused("unreadable", "The ZIP is damaged or incomplete. Make it again.")
        yield Found(shown, "", functools.partial(_refuse, broken))
        return
    unpacked = 0
    named = sorted(((_name(member), member) for member in members), key=lambda pair: natural(pair[0]))
    for name, member in named[:MOST_FILES]:
        parts = name.replace("\\", "/").split("/")
        if any(is_junk(part) for part in parts if part not in (".", "..")):
            continue
        unsafe = ".." in parts or parts[0] == "" or bool(re.match(r"[A-Za-z]:", name))
        inside = [part for part in parts if part not in ("", ".", "..")]
        unpacked += member.file_size
        label = inside[-2] if len(inside) > 1 else top
        read = functools.partial(_read_member, path, member, unpacked)
        yield Found(f"{shown}/{name}", label, read, unsafe)


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name; archives without the UTF-8 mark hold UTF-8 or the GBK of Chinese Windows in practice."""
    if member.flag_bits & 0x800:
        return member.filename
    raw = member.filename.encode("cp437", errors="replace")
    for encoding in ("utf-8", "gbk"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


def _refuse(refusal: Refused) -> bytes:
    raise refusal


def _read_member(path: pathlib.Path, member: zipfile.ZipInfo, unpacked: int) -> bytes:
    if member.flag_bits & 1:
        raise Refused("locked", "The ZIP is protected by a password. Make one without.")
    if member.file_size > BOMB_FROM and member.file_size > BOMB_RATIO * max(1, member.compress_size):
        template = "It unpacks from {packed} to {unpacked} bytes, as no picture does. It was not unpacked."
        raise Refused("bomb", template, packed=member.compress_size, unpacked=member.file_size)
    _check_size(member.file_size)
    if unpacked > MOST_UNPACKED:
        template = "The ZIP unpacks to more than {limit} GB. Give the pictures in parts."
        raise Refused("bomb", template, limit=MOST_UNPACKED // 1_000_000_000)
    try:
        with _archive(path).open(member) as file:
            return file.read(MOST_BYTES)
    except Exception as error:  # packing methods raise what they like: zlib.error, LZMAError, RuntimeError, ...
        raise Refused("unreadable", "This part of the ZIP is damaged. Make the ZIP again.") from error


def let_go() -> None:
    """Close the archives that are still open from reading."""
    _archive.cache_clear()


@functools.lru_cache(maxsize=4)  # opening reads the whole list of members, so it is not done for each of them
def _archive(path: pathlib.Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)
