"""Plan, train(): one loop for every family, an iterator of events; players take turns."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, distributed
from torch.optim.swa_utils import get_ema_multi_avg_fn

from . import device as machine
from .checkpoint import wall
from .data.augment import Augmentation, critic_view, feed
from .data.imageset import ImageSet
from .doctor import Doctor, like_real, variety
from .events import Event, Preview, Problem, Progress, Saved, Scored
from .models.base import GenerativeModel, Moment
from .settings import setting

READ_EVERY = 0.25  # seconds between readings of the curves: each one waits for the device, so not every step
TRIES = 3  # how often a run that lost its numbers goes back by itself


class Plan(Augmentation):
    """How long and how: everything about a run that is not about the model."""

    budget: float = setting(60, "How long", "The amount; 0 goes on until you stop it.", low=0, high=1e9, expert=False)
    unit: Literal["seconds", "cpu-seconds", "images", "epochs"] = setting(
        "seconds",
        "Counted in",
        "Seconds on the clock, seconds of processor time, pictures looked at, or rounds through the set.",
        names={"seconds": "Seconds", "cpu-seconds": "Processor seconds", "images": "Pictures", "epochs": "Rounds"},
    )
    seed: int = setting(
        0, "Seed", "The same seed and a budget in pictures repeat a run exactly.", low=0, high=2**31 - 1
    )
    speed: float = setting(1.0, "Learning speed", "Multiplies the learning rate of every player.", low=0.01, high=10)
    decay_from: float = setting(
        0.5, "Slow down from", "From this share of the run on, the learning rate falls to 2 %.", low=0, high=1
    )
    preview_every: float = setting(
        2, "Preview every", "Seconds between pictures of how it is going.", low=0.2, high=3600
    )
    save_every: float = setting(15, "Save every", "Seconds between save points.", low=1, high=3600)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting(
        "auto", "Precision", "Automatic takes 16 bits where the graphics card is faster with them."
    )
    threads: int = setting(0, "Threads", "Processor threads; 0 chooses.", low=0, high=64)


class Store(Protocol):
    """Where save points go. A run folder is one; `None` keeps everything in memory."""

    def save(self, training: Training) -> str:
        """Write all of the training, whole or not at all, and return the point's name."""


