"""Files: written whole or not at all, removed in one step, read without fear."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import Any

FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))  # no space, or no more of it for this user
PARCEL_SECONDS = 600  # what was packed for a download is kept so long; gradio has its own copy
FRESH, GONE = ".fresh-", ".gone-"  # what is being written, and what is being removed: nobody reads either


def write_whole(file: pathlib.Path, content: str | bytes, durable: bool = True) -> None:
    """Write a file so that a reader, a crash or a full disk never sees half of it; the old one stays until then."""
    fresh = file.with_name(f"{FRESH}{secrets.token_hex(4)}-{file.name}")
    try:
        with open(fresh, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)
    if durable:
        sync(file.parent)


def write_json(file: pathlib.Path, content: Any) -> None:
    """`write_whole` for plain data."""
    write_whole(file, json.dumps(content, ensure_ascii=False, indent=1))


def read_json(file: pathlib.Path, default: Any = None) -> Any:
    """Plain data from a file; the default where the file is not there or makes no sense."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return default


def read_word(file: pathlib.Path) -> str:
    """The word in a file; "" where there is none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()  # Windows logs in an encoding of its own
    except OSError:
        return ""


def drop_torn_line(file: pathlib.Path) -> None:
    """Cut a file of lines back to its last whole one."""
    if file.exists() and not (text := file.read_bytes()).endswith(b"\n"):
        os.truncate(file, text.rfind(b"\n") + 1)


@contextlib.contextmanager
def whole_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A new folder that appears under its name only when all of it is on the disk; nothing is left of a failed one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = folder.with_name(f"{FRESH}{secrets.token_hex(4)}-{folder.name}")
    fresh.mkdir()
    try:
        yield fresh
        for file in fresh.iterdir():
            sync(file)
        sync(fresh)
        if folder.exists():
            discard(folder)
        os.rename(fresh, folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def discard(folder: pathlib.Path) -> None:
    """Remove a folder: it is gone for every reader in one step, then its files go. Links are not followed."""
    gone = folder.with_name(f"{GONE}{secrets.token_hex(4)}")
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def sweep(folder: pathlib.Path) -> None:
    """Remove what a killed process left half written or half removed."""
    for left in [*folder.glob(f"{FRESH}*"), *folder.glob(f"{GONE}*")]:
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def parcel(root: pathlib.Path) -> pathlib.Path:
    """A fresh folder in `root` for something to download; old ones go."""
    for old in root.iterdir():
        with contextlib.suppress(FileNotFoundError):  # somebody else took it away at the same moment
            if old.stat().st_mtime < time.time() - PARCEL_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    return pathlib.Path(tempfile.mkdtemp(dir=root))


def folders(root: pathlib.Path) -> list[pathlib.Path]:
    """The folders in a folder that somebody may read."""
    return [f for f in root.iterdir() if f.is_dir() and not f.name.startswith(".")] if root.is_dir() else []


def sync(path: pathlib.Path) -> None:
    """Ask the system to put a file or folder on the disk now (Windows knows this for files only)."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
