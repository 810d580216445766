"""Points: the save points of a run. Each is a whole checkpoint folder; the newest also hold all for an exact resume."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .. import files

if TYPE_CHECKING:
    from torch import Tensor

    from ..trainer import Training

MOST = 24  # points kept, evenly in log(pictures seen)
EXACT = 2  # so many of the newest, those to go back to, and where segments start keep all for an exact resume
VARIED = 0.5  # a point that draws at least this share of the real variety is one to go back to


@dataclasses.dataclass(frozen=True)
class Point:
    """A save point: a whole checkpoint folder that can be drawn from, gone back to, or kept as a model."""

    name: str  # its folder's name, for `Run.go_back` and `Run.keep`
    folder: pathlib.Path
    images: int  # pictures seen so far in the run, never going back
    seconds: float
    fraction: float  # of the budget
    segment: int
    variety: float | None  # of the newest preview before it, as a share of the real pictures' variety
    distance: float | None  # to the real pictures, where this very moment was scored
    exact: bool  # it holds the state to go on exactly; the others go on from their weights


def all_points(run: pathlib.Path) -> tuple[Point, ...]:
    """The save points of a run, oldest first."""
    found = [point for folder in files.folders(run / "points") if (point := _read(folder))]
    return tuple(sorted(found, key=lambda point: point.images))


def find(run: pathlib.Path, name: str) -> Point | None:
    """A save point by its name."""
    return next((point for point in all_points(run) if point.name == name), None)


def last_varied(run: pathlib.Path) -> Point | None:
    """The newest point that still drew varied pictures: where the repair of a collapse goes back to."""
    return next((p for p in reversed(all_points(run)) if p.variety is not None and p.variety >= VARIED), None)


def best(points: Iterable[Point]) -> Point | None:
    """The point nearest to the real pictures, of those that were scored."""
    return min((p for p in points if p.distance is not None), key=lambda point: point.distance, default=None)


def _read(folder: pathlib.Path) -> Point | None:
    facts = files.read_json(folder / "point.json")
    if not facts:
        return None
    names = ("images", "seconds", "fraction", "segment", "variety", "distance")
    return Point(folder.name, folder, *[facts.get(n) for n in names], exact=(folder / "state.safetensors").exists())


class Points:
    """Where the trainer of one segment saves (its `Store`). Names count the whole run's pictures, so none collide."""

    def __init__(
        self,
        run: pathlib.Path,
        segment: dict[str, Any],
        checkpoint: Callable[[pathlib.Path, Any, Training], None],
        length: Callable[[], int],
        said: Callable[[Point], None],
    ) -> None:
        self.run, self.segment = run, segment
        self.variety: float | None = None  # of the newest preview, told by whoever reads the events
        self._checkpoint, self._length, self._said = checkpoint, length, said
        files.sweep(run / "points")

    def save(self, training: Training) -> str:
        """Write all of the training, whole or not at all, then name it in `latest`; returns the point's name.

        A training that lost its numbers is not saved: "".
        """
        from safetensors.torch import save

        images = training.images + self.segment["offset"]
        facts = {
            "images": images,
            "seconds": training.seconds,
            "fraction": training.fraction,
            "segment": self.segment["number"],
            "variety": self.variety,
            "distance": training.scored[1] if training.scored[0] == training.step else None,
        }
        state, counters = training.tensors(), training.facts()  # before anything is settled
        if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
            return ""
        target = self.run / "points" / str(images)
        with files.whole_folder(target) as folder:
            self._checkpoint(folder, training.settled(quick=training.fraction < 1), training)
            (folder / "state.safetensors").write_bytes(save({n: t.cpu().contiguous() for n, t in state.items()}))
            (folder / "state.json").write_text(json.dumps({"training": counters, "events": self._length()}))
            (folder / "point.json").write_text(json.dumps(facts))
        if training.fraction < 1:  # saving leaves no trace: how often it happens depends on the clock
            training.ema.load_state_dict({n[4:]: value for n, value in state.items() if n.startswith("ema.")})
        files.write_whole(self.run / "latest", target.name)
        self._said(_read(target))
        self._thin()
        return target.name

    def resume(self) -> tuple[Point | None, tuple[dict[str, Tensor], dict[str, Any]] | None, int]:
        """Where this segment goes on: the point (None: from the beginning), its exact state (None: only weights),
        and how long the event file was then [bytes]."""
        known = all_points(self.run)  # all of them whole, also one whose writing was not followed by its naming
        newest = known[-1] if known else None
        mine = newest is not None and newest.segment == self.segment["number"]
        point = newest if mine else find(self.run, self.segment["point"])
        length = self.segment["events"]
        if point is None or not point.exact:
            return point, None, length
        from safetensors.torch import load

        state = files.read_json(point.folder / "state.json")
        tensors = load((point.folder / "state.safetensors").read_bytes())
        return point, (tensors, state["training"]), state["events"] if mine else length

    def _thin(self) -> None:
        points = list(all_points(self.run))
        starts = {segment["point"] for segment in files.read_json(self.run / "segments.json", [])}
        varied = last_varied(self.run)
        exact = {p.name for p in points[-EXACT:]} | {varied.name if varied else ""} | starts
        for point in points:
            if point.exact and point.name not in exact:
                (point.folder / "state.safetensors").unlink(missing_ok=True)
                (point.folder / "state.json").unlink(missing_ok=True)
        kept = exact | {point.name for point in (best(points),) if point}
        for name in surplus([p.images for p in points], {int(n) for n in kept if n}, MOST):
            files.discard(self.run / "points" / str(name))


def surplus(images: Iterable[int], keep: set[int], most: int) -> list[int]:
    """Which points are too many: those whose loss leaves the smallest gap in log(pictures); first and last stay."""
    left, gone = sorted(images), []
    while len(left) > most:
        inner = [i for i in range(1, len(left) - 1) if left[i] not in keep]
        if not inner:
            break
        narrow = min(inner, key=lambda i: math.log((left[i + 1] + 1) / (left[i - 1] + 1)))
        gone.append(left.pop(narrow))
    return gone