class Training:
    """A model, its optimisers and its averaged copy in motion; all that an exact resume needs is in here."""

    def __init__(self, model: GenerativeModel, pictures: ImageSet, plan: Plan) -> None:
        self.rank, self.world = machine.processes()
        torch.set_num_threads(machine.threads(plan.threads))
        self.device = machine.choose()
        self.model, self.plan, self.options = model.to(self.device).train(), plan, model.options
        self.ema = copy.deepcopy(self.model)
        pixels, labels = pictures.training()
        self.pixels = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(self.device)  # uint8 [n, c, h, w]
        self.labels = None if labels is None else torch.from_numpy(labels).to(self.device)
        self.feed = feed(plan, pictures.flip)
        self.optimisers = {
            name: torch.optim.Adam(player.parameters(), **model.rates(name), fused=self.device.type in ("cpu", "cuda"))
            for name, player in self.model.players().items()
        }
        self.players = {name: list(player.parameters()) for name, player in self.model.players().items()}
        self.averaged = [
            [p for name in model.averaged for p in whole.get_submodule(name).parameters()]
            for whole in (self.ema, self.model)
        ]
        self.dtype = machine.precision(self.device, plan.precision)
        scaled = self.dtype is torch.float16
        self.scalers = {name: torch.amp.GradScaler(self.device.type, enabled=scaled) for name in self.players}
        self.draws = torch.Generator(self.device)
        self.view = critic_view(plan, pictures.format, len(pixels))
        self.step, self.images, self.seconds, self.slowed, self.previews = 0, 0, 0.0, 1.0, 0
        self.parts: dict[str, Tensor] = {}
        self._epoch: tuple[int, Tensor] = (-1, torch.empty(0))

    # ---- one step

    def advance(self) -> None:
        """One turn of every player on one batch. Nothing in here waits for the device."""
        images, labels = self._batch()
        rate = self._schedule()
        moment = Moment(self.step, self.fraction, self.draws, lambda made: self.view(made, self.draws))
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            for player, loss, parts in self.model.turns(images, labels, moment):
                self._learn(player, loss, rate)
                self.parts.update(parts)
        self.step += 1
        self.images += self.options.batch
        share = min(self.options.ema, (1 + self.step) / (10 + self.step))  # young averages forget faster
        with torch.no_grad():
            get_ema_multi_avg_fn(share)(*self.averaged, None)

    def _learn(self, player: str, loss: Tensor, rate: float) -> None:
        optimiser, parameters, scaler = self.optimisers[player], self.players[player], self.scalers[player]
        with torch.autocast(self.device.type, enabled=False):
            optimiser.zero_grad(set_to_none=True)
            scaler.scale(loss).backward(inputs=parameters)
            if self.world > 1:
                _average([p.grad for p in parameters if p.grad is not None])
            for group in optimiser.param_groups:
                group["lr"] = rate * self.model.rates(player)["lr"]
            scaler.step(optimiser)
            scaler.update()

    def _batch(self) -> tuple[Tensor, Tensor | None]:
        """This step's pictures: the set in a new order each round. A pure function of the step, so resume is exact."""
        self.draws.manual_seed(_mix(self.plan.seed, self.step, self.rank))
        count, position, rows = len(self.pixels), self.step * self.options.batch, []
        missing = self.options.batch
        while missing:
            epoch, at = divmod(position, count)
            if self._epoch[0] != epoch:
                order = torch.randperm(count, generator=torch.Generator().manual_seed(_mix(self.plan.seed, epoch, -1)))
                self._epoch = (epoch, order.to(self.device))
            rows.append(self._epoch[1][at : at + missing])
            position, missing = position + len(rows[-1]), missing - len(rows[-1])
        mine = torch.cat(rows)[self.rank :: self.world]
        images = self.pixels[mine].float().div_(127.5).sub_(1.0)
        return self.feed(images, self.draws), None if self.labels is None else self.labels[mine]

    def _schedule(self) -> float:
        """Constant, then linear to 2 %."""
        start = self.plan.decay_from
        late = 0.0 if self.fraction <= start else (self.fraction - start) / (1 - start)
        return self.plan.speed * self.slowed * (1 - 0.98 * min(1.0, late))

    @property
    def fraction(self) -> float:
        """The share of the budget that is used, 0 to 1; always 0 without an end."""
        if not self.plan.budget:
            return 0.0
        used = {"images": self.images, "epochs": self.images / len(self.pixels)}.get(self.plan.unit, self.seconds)
        return min(1.0, used / self.plan.budget)

    # ---- what is drawn and kept

    def settled(self, quick: bool) -> GenerativeModel:
        """The averaged model, ready to draw (the same object each time)."""
        live, averaged = set(self.model.players()) - set(self.model.averaged), self.ema
        for name in live:  # what is not averaged is kept as it is, so that training can start from the result
            if name in dict(averaged.named_children()):
                averaged.get_submodule(name).load_state_dict(self.model.get_submodule(name).state_dict())
        rows = slice(None, 2_000 if quick else 20_000)
        images = self.pixels[rows].float().div(127.5).sub(1.0)
        averaged.settle(images, None if self.labels is None else self.labels[rows], quick)
        return averaged.eval()

    def tensors(self) -> dict[str, Tensor]:
        """Weights, averaged weights and optimisers, by name."""
        found = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        found |= {f"ema.{name}": value for name, value in self.ema.state_dict().items()}
        for player, optimiser in self.optimisers.items():
            for index, state in optimiser.state_dict()["state"].items():
                found |= {f"optimiser.{player}.{index}.{key}": value for key, value in state.items()}
        return {name: value.detach().clone().contiguous() for name, value in found.items()}

    def facts(self) -> dict[str, Any]:
        """The rest of an exact resume, as plain data for JSON."""
        counters = {name: getattr(self, name) for name in ("step", "images", "seconds", "slowed", "previews")}
        return counters | {"scalers": {name: scaler.state_dict() for name, scaler in self.scalers.items()}}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any] | None = None) -> None:
        """Take up `tensors` (and, unless only the weights go back, the counters in `facts`)."""
        for prefix, whole in (("model.", self.model), ("ema.", self.ema)):
            whole.load_state_dict({n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)})
        for player, optimiser in self.optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors.items():
                if name.startswith(f"optimiser.{player}."):
                    index, key = name.removeprefix(f"optimiser.{player}.").split(".")
                    state.setdefault(int(index), {})[key] = value.clone()
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        if facts is not None:
            for name, scaler in self.scalers.items():
                scaler.load_state_dict(facts["scalers"][name])
            for name in ("step", "images", "seconds", "slowed", "previews"):
                setattr(self, name, facts[name])


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
        self.real = like_real(pictures)
        self.origin = self._now() - training.seconds
        self.read, self.saved_at, self.saved_step = -math.inf, training.seconds, training.step
        self.preview_due = self._due() if training.previews else -math.inf
        self.good, self.tries = training.tensors(), 0

    def _now(self) -> float:
        return time.process_time() if self.training.plan.unit == "cpu-seconds" else time.monotonic()

    def look(self) -> Iterator[Event]:
        """What there is to say after a step; mostly nothing."""
        training = self.training
        training.seconds = self._now() - self.origin
        self._agree()
        if training.seconds - self.read >= READ_EVERY:
            self.read = training.seconds
            yield from self._reading()
        if self._counted() >= self.preview_due:
            yield from self._preview(quick=True)
        if training.seconds - self.saved_at >= training.plan.save_every:
            yield from self._point()

    def last(self) -> Iterator[Event]:
        """The end of the budget: a full settling, the last picture and the last point."""
        if self.training.world > 1:  # batch statistics are each process's own: the first one's are kept
            for buffer in self.training.model.buffers():
                distributed.broadcast(buffer, 0)
        yield from self._reading()
        yield from self._preview(quick=False)
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
        done, left = training.fraction, None
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
        facts = {"tries": self.tries, "most": TRIES}
        if self.tries > TRIES:
            raise Runaway(facts)
        self.training.restore(self.good)
        self.training.slowed /= 2
        self.training.parts.clear()
        yield Problem(
            template="The numbers ran away; it went back to the last good point and goes on at half the speed "
            "({tries} of {most}).",
            facts=facts,
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
        value = variety(pixels, labels) / self.real
        yield Scored(name="variety", value=value, images=training.images)
        yield from self.doctor.scored(value, training.images, training.fraction)

    def _counted(self) -> float:
        """Previews follow the pictures where the budget does, so that a repeated run settles at the same moments."""
        return self.training.images if self.training.plan.unit in ("images", "epochs") else self.training.seconds

    def _due(self) -> float:
        training, plan = self.training, self.training.plan
        if plan.unit in ("images", "epochs") and plan.budget:
            whole = plan.budget * (len(training.pixels) if plan.unit == "epochs" else 1)
            return whole * training.previews / 40
        return self._counted() + max(plan.preview_every, training.seconds / 40)

    def _agree(self) -> None:
        """Several processes follow the first one's clock."""
        if self.training.world > 1 and self.training.plan.unit.endswith("seconds"):
            clock = torch.tensor(self.training.seconds, dtype=torch.float64, device=self.training.device)
            distributed.broadcast(clock, 0)
            self.training.seconds = float(clock)


class Runaway(Exception):
    """Training gave no finite numbers, again and again. `facts` say how often."""

    template = "The numbers ran away {most} times. Start again with a lower learning rate."

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__(self.template.format(**facts))
        self.facts = facts


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


def _average(gradients: list[Tensor]) -> None:
    """One flattened all_reduce (no DDP wrapper: its hooks are bypassed when the loss is not its forward)."""
    flat = torch.nn.utils.parameters_to_vector(gradients)
    distributed.all_reduce(flat)
    torch.nn.utils.vector_to_parameters(flat.div_(distributed.get_world_size()), gradients)


def _mix(*numbers: int) -> int:
    """One seed from several numbers (SplitMix64 finaliser, Steele et al. 2014)."""
    value = 0
    for number in numbers:
        value = (value + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    return value >> 1
