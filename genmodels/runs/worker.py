"""Worker: carries out a run. It alone writes events, previews and points; who watches reads the folder."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import filelock

from .. import checkpoint, files, images
from ..data.imageset import ImageSet
from ..events import Event, Failed, Finished, Preview, Progress, Saved, Scored, Segment, Trouble
from . import points, queue, result, segments
from .look import Reader
from .order import build, pictures_of, plan_of
from .points import Point, Points

if TYPE_CHECKING:
    from ..models.base import GenerativeModel
    from ..trainer import Training

SPARE = 1 << 16  # bytes kept back, so that even on a full disk there is room to say so
LISTEN_EVERY = 0.2  # seconds between two looks for a wish
Watch = Callable[[Event], None]


def work(run: pathlib.Path, watch: Watch = lambda event: None) -> str:
    """Carry out a run in this process and return the state it ended in: paused, finished or failed.

    `watch` hears every event. The first Ctrl-C (or a polite kill) pauses, the second one ends the process.
    """
    lock = filelock.FileLock(run / "lock")
    try:
        lock.acquire(timeout=10)
    except filelock.Timeout as error:
        raise Trouble("This run is already at work.") from error
    worker = Worker(run, watch)
    try:
        with _politely(worker):
            return worker.carry_out()
    finally:
        worker.close()
        lock.release()


class Worker:
    """One process at work on one run, from its turn in the queue to the word that says how it ended."""

    def __init__(self, run: pathlib.Path, watch: Watch) -> None:
        self.run, self.watch, self.wish = run, watch, ""
        about = files.read_json(run / "plan.json")
        self.name, self.owner, self.order = about["name"], about["owner"], about["order"]
        self._listened = self._wrote = 0.0
        self._seen = 0  # pictures, in the whole run
        self._store: Points | None = None
        self._offset = 0
        for folder in (run, run / "previews"):
            files.sweep(folder)
        files.drop_torn_line(run / "events.jsonl")
        self.events = open(run / "events.jsonl", "ab", buffering=0)  # noqa: SIM115 (`close` does it)

    def close(self) -> None:
        """Let go of the event file."""
        self.events.close()

    # ---- the way through

    def carry_out(self) -> str:
        """Wait for the turn, train, and say how it ended; whatever goes wrong becomes a sentence."""
        try:
            (self.run / "ended.json").unlink(missing_ok=True)
            if not (self.run / "asked").exists():
                queue.join(self.run)
            (self.run / "spare").write_bytes(bytes(SPARE))
            slot = queue.turn(self.run, self._gives_up)
            if slot is None:
                return self._paused()
            try:
                files.write_whole(self.run / "taken", "")
                queue.leave(self.run)
                return self._train(pictures_of(self.order))
            finally:
                slot.release()
        except Exception as error:  # the floor under everything: the person who looks gets a sentence
            return self._failed(error)
        finally:
            for mark in ("asked", "taken", "ask"):
                (self.run / mark).unlink(missing_ok=True)

    def _gives_up(self) -> bool:
        nothing_yet = not points.all_points(self.run)
        return self._listen() in ("pause", "quit") or (self.wish == "stop" and nothing_yet)

    def _train(self, pictures: ImageSet) -> str:
        while True:
            model, ended = self._segment(pictures)
            if ended == "segment":
                self.wish = ""
                continue
            if ended in ("pause", "quit"):
                return self._paused()
            if ended == "stop":
                result.settle(model, pictures)
            return self._finished(model, pictures)

    def _segment(self, pictures: ImageSet) -> tuple[GenerativeModel, str]:
        """Train one segment to its end or to the next wish. Returns the averaged model and why it stopped."""
        from ..trainer import train

        if segments.asked(self.run):
            self._begin_segment()
        segment = segments.every(self.run)[-1]
        order = {**self.order, "options": {**self.order["options"], **segment["options"]}}
        plan = plan_of(order)
        plan = plan.changed(budget=plan.budget * segment["share"])
        store = Points(self.run, segment, lambda *made: self._checkpoint(pictures, *made), self._length, self._saved)
        self._store, self._offset = store, segment["offset"]
        point, state, length = store.resume()
        self._cut_back(length)
        if point is not None and point.segment == segment["number"]:
            self._saved(point)  # its line came after the length that it remembers
        elif segment["number"]:
            about = {name: segment[name] for name in ("number", "point", "template", "facts")}
            self._say(Segment(images=self._seen, **about))
        if point is not None:  # what it started from is in its weights, and may be gone by now
            order["start_from"] = ""
        model = build(order, pictures.format, len(pictures))
        self._trained = (state[1]["images"], state[1]["seconds"]) if state else (0, 0.0)
        if point is not None and state is None:
            model.load_state_dict(checkpoint.Checkpoint.open(point.folder).load().state_dict())
        stream = train(model, pictures, plan, store=store, state=state)
        with contextlib.closing(stream):
            for event in stream:
                self._hear(event)
                if self._listen():
                    break
        return model, self.wish

    def _begin_segment(self) -> None:
        wished, known = segments.wished_point(self.run), points.all_points(self.run)
        point = points.find(self.run, wished) if wished else known[-1] if known else None
        if wished and point is None:
            (self.run / "next.json").unlink()
            raise Trouble("This save point is not there any more. Choose another one.")
        progress = Reader(self.run / "events.jsonl").read().progress
        seen = max(known[-1].images if known else 0, progress.images if progress else 0)
        segments.begin(self.run, point, seen, self._length())
        self._seen = seen

    # ---- what is said

    def _hear(self, event: Event) -> None:
        """Pass on what the trainer says, counted in pictures of the whole run."""
        if isinstance(event, Saved):
            return  # the store has said so, at the very moment
        if hasattr(event, "images"):
            event = event.model_copy(update={"images": event.images + self._offset})
            self._seen = event.images
        if isinstance(event, Preview):
            event = self._draw(event)
        if isinstance(event, Scored) and event.name == "variety":
            self._store.variety = event.value
        if isinstance(event, Progress):
            (self.run / "taken").unlink(missing_ok=True)
            if time.monotonic() - self._wrote < min(2.0, event.seconds / 300) and event.fraction < 1:
                self.watch(event)  # a long run needs no four lines a second
                return
            self._wrote = time.monotonic()
        self._say(event)

    def _draw(self, event: Preview) -> Preview:
        name = f"{event.images}.webp"
        (self.run / "previews").mkdir(exist_ok=True)
        sheet = images.webp(images.grid(event.pixels, event.columns))
        files.write_whole(self.run / "previews" / name, sheet, durable=False)
        return event.model_copy(update={"file": name})

    def _say(self, event: Event) -> None:
        self.events.write(event.line().encode() + b"\n")
        self.watch(event)

    def _saved(self, point: Point) -> None:
        self._seen = max(self._seen, point.images)
        self._say(Saved(point=point.name, images=point.images, seconds=point.seconds))

    def _listen(self) -> str:
        """What somebody wants by now: pause, stop, quit, segment or nothing."""
        now = time.monotonic()
        if not self.wish and now - self._listened >= LISTEN_EVERY:
            self._listened = now
            self.wish = files.read_word(self.run / "ask") or ("segment" if segments.asked(self.run) else "")
        return self.wish

    # ---- what is kept

    def _length(self) -> int:
        """Bytes of events so far, all of them on the disk."""
        files.sync(self.run / "events.jsonl")
        return (self.run / "events.jsonl").stat().st_size

    def _cut_back(self, length: int) -> None:
        """Forget what was said after a save: training is about to say it again."""
        if self.events.seek(0, 2) > length:
            self.events.truncate(length)
        progress = Reader(self.run / "events.jsonl").read().progress
        self._seen = max(self._seen, progress.images if progress else 0)

    def _checkpoint(self, pictures: ImageSet, folder: pathlib.Path, model: GenerativeModel, training: Training) -> None:
        self._save_model(folder, model, pictures, training.images, training.seconds)
        self._trained = (training.images, training.seconds)

    def _save_model(self, folder: pathlib.Path, model: Any, pictures: ImageSet, seen: int, seconds: float) -> None:
        trained = {**result.facts(pictures, seen, seconds), "plan": self.order["plan"]}
        checkpoint.save(folder, model, name=self.name, size=self.order["size"], trained=trained)

    # ---- how it ends

    def _finished(self, model: GenerativeModel, pictures: ImageSet) -> str:
        seen, seconds = self._trained
        kept = result.shelve(
            self.run, self.name, self.owner, lambda folder: self._save_model(folder, model, pictures, seen, seconds)
        )
        saved = points.all_points(self.run)
        if (best := points.best(saved)) and best != saved[-1]:
            result.polish(best.folder, pictures)  # somebody may prefer it
        said = {"template": "Finished after {images} pictures.", "facts": {"images": self._seen}}
        self._say(Finished(**said, result=kept.name, images=self._seen, seconds=seconds))
        return self._end("finished", **said, result=kept.name)

    def _paused(self) -> str:
        saved = points.all_points(self.run)
        images = saved[-1].images if saved else 0
        return self._end(
            "paused", "Paused after {images} pictures. Continue goes on exactly there.", {"images": images}
        )

    def _failed(self, error: Exception) -> str:
        saved = points.all_points(self.run)
        template, facts = _sentence(error, saved[-1].images if saved else 0)
        details = "".join(traceback.format_exception(error)).strip()
        (self.run / "spare").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._say(Failed(template=template, facts=facts, details=details))
        return self._end("failed", template, facts, details=details)

    def _end(self, state: str, template: str, facts: dict[str, Any], **more: str) -> str:
        (self.run / "spare").unlink(missing_ok=True)
        files.write_json(self.run / "ended.json", {"state": state, "template": template, "facts": facts, **more})
        return state


def _sentence(error: Exception, saved: int) -> tuple[str, dict[str, Any]]:
    """What went wrong, for the person who looks."""
    if isinstance(error, Trouble):
        return error.template, dict(error.facts)
    text, facts = str(error).lower(), {"images": saved}
    if getattr(error, "errno", None) in files.FULL or "os error 28" in text:  # the second: as safetensors says it
        if not saved:
            return "The disk is full, so nothing could be saved yet. Make some space, then press Continue.", {}
        return (
            "The disk is full, so training stopped. Make some space, then press Continue: everything up to {images} "
            "pictures is saved.",
            facts,
        )
    if isinstance(error, MemoryError) or "out of memory" in text or "not enough memory" in text:
        return "There is not enough memory. Close other programs, or choose a smaller model or batch.", {}
    return (
        "Training stopped because of a mistake in the program. Everything up to {images} pictures is saved; the "
        "details say more.",
        facts,
    )


@contextlib.contextmanager
def _politely(worker: Worker) -> Iterator[None]:
    """The first signal to end becomes the wish to pause; the second one has its usual force."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def hear(number: int, frame: object) -> None:
        worker.wish = "pause"
        signal.signal(number, usual[number])

    usual = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
