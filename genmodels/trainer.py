"""train(): one loop for every family, an iterator of events; players take turns."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, distributed

from . import device as machine
from .checkpoint import wall
from .data.imageset import ImageSet
from .doctor import Doctor, like_real, variety
from .events import Event, Preview, Problem, Progress, Saved, Scored, Trouble
from .live import Live
from .models.base import GenerativeModel
from .training import Plan, Training

READ_EVERY = 0.25  # seconds between readings of the curves: each one waits for the device, so not every step
TRIES = 3  # how often a run that lost its numbers goes back by itself


class Store(Protocol):
    """Where save points go. A run folder is one; `None` keeps everything in memory."""

    def save(self, training: Training) -> str:
        """Write all of the training, whole or not at all, and return the point's name."""


def train(
    model: GenerativeModel,
    pictures: ImageSet,
    plan: Plan,
    *,
    store: Store | None = None,
    state: tuple[dict[str, Tensor], dict[str, Any]] | None = None,
) -> Iterator[Event]:
    """Train `model` on `pictures` as planned; what it says on the way is all there is to see.

    `state` is what `Training.tensors` and `.facts` gave: training goes on exactly there. Closing the iterator saves
    and stops. Under torchrun every process iterates; the batch is split and gradients are averaged, so all end equal.
    """
    training = Training(model, pictures, plan)
    if state:
        training.restore(*state)
    watch = _Watch(training, pictures, store)
    try:
        while training.fraction < 1:
            training.advance()
            yield from watch.look()
        yield from watch.last()
    finally:
        watch.save()
        model.load_state_dict(training.ema.state_dict())  # the caller's model is the averaged one
        model.eval()


