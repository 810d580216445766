"""Run: a folder that says all about a training, and the process that fills it."""

from __future__ import annotations

import contextlib
import pathlib
import secrets
import subprocess
import time
from collections.abc import Callable
from typing import Any

import filelock

from .. import files, home
from ..device import spawn
from ..events import Event, Trouble
from . import points, queue, result, segments
from .look import Look, Sheet, children, look_at, state_of
from .points import Point

__all__ = ["Look", "Point", "Run", "Sheet", "home", "promise", "promised", "work"]
ALIVE = ("waiting", "starting", "running", "pausing", "stopping")
PATIENCE = 15.0  # seconds that a process gets to end when its run is deleted


class Run:
    """A training, addressed by its folder. Every method works from any process, and none trains in it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, root: pathlib.Path, order: dict[str, Any], owner: str = "", name: str = "") -> Run:
        """Write a new run's folder. `order`: family, size, options, plan, set (starter name or folder), start_from.

        Raises Trouble with a sentence where the order cannot be carried out. Imports torch to check the settings.
        """
        from .order import check

        order = check(order)
        name = (name or f"{pathlib.PurePath(order['set']).name} {order['family'].upper()}")[: result.LONGEST_NAME]
        about = {"name": name, "owner": owner, "created": time.time(), "order": order}
        folder = root.resolve() / f"{result.slug(name)}-{secrets.token_hex(4)}"
        with files.whole_folder(folder) as fresh:
            files.write_json(fresh / "plan.json", about)
        return cls(folder)

    @classmethod
    def all(cls, root: pathlib.Path, owner: str | None = None) -> list[Run]:
        """The runs in a folder, newest first; those of one owner where one is given."""
        plans = [(files.read_json(folder / "plan.json"), folder) for folder in files.folders(root.resolve())]
        mine = [(plan["created"], folder) for plan, folder in plans if plan and owner in (None, plan["owner"])]
        return [cls(folder) for _, folder in sorted(mine, reverse=True)]

    @classmethod
    def find(cls, root: pathlib.Path, key: str, owner: str | None = None) -> Run:
        """The run with this key (its folder's name). Raises Trouble where there is none, or it is another owner's."""
        for run in cls.all(root, owner):
            if run.folder.name == key:
                return run
        raise Trouble("There is no run called {name}.", name=str(key)[:80])

    def look(self) -> Look:
        """What the folder says right now. Cheap: only what is new is read."""
        if not (self.folder / "plan.json").exists():
            raise Trouble("This run is not there any more.")
        return look_at(self.folder)

    # ---- start, pause, resume, stop, delete

    def start(self) -> None:
        """Begin or go on, in a niced process of its own that outlives this one; it may have to wait in the queue."""
        self._clear()
        self._launch()

    def _clear(self) -> None:
        """Make way for a process; Trouble where one is at work, or nothing is left to do."""
        state = state_of(self.folder)
        if state in ALIVE:
            raise Trouble("This run is already at work.")
        if state == "finished" and not segments.asked(self.folder):
            raise Trouble("This run has finished. Choose a point to go on from.")
        (self.folder / "ask").unlink(missing_ok=True)

    def _launch(self) -> None:
        queue.join(self.folder)
        (self.folder / "ended.json").unlink(missing_ok=True)
        children[self.folder] = spawn("genmodels.runs", self.folder)

    def start_here(self, watch: Callable[[Event], None]) -> str:
        """Begin or go on in this process; returns the state it ended in. `watch` hears every event."""
        self._clear()
        return work(self.folder, watch)

    def resume(self) -> None:
        """Go on exactly where the run was paused or interrupted."""
        self.start()

    def pause(self) -> None:
        """Save exactly and end the process, which frees memory and the place; `look` says pausing, then paused."""
        if state_of(self.folder) in ALIVE:
            files.write_whole(self.folder / "ask", "pause")

    def stop(self) -> None:
        """Stop and keep: finish now with what has been learned; `look().result` names the model some seconds later."""
        state = state_of(self.folder)
        if state in ALIVE:
            files.write_whole(self.folder / "ask", "stop")
        elif state in ("paused", "failed", "interrupted") and points.all_points(self.folder):
            self._clear()
            files.write_whole(self.folder / "ask", "stop")
            self._launch()
        elif state != "finished":
            raise Trouble("There is nothing to keep yet.")

    def delete(self) -> None:
        """End the process if there is one, then remove the folder and nothing else. A finished model stays."""
        folder = self.folder
        if folder.is_symlink() or not (folder / "plan.json").exists():
            raise Trouble("This run is not there any more.")
        queue.leave(folder)
        with contextlib.suppress(OSError):  # a full disk must not keep anybody from making space
            files.write_whole(folder / "ask", "quit")
        lock = filelock.FileLock(folder / "lock")
        try:
            lock.acquire(timeout=PATIENCE)
        except filelock.Timeout as error:
            raise Trouble("Its process does not end. Try again in a moment.") from error
        (folder / "plan.json").unlink()  # from here on it is no run, also for a process that starts late
        lock.release()
        files.discard(folder)
        child = children.pop(folder, None)
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=PATIENCE)

    # ---- the time machine

    def repair(self, name: str) -> None:
        """Do what a Problem's button offers (`Problem.repair`): a new segment, which `go_back` can undo."""
        from .order import repaired

        plan, now = files.read_json(self.folder / "plan.json"), segments.every(self.folder)[-1]["options"]
        order = {**plan["order"], "options": {**plan["order"]["options"], **now}}
        options = {**now, **repaired(order, name)}
        if name == "critic":
            self._begin("", options, "Repaired: the critic now learns at half its rate.")
            return
        varied = points.last_varied(self.folder)
        if varied is None:
            raise Trouble("There is no varied save point to go back to. Start again with the gradient penalty on.")
        template = "Repaired: back to {images} pictures, with a stronger gradient penalty."
        self._begin(varied.name, options, template, images=varied.images)

    def go_back(self, point: str) -> None:
        """Go on from an earlier point, as a new segment of the same run; nothing that came later is lost."""
        chosen = self._point(point)
        options = segments.every(self.folder)[chosen.segment]["options"]  # as they were then: this undoes a repair
        self._begin(chosen.name, options, "Gone back to {images} pictures.", images=chosen.images)

    def keep(self, point: str, name: str = "") -> pathlib.Path:
        """Make a finished model of any point; the run stays as it is. Returns the checkpoint's folder."""
        plan, chosen = files.read_json(self.folder / "plan.json"), self._point(point)
        name = name or plan["name"]
        return result.shelve(self.folder, name, plan["owner"], result.copy(chosen.folder, name))

    def _point(self, name: str) -> Point:
        point = points.find(self.folder, name)
        if point is None:
            raise Trouble("This save point is not there any more. Choose another one.")
        return point

    def _begin(self, point: str, options: dict[str, Any], template: str, **facts: int) -> None:
        segments.ask(self.folder, point, options, template, **facts)
        if state_of(self.folder) not in ALIVE:
            self.start()


def promised(order: dict[str, Any]) -> dict[str, Any] | None:
    """What `promise` measured earlier on this machine for an order like this, at once; None where it never did."""
    from .promises import promised

    return promised(order)


def promise(order: dict[str, Any]) -> dict[str, Any]:
    """What an order will take on this machine: seconds, images, images_per_second, memory. Measured once."""
    from .promises import promise

    return promise(order)


def work(folder: pathlib.Path, watch: Callable[[Event], None] = lambda event: None) -> str:
    """Carry out a run in this process; returns the state it ended in. `watch` hears every event."""
    from .worker import work

    return work(folder, watch)
