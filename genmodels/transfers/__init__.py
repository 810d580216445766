"""Transfers: what goes to the Hub and comes from it, each in a niced process of its own that can be cancelled."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import threading
import time
from typing import Any, Literal

from .. import files
from ..events import Event, Finished, Problem, Progress, Trouble
from ..library import OWN
from ..runs import jobs, queue

Kind = Literal["push", "pull", "guest", "pictures"]
KEPT = 3600.0  # seconds after which the story of a transfer goes
BEGUN = 0.05  # of a push: before that its files are made
MOST_WAITING = 4  # of one owner at a time: each has a process of its own
SENTENCES = {
    "waiting": "Waiting for its turn: number {place} in the queue.",
    "ready": "Getting it ready for {repo}: this takes some seconds.",
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
        self.jobs = jobs.Jobs("genmodels.transfers", root, apart=True)
        self._starting = threading.Lock()
        self._sweep()

    def start(self, owner: str, kind: Kind, title: str, order: dict[str, Any], token: str | None) -> str:
        """Begin one; returns its key at once. The same order again while it is at work is the same transfer."""
        with self._starting:
            self._sweep()
            told = {"kind": kind, "title": title, "owner": owner, "signed": bool(token), **order}
            alive = 0
            for folder, known in self.jobs.of(owner):
                if self._look(folder, known).alive:
                    if known == {**told, "created": known["created"]}:
                        return folder.name
                    alive += 1
            if alive >= MOST_WAITING:
                raise Trouble("{n} of your transfers are on their way. Wait for one of them.", n=MOST_WAITING)
            folder = self.jobs.room(owner) / secrets.token_hex(10)
            with files.whole_folder(folder) as fresh:
                files.write_json(fresh / "order.json", {**told, "created": time.time()})
            self.jobs.start(folder, token or "")
            return folder.name

    def look(self, owner: str, key: str) -> Transfer | None:
        """How it stands; None where there is no such transfer (any more)."""
        found = self.jobs.find(owner, key)
        return self._look(*found) if found else None

    def cancel(self, owner: str, key: str) -> None:
        """End it at once and forget it; what was on its way is removed, or left unnamed on the Hub."""
        if found := self.jobs.find(owner, key):
            self.jobs.forget(found[0])

    # ---- inside

    def _look(self, folder: pathlib.Path, order: jobs.Order) -> Transfer:
        story = self.jobs.story(folder, order, SENTENCES["cut short"])
        kind, facts = order["kind"], {"repo": order["title"]}
        known = {
            "progress": story.progress,
            "notes": story.every(Problem),
            "link": order.get("link", ""),
            "created": order["created"],
        }
        if (end := story.end) is not None:
            result = end.result if isinstance(end, Finished) else ""
            kind = "guest" if kind == "pull" and result and not result.startswith(OWN) else kind
            return Transfer(folder.name, kind, order["title"], end.template, end.facts, end=end, result=result, **known)
        place = queue.place(folder)
        if place > 1:
            return Transfer(folder.name, kind, order["title"], SENTENCES["waiting"], {"place": place}, **known)
        begun = story.progress is not None and story.progress.fraction > BEGUN
        state = "ready" if kind == "push" and not begun else kind
        return Transfer(folder.name, kind, order["title"], SENTENCES[state], facts, **known)

    def _sweep(self) -> None:
        """What ended goes, also of people who never came back: an order may name what is private."""
        for folder, order in self.jobs.all():
            if order["created"] < time.time() - KEPT and not self.jobs.at_work(folder):
                self.jobs.forget(folder)