class _Watch:
    """Reads the clock, the curves and the doctor's findings while training goes on."""

    def __init__(self, training: Training, pictures: ImageSet, store: Store | None) -> None:
        self.training, self.store, self.doctor = training, store, Doctor()
        self.real, self.live = like_real(pictures), Live(pictures, training.plan.score_share)
        self.origin = self._now() - training.seconds
        self.read, self.saved_at, self.saved_step = -math.inf, training.seconds, training.step
        self.preview_due = self._due() if training.previews else -math.inf
        self.good, self.tries = training.tensors(), 0
        self.told = -1  # the step of the newest Progress

    def _now(self) -> float:
        return time.process_time() if self.training.plan.unit == "cpu-seconds" else time.monotonic()

    def look(self) -> Iterator[Event]:
        """What there is to say after a step; mostly nothing."""
        training = self.training
        training.seconds = self._now() - self.origin
        self._agree()
        due = self._counted() >= self.preview_due
        if due or training.seconds - self.read >= READ_EVERY:  # what has run away is never drawn or scored
            self.read = training.seconds
            yield from self._reading()
        if due:
            yield from self._preview(quick=True)
        if training.seconds - self.saved_at >= training.plan.save_every and training.fraction < 1:
            yield from self._point()

    def last(self) -> Iterator[Event]:
        """The end of the budget: a full settling, the last picture and the last point."""
        if self.told != self.training.step:
            yield from self._reading()
        yield from self._preview(quick=False)
        if self.training.world > 1:  # only the first process has settled: the others take its averaged model
            for tensor in self.training.ema.state_dict().values():
                distributed.broadcast(tensor, 0)
        yield from self._point()

    def save(self) -> str:
        """A save point, unless this very step has one."""
        if self.store is None or self.training.rank or self.saved_step == self.training.step:
            return ""
        name = self.store.save(self.training)
        self.saved_step, self.saved_at = self.training.step, self.training.seconds
        return name

    def _point(self) -> Iterator[Event]:
        self.saved_at = self.training.seconds
        tensors = self.training.tensors()
        if all(bool(value.isfinite().all()) for value in tensors.values()):
            self.good = tensors
            if name := self.save():
                yield Saved(point=name, images=self.training.images, seconds=self.training.seconds)

    def _reading(self) -> Iterator[Event]:
        training = self.training
        parts = {name: float(value) for name, value in training.parts.items()}
        if not all(math.isfinite(value) for value in parts.values()):
            yield from self._go_back()
            return
        done, left, self.told = training.fraction, None, training.step
        if training.plan.budget and done > 0:
            clock = training.plan.unit == "seconds"
            left = training.plan.budget - training.seconds if clock else training.seconds * (1 - done) / done
        yield Progress(
            fraction=done,
            remaining=None if left is None else max(0.0, left),
            seconds=training.seconds,
            step=training.step,
            images=training.images,
            parts=parts,
        )
        yield from self.doctor.reading(parts, training.images)

    def _go_back(self) -> Iterator[Event]:
        """The numbers ran away: to the last good point with half the rate, at most three times."""
        self.tries += 1
        if self.tries > TRIES:
            raise Trouble(
                "The numbers ran away {tries} times. Start again with a lower learning rate.", tries=self.tries
            )
        self.training.restore(self.good)
        self.training.slowed /= 2
        self.training.parts.clear()
        yield Problem(
            template="The numbers ran away; it went back to the last good point and goes on at half the speed "
            "({tries} of {most}).",
            facts={"tries": self.tries, "most": TRIES},
            name="non-finite",
            images=self.training.images,
        )

    def _preview(self, quick: bool) -> Iterator[Event]:
        training = self.training
        training.previews += 1
        self.preview_due = self._due()
        if training.rank:
            return
        settled = training.settled(quick)
        pixels, labels, columns = wall(settled)
        yield Preview(images=training.images, seconds=training.seconds, columns=columns, pixels=pixels)
        if self.real:  # real pictures that are all alike leave nothing to compare with
            value = variety(pixels, labels) / self.real
            yield Scored(name="variety", value=value, images=training.images)
            yield from self.doctor.scored(value, training.images, training.fraction if training.plan.budget else 1.0)
        if self.live.due(training) or (self.live.able and not quick):
            yield from self._score(settled)

    def _score(self, settled: GenerativeModel) -> Iterator[Event]:
        """Judge what a preview has just drawn; the best moment so far is saved at once."""
        training = self.training
        found = self.live.score(settled, training)
        for name in ("frechet", "precision", "recall"):
            yield Scored(name=name, value=found[name], images=training.images)
        training.scored = (training.step, found["frechet"])
        fraction = training.fraction if training.plan.budget else 1.0
        yield from self.doctor.judged(found, training.best, training.images, fraction)
        if training.best < 0 or found["frechet"] < training.best:
            training.best, known = found["frechet"], (self.saved_at, self.good)
            yield from self._point()
            if training.world > 1:  # the other processes go back to the last point that all of them have
                self.saved_at, self.good = known

    def _counted(self) -> float:
        return self.training.images if self._by_pictures() else self.training.seconds

    def _by_pictures(self) -> bool:
        """Previews follow the pictures where the budget does, so that a repeated run settles at the same moments."""
        return bool(self.training.plan.budget) and self.training.plan.unit in ("images", "epochs")

    def _due(self) -> float:
        training, plan = self.training, self.training.plan
        if self._by_pictures():
            whole = plan.budget * (len(training.pixels) if plan.unit == "epochs" else 1)
            return whole * training.previews / 40
        return self._counted() + max(plan.preview_every, training.seconds / 40)

    def _agree(self) -> None:
        """Several processes follow the first one's clock."""
        if self.training.world > 1 and self.training.plan.unit.endswith("seconds"):
            clock = torch.tensor(self.training.seconds, dtype=torch.float64, device=self.training.device)
            distributed.broadcast(clock, 0)
            self.training.seconds = float(clock)


def probe(model: GenerativeModel, pictures: ImageSet, plan: Plan, steps: int = 20) -> dict[str, float]:
    """Time some steps on this machine: pictures a second, seconds a preview, bytes of memory at the peak."""
    training = Training(model, pictures, plan)
    for _ in range(3):
        training.advance()
    start = time.monotonic()
    for _ in range(steps):
        training.advance()
    float(next(iter(training.parts.values())))  # waits for the device
    rate = steps * model.options.batch / (time.monotonic() - start)
    start = time.monotonic()
    wall(training.settled(quick=True))
    return {"images_per_second": rate, "preview": time.monotonic() - start, "memory": float(machine.peak_memory())}
