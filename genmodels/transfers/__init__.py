"""Transfers: what goes to the Hub and comes from it, each in a niced process of its own that can be cancelled."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import subprocess
import threading
import time
from typing import Any, Literal

from ..events import Event, Failed, Finished, Problem, Progress, Trouble
from ..library import OWN
from ..runs import files, jobs, queue

Kind = Literal["push", "pull", "guest", "pictures"]
KEPT = 3600.0  # seconds after which the story of a transfer goes
MOST_WAITING = 4  # of one owner at a time: each has a process of its own
SENTENCES = {
    "waiting": "Waiting for its turn: number {place} in the queue.",
    "push": "On its way to {repo}.",
    "pull": "{repo} is on its way.",
    "pictures": "Pictures of {repo} are on their way.",
    "cut short": "It was cut short. Nothing was lost: press again.",
}


@dataclasses.dataclass(frozen=True)
class Transfer:
    """How a transfer stands, or how it ended."""

    key: str
    kind: Kind
    title: str  # the repository
    template: str
    facts: dict[str, Any]
    created: float
    progress: Progress | None = None
    notes: tuple[Problem, ...] = ()
    end: Event | None = None  # Finished or Failed; None while it is at work
    result: str = ""  # key of what came, or address of what was published
    link: str = ""  # its page on the Hub

    @property
    def alive(self) -> bool:
        """Whether there is more to come."""
        return self.end is None


class Transfers:
    """Folders of transfers, a queue for each owner. A token goes to the child by a pipe, and nowhere else."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self._children: dict[str, subprocess.Popen] = {}
        self._starting = threading.Lock()
        for place in files.folders(root):
            files.sweep(place)

    def start(self, owner: str, kind: Kind, title: str, order: dict[str, Any], token: str | None) -> str:
        """Begin one; returns its key at once. The same order again while it is at work is the same transfer."""
        with self._starting:
            self._sweep(owner)
            told = {"kind": kind, "title": title, "owner": owner, "signed": bool(token), **order}
            alive = 0
            for folder in files.folders(self._place(owner)):
                known = files.read_json(folder / "order.json", {})
                if known and self._look(folder, known).alive:
                    if {**known, "created": 0} == {**told, "created": 0}:
                        return folder.name
                    alive += 1
            if alive >= MOST_WAITING:
                raise Trouble("{n} of your transfers are on their way. Wait for one of them.", n=MOST_WAITING)
            folder = self._place(owner) / secrets.token_hex(10)
            with files.whole_folder(folder) as fresh:
                files.write_json(fresh / "order.json", {**told, "created": time.time()})
            self._children[folder.name] = jobs.launch("genmodels.transfers", folder, token or "")
            return folder.name

    def look(self, owner: str, key: str) -> Transfer | None:
        """How it stands; None where there is no such transfer (any more)."""
        folder = next((each for each in files.folders(self._place(owner)) if each.name == key), None)
        order = files.read_json(folder / "order.json") if folder else None
        return self._look(folder, order) if order else None

    def cancel(self, owner: str, key: str) -> None:
        """End it at once and forget it; what was on its way is removed, or left unnamed on the Hub."""
        for folder in files.folders(self._place(owner)):
            if folder.name == key:
                jobs.forget(folder, self._children.pop(key, None))

    # ---- inside

    def _place(self, owner: str) -> pathlib.Path:
        return self.root / (owner or "own")

    def _look(self, folder: pathlib.Path, order: dict[str, Any]) -> Transfer:
        at_work, told = jobs.at_work(folder, self._children.get(folder.name)), jobs.heard(folder)
        kind, facts = order["kind"], {"repo": order["title"]}
        known = {
            "progress": next((each for each in reversed(told) if isinstance(each, Progress)), None),
            "notes": tuple(each for each in told if isinstance(each, Problem)),
            "link": order.get("link", ""),
            "created": order["created"],
        }
        end = told[-1] if told and isinstance(told[-1], (Finished, Failed)) else None
        if end is None and not at_work and (told or jobs.cut_short(order["created"])):
            end = Failed(template=SENTENCES["cut short"], details=jobs.last_words(folder))
        if end is not None:
            result = end.result if isinstance(end, Finished) else ""
            kind = "guest" if kind == "pull" and result and not result.startswith(OWN) else kind
            return Transfer(folder.name, kind, order["title"], end.template, end.facts, end=end, result=result, **known)
        place = queue.place(folder)
        if place > 1:
            return Transfer(folder.name, kind, order["title"], SENTENCES["waiting"], {"place": place}, **known)
        return Transfer(folder.name, kind, order["title"], SENTENCES[kind], facts, **known)

    def _sweep(self, owner: str) -> None:
        for folder in files.folders(self._place(owner)):
            order = files.read_json(folder / "order.json", {})
            if order.get("created", 0) < time.time() - KEPT and not jobs.at_work(
                folder, self._children.get(folder.name)
            ):
                jobs.forget(folder, self._children.pop(folder.name, None))
