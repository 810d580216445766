"""Bench: how fast every family and size trains here, beside a plain forward and backward pass, and in what memory."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import platform
import time
from collections.abc import Callable, Iterator

import torch

from . import device as machine
from .data import starters
from .models import FAMILIES
from .models.base import Moment
from .models.layers import LAYOUT
from .training import Plan, Training

SETS = ("digits", "avatars")
WARM, ROUND = 2, 4  # steps that do not count; steps timed together, as a GAN's penalty comes every fourth step
PLAIN_STEP = 1  # a step on which nothing is due that comes every few steps only


@dataclasses.dataclass(frozen=True)
class Speed:
    """What one family and size reaches on this machine."""

    family: str
    size: str
    batch: int
    per_second: float  # pictures trained on, a second on the clock
    per_processor_second: float
    plain: float  # share of the pictures a second that plain passes alone reach, about 0 to 1
    memory: int  # bytes at the peak, without what the process had before


def plain_passes(training: Training) -> Callable[[], None]:
    """The arithmetic that a step cannot do without, and nothing else; what `Speed.plain` compares with.

    Every turn's loss forward and backward to its player's parameters, by the same networks with the same batch, data
    type and layout, on one batch of noise that lies in memory. Without: reading and augmenting pictures, what the
    critic's view changes, gradient penalties, optimisers, averaging, learning rates, counting.
    """
    model, device = training.model, training.device
    picture = model.picture
    images = torch.rand(training.options.batch, picture.channels, picture.size, picture.size, device=device) * 2 - 1
    images = images.contiguous(memory_format=LAYOUT)
    labels = torch.arange(len(images), device=device) % len(picture.classes) if picture.classes else None
    moment = Moment(PLAIN_STEP, 0.0, torch.Generator(device), lambda seen: seen)

    def run() -> None:
        with torch.autocast(device.type, training.dtype, enabled=training.dtype is not torch.float32):
            for player, loss, _ in model.turns(images, labels, moment):
                torch.autograd.grad(loss, training.players[player], allow_unused=True)

    return run


def measure(family: str, size: str, pictures: str, seconds: float, device: str = "") -> Speed:
    """Time training and plain passes by turns, about so many `seconds` on the clock together.

    The share compares processor time on a processor, so that what else runs there matters little, and the clock's on
    a graphics card.
    """
    images = starters.open(pictures)
    machine.forget_peak()
    before = machine.peak_memory()
    kind = FAMILIES[family]
    options = kind.suited(FAMILIES.sizes(family)[size], images.format, len(images))
    training = Training(kind(options, images.format), images, Plan(budget=0), machine.choose(device))
    works = (training.advance, plain_passes(training))
    for work in works:
        _timed(work, WARM, training.device)
    spent = [[0.0, 0.0], [0.0, 0.0]]  # of each work: on the clock, of the processor
    rounds, end = 0, time.monotonic() + seconds
    while not rounds or time.monotonic() < end:
        rounds += 1
        for work, total in zip(works, spent, strict=True):
            for index, taken in enumerate(_timed(work, ROUND, training.device)):
                total[index] += taken
    seen = rounds * ROUND * options.batch
    by = 0 if training.device.type != "cpu" else 1
    memory = max(0, machine.peak_memory() - before)
    plain = spent[1][by] / spent[0][by]
    return Speed(family, size, options.batch, seen / spent[0][0], seen / spent[0][1], plain, memory)


def _timed(work: Callable[[], None], steps: int, device: torch.device) -> tuple[float, float]:
    _wait(device)
    clock, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        work()
    _wait(device)
    return time.perf_counter() - clock, time.process_time() - processor


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def lines(families: list[str], sizes: list[str], pictures: str, seconds: float, device: str) -> Iterator[str]:
    """The table, one line as soon as it is measured."""
    chosen = machine.choose(device)
    precision = str(machine.precision(chosen)).removeprefix("torch.")
    threads = f", {machine.threads()} threads" if chosen.type == "cpu" else ""
    yield f"{pictures}, {precision} on {named(chosen)}{threads}, torch {torch.__version__}"
    yield f"{'':14}{'batch':>7}{'pictures/s':>13}{'/processor s':>14}{'of plain':>10}{'memory':>10}"
    torch.nn.functional.conv2d(
        torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 3, 3)
    )  # libraries that it loads count for none
    for family in families:
        for size in FAMILIES.sizes(family):
            if not sizes or size in sizes:
                found = measure(family, size, pictures, seconds, device)
                yield (
                    f"{family + ' ' + size:14}{found.batch:7}{found.per_second:13,.0f}"
                    f"{found.per_processor_second:14,.0f}{found.plain:10.0%}{found.memory / 1e6:7,.0f} MB"
                )


def named(device: torch.device) -> str:
    """What the device is called by those who sell it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with contextlib.suppress(OSError, StopIteration):
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    return platform.processor() or platform.machine()
