"""Run: a folder that says all about a training, and the process that fills it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

from .. import home
from .look import Look, Point, Sheet

__all__ = ["Look", "Point", "Run", "Sheet", "home", "promise", "promised", "work"]


class Run:
    """A training, addressed by its folder. Every method works from any process; none imports torch."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, root: pathlib.Path, order: dict[str, Any], owner: str = "", name: str = "") -> Run:
        """Write a new run's folder. `order`: family, size, options, plan, set (starter name or folder), start_from.

        Raises Trouble with a sentence where the order cannot be carried out.
        """
        raise NotImplementedError

    @classmethod
    def all(cls, root: pathlib.Path, owner: str | None = None) -> list[Run]:
        """The runs in a folder, newest first; those of one owner where one is given."""
        raise NotImplementedError

    @classmethod
    def find(cls, root: pathlib.Path, key: str, owner: str | None = None) -> Run:
        """The run with this key (its folder's name). Raises Trouble where there is none, or it is another owner's."""
        raise NotImplementedError

    def look(self) -> Look:
        """What the folder says right now."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin or go on, in a niced process of its own that outlives this one; it may have to wait in the queue."""
        raise NotImplementedError

    def resume(self) -> None:
        """Go on exactly where the run was paused or interrupted."""
        raise NotImplementedError

    def pause(self) -> None:
        """Save exactly and end the process, which frees memory and the place."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop and keep: finish now with what has been learned; `look().result` names the model some seconds later."""
        raise NotImplementedError

    def delete(self) -> None:
        """End the process if there is one, then remove the folder and nothing else. A finished model stays."""
        raise NotImplementedError

    def repair(self, name: str) -> None:
        """Do what a Problem's button offers (`Problem.repair`): a new segment, which `go_back` can undo."""
        raise NotImplementedError

    def go_back(self, point: str) -> None:
        """Go on from an earlier point, as a new segment of the same run; nothing that came later is lost."""
        raise NotImplementedError

    def keep(self, point: str, name: str = "") -> pathlib.Path:
        """Make a finished model of any point; the run stays as it is. Returns the checkpoint's folder."""
        raise NotImplementedError


def promised(order: dict[str, Any]) -> dict[str, Any] | None:
    """What `promise` measured earlier on this machine for an order like this, at once; None where it never did."""
    raise NotImplementedError


def promise(order: dict[str, Any]) -> Iterator[dict[str, Any]] | dict[str, Any]:
    """What an order will take on this machine: seconds, images, images_per_second, memory_bytes (~10 s, then cached)."""
    raise NotImplementedError


def work(folder: pathlib.Path) -> str:
    """Carry out a run in this process; returns the state it ended in."""
    raise NotImplementedError
