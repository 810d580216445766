"""Training: a plan, and a model with its optimisers and its averaged copy in motion; all that an exact resume needs."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, distributed
from torch.optim.swa_utils import get_ema_multi_avg_fn

from . import device as machine
from .compiling import compile_proven, undo
from .data.augment import Augmentation, critic_view, feed
from .data.imageset import ImageSet
from .events import Trouble
from .models.base import GenerativeModel, Moment
from .models.layers import LAYOUT
from .settings import setting

COUNTERS = ("step", "images", "seconds", "slowed", "previews", "best", "scoring")
SETTLED_VALUES = 64_000_000  # pixel values at a time that a family may settle on: 256 MB
SETTLED_PICTURES = 60_000  # at most: a mixture gains from every one


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
    score_share: float = setting(
        0.04,
        "Time for scoring",
        "Share of the time that may go into judging on the way; 0 judges nothing.",
        low=0,
        high=0.5,
    )
    compile: bool = setting(
        False,
        "Compile",
        "Networks are compiled before training begins, which takes up to a minute. What cannot be compiled, or would "
        "then compute something else, stays as it is.",
    )
    threads: int = setting(0, "Threads", "Processor threads; 0 chooses.", low=0, high=64)


class Training:
    """A model, its optimisers and its averaged copy in motion."""

    def __init__(
        self, model: GenerativeModel, pictures: ImageSet, plan: Plan, device: torch.device | None = None
    ) -> None:
        self.rank, self.world = machine.processes()
        torch.set_num_threads(machine.threads(plan.threads))
        self.device = device or machine.choose()
        self.model, self.plan, self.options = model.to(self.device).train(), plan, model.options
        self.ema = copy.deepcopy(self.model)  # stays as a checkpoint is read, so that its pictures are the same bytes
        self.model.to(memory_format=LAYOUT)
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
        self.best, self.scoring = -1.0, 0.0  # smallest distance scored (-1: none yet), seconds that scoring took
        self.scored = (-1, 0.0)  # the step of the newest score, and its distance
        self.parts: dict[str, Tensor] = {}
        self.some = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0)).to(self.device)
        self._settled = (-1, True)
        self._epoch: tuple[int, Tensor] = (-1, torch.empty(0))
        self.compiled = compile_proven(self.model, *self._batch(), self.dtype) if plan.compile else {}

    # ---- one step

    def advance(self) -> None:
        """One step; should something compiled fail after all, it goes on without."""
        try:
            self._advance()
        except Exception:
            if not self.compiled:
                raise
            for name in self.compiled:
                undo(self.model.get_submodule(name))
            self.compiled = {}
            self._advance()

    def _advance(self) -> None:
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
        images = self.feed(self.pixels[mine].float().div_(127.5).sub_(1.0), self.draws)
        return images.contiguous(memory_format=LAYOUT), None if self.labels is None else self.labels[mine]

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
        """The averaged model, ready to draw (the same object each time); settled once a step, `quick` or in full."""
        averaged = self.ema
        if self._settled in ((self.step, quick), (self.step, False)):
            return averaged.eval()
        for name, live in self.model.named_children():  # what is not averaged is kept as it is: weights to start from
            kept = averaged.get_submodule(name)
            if name not in self.model.averaged:
                kept.load_state_dict(live.state_dict())
            for mine, theirs in zip(kept.buffers(), live.buffers(), strict=True):
                mine.copy_(theirs)
        most = min(2_000 if quick else SETTLED_PICTURES, SETTLED_VALUES // self.pixels[0].numel())
        rows = self.some[:most]  # of every class: own pictures lie in the order of their folders
        images = self.pixels[rows].float().div_(127.5).sub_(1.0)
        averaged.settle(images, None if self.labels is None else self.labels[rows], quick)
        self._settled = (self.step, quick)
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
        counters = {name: getattr(self, name) for name in COUNTERS}
        return counters | {"scalers": {name: scaler.state_dict() for name, scaler in self.scalers.items()}}

    def restore(self, tensors: dict[str, Tensor], facts: dict[str, Any] | None = None) -> None:
        """Take up `tensors` (and, unless only the weights go back, the counters in `facts`)."""
        for prefix, whole in (("model.", self.model), ("ema.", self.ema)):
            kept = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
            if kept.keys() != whole.state_dict().keys():
                raise Trouble("This run was saved by another version, whose networks were others. Start a new run.")
            whole.load_state_dict(kept)
        for player, optimiser in self.optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for name, value in tensors.items():
                if name.startswith(f"optimiser.{player}."):
                    index, key = name.removeprefix(f"optimiser.{player}.").split(".")
                    like = self.players[player][int(index)]  # its own layout, which the fused step relies on
                    kept = torch.empty_like(like).copy_(value) if value.shape == like.shape else value.clone()
                    state.setdefault(int(index), {})[key] = kept
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        if facts is not None:
            for name, scaler in self.scalers.items():
                scaler.load_state_dict(facts["scalers"][name])
            for name in COUNTERS:
                setattr(self, name, facts.get(name, getattr(self, name)))
        self._settled = (-1, True)


def _average(gradients: list[Tensor]) -> None:
    """One flattened all_reduce (no DDP wrapper: its hooks are bypassed when the loss is not its forward)."""
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    parts = flat.div_(distributed.get_world_size()).split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def _mix(*numbers: int) -> int:
    """One seed from several numbers (SplitMix64 finaliser, Steele et al. 2014)."""
    value = 0
    for number in numbers:
        value = (value + number + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        value ^= value >> 31
    return value >> 1
