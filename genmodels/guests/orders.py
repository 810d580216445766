"""Orders: jobs for guests as folders, the pictures that came with them, and the process that does them."""

from __future__ import annotations

import base64
import binascii
import pathlib
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import Any

from .. import device, files
from ..events import Trouble
from ..runs import jobs, queue

KEPT, LAST = 3600.0, 8  # seconds that what came of a job is kept, and of how many jobs of one owner
AT_ONCE = 4  # jobs of one owner that may wait
DEATHS = 3  # of the process one after the other, until nobody wakes it any more for the job at hand
LARGEST = 40 << 20  # bytes of one picture
URI = re.compile(r"data:image/([a-z]{3,4})[^,]{0,60};base64,([A-Za-z0-9+/=\s]+)")


class Orders(jobs.Jobs):
    """Jobs that one process does, one after the other: `asked` says that nobody has begun."""

    def __init__(self, root: pathlib.Path) -> None:
        super().__init__("genmodels.guests", root)
        self._worker: subprocess.Popen | None = None
        self._starting, self._deaths = threading.Lock(), 0
        root.mkdir(parents=True, exist_ok=True)
        self.sweep()

    def add(self, order: dict[str, Any], pictures: Sequence[str | pathlib.Path] = ()) -> str:
        """Take a job with its pictures, and see that somebody does it; returns its key. Raises Trouble."""
        owner = order["owner"]
        self.sweep(owner)
        if sum((folder / "asked").exists() for folder, _ in self.of(owner)) >= AT_ONCE:
            raise Trouble("{n} of your jobs are waiting already. Let one of them end first.", n=AT_ONCE)
        contents = [given(picture) for picture in pictures]
        folder = self.root / secrets.token_hex(10)
        with files.whole_folder(folder) as fresh:
            for number, content in enumerate(contents):
                (fresh / "given").mkdir(exist_ok=True)
                (fresh / "given" / f"{number:02}").write_bytes(content)
            files.write_json(fresh / "order.json", {**order, "created": time.time()})
            queue.join(fresh)
        self._deaths = 0
        self.wake()
        return folder.name

    def sweep(self, owner: str | None = None) -> None:
        """What anybody left an hour ago goes, and of one owner all but the last few."""
        known = self.all()
        mine = [folder for folder, order in known if order["owner"] == owner]
        for folder, order in known:
            old = order["created"] < time.time() - KEPT or folder in mine[LAST - 1 :]
            if old and not (folder / "asked").exists():
                self.forget(folder)

    def place(self, folder: pathlib.Path) -> int:
        """A job's place in the line, from 0: nobody is before it."""
        line = waiting(self.root)
        before = line.index(folder) if folder in line else 0
        return before + (folder in line and (self.root / "busy").exists())

    def at_work(self, folder: pathlib.Path) -> bool:
        """Whether there is a process that does all jobs: our own, or that of another server."""
        return (self._worker is not None and self._worker.poll() is None) or queue.held(self.root)

    def wake(self) -> None:
        """Start the process where there is none. It ends with this one, as its end of the pipe closes."""
        with self._starting:
            if self.at_work(self.root) or self._deaths >= DEATHS:
                return
            if self._worker is not None:
                self._deaths += self._worker.returncode != 0
                self._worker.stdin.close()
            self._worker = device.spawn(self.module, self.root, subprocess.PIPE)

    def close(self) -> None:
        """Let the process go."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait(timeout=jobs.PATIENCE)
            self._worker.stdin.close()

    def last_words(self, folder: pathlib.Path) -> str:
        """The end of the log of the process, for the engineer."""
        return super().last_words(self.root)


def waiting(root: pathlib.Path) -> list[pathlib.Path]:
    """The jobs that nobody has begun, the next one first."""
    tickets = [(files.read_word(folder / "asked"), folder) for folder in files.folders(root)]
    return [folder for ticket, folder in sorted(tickets) if ticket]


def given(picture: str | pathlib.Path) -> bytes:
    """The content of a picture: a data-URI, or the path (never as text: that comes from outside) of an upload."""
    if isinstance(picture, pathlib.Path):
        if not picture.is_file() or picture.stat().st_size > LARGEST:
            raise Trouble("This picture cannot be read.")
        return picture.read_bytes()
    found = URI.fullmatch(picture) if isinstance(picture, str) and len(picture) < LARGEST else None
    try:
        content = base64.b64decode(found[2]) if found else b""
    except binascii.Error as error:
        raise Trouble("This picture cannot be read.") from error
    if not content:
        raise Trouble("This picture cannot be read.")
    return content
