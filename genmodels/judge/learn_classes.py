"""How the classifiers of digits, clothes and letters are learnt, and how often they are right."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..data import starters
from ..events import Progress
from ..images import to_images
from .classifiers import SmallNetwork
from .learn_features import moved, rate
from .network import folded

BATCH, RATE, DECAY, SMOOTHING = 128, 3e-3, 2e-2, 0.05


@dataclasses.dataclass(frozen=True)
class Lesson:
    """What one classifier learns from and is tested on: uint8 [n, h, w, 1] and labels."""

    pixels: np.ndarray
    labels: np.ndarray
    test_pixels: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def open(cls, name: str, full: pathlib.Path | None = None) -> Lesson:
        """The starter set, or FULL/<name>.npz without the pictures that the starter set holds out."""
        pictures = starters.open(name)
        held, held_labels = pictures.held()
        if full is None:
            return cls(*pictures.training(), held, held_labels)
        with np.load(full / f"{name}.npz", allow_pickle=False) as arrays:
            pixels, labels = arrays["images"][..., None], arrays["labels"].astype(np.int64)
            test = held, held_labels
            if "test_images" in arrays:
                test = arrays["test_images"][..., None], arrays["test_labels"].astype(np.int64)
        kept = unseen(pixels, held)
        return cls(pixels[kept], labels[kept], *test)


def unseen(pixels: np.ndarray, held: np.ndarray) -> np.ndarray:
    """bool [n]: which pictures are not among those held out, by the hash of their bytes."""
    known = {hashlib.sha256(each.tobytes()).digest() for each in held}
    return np.array([hashlib.sha256(each.tobytes()).digest() not in known for each in pixels])


def learn(lesson: Lesson, images: int, *, mirror: bool, seed: int = 0) -> Iterator[Progress | SmallNetwork]:
    """Learn from `images` pictures and yield how it goes; the last thing is the network, its accuracy measured."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = SmallNetwork(len(np.unique(lesson.labels)), norm=True, dropout=0.3).train()
    network = network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY, fused=True)
    pixels, labels = torch.from_numpy(lesson.pixels), torch.from_numpy(lesson.labels)
    steps, start, order = max(1, images // BATCH), time.process_time(), torch.zeros(0, dtype=torch.int64)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * rate(step / steps)
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(pixels), generator=random)])
        rows, order = order[:BATCH], order[BATCH:]
        batch = pixels[rows].permute(0, 3, 1, 2).float() / 127.5 - 1
        loss = functional.cross_entropy(network(varied(batch, mirror, random)), labels[rows], label_smoothing=SMOOTHING)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 50 == 0:
            parts = {"kind": float(loss.detach())}
            yield Progress(fraction=step / steps, seconds=time.process_time() - start, step=step, parts=parts)
    network = folded(network.eval())
    network.accuracy.fill_(accuracy(network, lesson.test_pixels, lesson.test_labels))
    yield network


def varied(images: Tensor, mirror: bool, random: torch.Generator) -> Tensor:
    """Pictures as they could have been: a little moved, and for clothes mirrored and shifted only."""
    if not mirror:
        return moved(images, random, 0.6)
    images = torch.where(torch.rand(len(images), 1, 1, 1, generator=random) < 0.5, images.flip(3), images)
    left, top = torch.randint(5, (2,), generator=random).tolist()
    size = images.shape[-1]
    return functional.pad(images, (2,) * 4, value=-1.0)[:, :, top : top + size, left : left + size]


@torch.inference_mode()
def accuracy(network: SmallNetwork, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Share of right answers on uint8 [n, h, w, 1]."""
    answers = [network(batch).argmax(1) for batch in to_images(pixels).split(500)]
    return float((torch.cat(answers).numpy() == labels).mean())
