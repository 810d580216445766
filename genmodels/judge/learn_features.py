"""How the judge's features are learnt: kinds, single pictures and damage are told apart on the starter sets."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data import starters
from ..events import Progress
from ..images import to_images
from .degrade import KINDS
from .network import StudioJudge, folded

SIZE = 32  # pixels a side of most batches; some are of 28 and 64
PAIRS = 96  # pictures a step, each seen twice, and as many for damage
RATE, DECAY = 3e-3, 1e-2
SHARPNESS = 0.2  # temperature of telling single pictures apart (Chen et al. 2020, equation 1)
TAUGHT = {  # strengths of damage between which lessons choose evenly, from none at all
    "blur": (0, 0.35, 0.45, 0.6, 0.8, 1.1, 1.6),
    "noise": (0, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35),
    "JPEG": (0, 10, 30, 50, 70, 85, 95),
    "occlusion": (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
    "low contrast": (0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7),
    "high contrast": (0, 0.1, 0.2, 0.4, 0.8, 1.5, 3.0),
}
APART = 0.5  # weight of what keeps features from saying the same twice (Zbontar et al. 2021, equation 1)
# Share of the mean variance that is added to each: grain and texture, meaning. Less blows up directions in which hardly
# anything happens, and with them the distance of two halves of a set (0.05: 3.1 and not 1.0 on digits, 2,000 each).
SHRINKING = (0.5, 1.0)


@dataclasses.dataclass(frozen=True)
class Lessons:
    """The starter sets' training pictures as one pile, drawn from as tensors."""

    small: Tensor  # uint8 [n, 3, 32, 32]
    large: Tensor  # uint8 [m, 3, 64, 64]: the last m of the pile, where the set has them so
    kinds: Tensor  # int64 [n]: a class of a labelled set, or a whole set
    flips: Tensor  # bool [n]: whether a mirrored picture could be one of the set
    sets: Tensor  # int64 [n]: which set
    chances: Tensor  # [n]: how often each is drawn

    @classmethod
    def open(cls) -> Lessons:
        """Decode all starter sets; their held-out pictures stay out."""
        small, kinds, flips, sets, chances, first, large = [], [], [], [], [], 0, torch.zeros(0)
        for name in sorted(starters.NAMES, key=lambda name: starters.about(name)["size"]):
            pictures = starters.open(name)
            pixels, labels = pictures.training()
            images = torch.from_numpy(np.broadcast_to(pixels, (*pixels.shape[:3], 3)).transpose(0, 3, 1, 2).copy())
            if images.shape[-1] > SIZE:
                large = images
                images = functional.avg_pool2d(images.float(), 2).round().byte()
            margin = (SIZE - images.shape[-1]) // 2  # framed in the set's own border, not resampled
            frame = ((0, 0), (0, 0), (margin, margin), (margin, margin))
            small.append(torch.from_numpy(np.pad(images.numpy(), frame, mode="edge")))
            kinds.append(torch.from_numpy(first + (np.zeros(len(pixels), np.int64) if labels is None else labels)))
            first += max(1, len(pictures.classes))
            flips.append(torch.full((len(pixels),), pictures.flip))
            sets.append(torch.full((len(pixels),), len(sets)))
            chances.append(torch.full((len(pixels),), len(pixels) ** -0.5))  # a set is drawn by the root of its size
        return cls(torch.cat(small), large, torch.cat(kinds), torch.cat(flips), torch.cat(sets), torch.cat(chances))

    def draw(self, count: int, size: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """`count` pictures as they are, float [n, 3, size, size] in [-1, 1], and their kinds.

        Half of them are of one set, so that single pictures are told from their like.
        """
        rows = torch.multinomial(self.chances, count, generator=random)
        focus = (self.sets == self.sets[rows[0]]).float()
        rows[: count // 2] = torch.multinomial(focus, count // 2, generator=random)
        if size > SIZE:  # half from those that are so large, half doubled
            first = len(self.small) - len(self.large)
            rows[::2] = first + torch.randint(len(self.large), (len(rows[::2]),), generator=random)
            images = self.small[rows].float().repeat_interleave(2, 2).repeat_interleave(2, 3)
            images[::2] = self.large[rows[::2] - first].float()
        else:
            images = self.small[rows].float()
        turned = self.flips[rows] & (torch.rand(count, generator=random) < 0.5)
        images = torch.where(turned[:, None, None, None], images.flip(3), images) / 127.5 - 1
        if size < SIZE:
            left, top = torch.randint(SIZE - size + 1, (2,), generator=random).tolist()
            images = images[:, :, top : top + size, left : left + size]
        return images.contiguous(), self.kinds[rows]


def recoloured(images: Tensor, random: torch.Generator, share: float) -> Tensor:
    """A `share` of the pictures with other colours: negatives, grey ones, and grey ones between two other colours."""
    count = len(images)
    grey = images.mean(1, keepdim=True).expand_as(images)
    first, second = (torch.rand(count, 3, 1, 1, generator=random) * 2 - 1 for _ in range(2))
    tinted = first + (second - first) * (grey + 1) / 2
    choices = torch.stack([-images, grey, tinted, tinted, images[:, torch.randperm(3, generator=random)]])
    choice = torch.randint(len(choices), (count,), generator=random)
    changed = choices[choice, torch.arange(count)]
    return torch.where(torch.rand(count, 1, 1, 1, generator=random) < share, changed, images)


def moved(images: Tensor, random: torch.Generator, strength: float = 1.0) -> Tensor:
    """Each picture a little turned, scaled, shifted, lighter or darker."""
    count = len(images)
    unit = strength * (torch.rand(6, count, generator=random) * 2 - 1)
    angle, wide, high = 0.25 * unit[0], torch.exp(0.2 * unit[1]), torch.exp(0.2 * unit[2])
    rows = [angle.cos() * wide, -angle.sin() * high, 0.15 * unit[3], angle.sin() * wide, angle.cos() * high]
    where = torch.stack([*rows, 0.15 * unit[4]], 1).view(count, 2, 3)
    grid = functional.affine_grid(where, list(images.shape), align_corners=False)
    found = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return (found * (1 + 0.25 * unit[5])[:, None, None, None]).clamp(-1, 1)


def enlarged(images: Tensor, random: torch.Generator) -> Tensor:
    """A fifth of the pictures as a part of themselves, smoothly enlarged: surfaces as photographs have them."""
    count, size = len(images) // 5, images.shape[-1]
    side = int(torch.randint(size // 4, size // 2, (), generator=random))
    left, top = torch.randint(size - side, (2,), generator=random).tolist()
    part = images[:count, :, top : top + side, left : left + side]
    smooth = functional.interpolate(part, (size, size), mode="bicubic", align_corners=False).clamp(-1, 1)
    return torch.cat([smooth, images[count:]])


def damaged(images: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures with up to two kinds of damage, and how strong each kind is: [n, kinds], 0 none, 1 the strongest."""
    found, strengths = [], []
    for group in images.split(max(1, len(images) // 12)):
        strength = torch.zeros(len(KINDS))
        for number in torch.randperm(len(KINDS), generator=random)[: int(torch.randint(4, (), generator=random))][:2]:
            part = float(torch.rand((), generator=random))
            steps = TAUGHT[KINDS[number].name]
            value = float(np.interp(part * (len(steps) - 1), np.arange(len(steps)), steps))
            group = KINDS[number].apply(group, value, random)
            strength[number] = part
        found.append(group)
        strengths.append(strength.expand(len(group), -1))
    return torch.cat(found), torch.cat(strengths)


class Heads(nn.Module):
    """What hangs on the features only while they are learnt."""

    def __init__(self, judge: StudioJudge, kinds: int) -> None:
        super().__init__()
        self.meaning = judge.MEANING
        self.kind = nn.Linear(self.meaning, kinds)
        self.single = nn.Sequential(nn.Linear(self.meaning, 128), nn.ReLU(), nn.Linear(128, 64))
        self.level = nn.BatchNorm1d(judge.width, affine=False)
        self.damage = nn.Linear(judge.width, len(KINDS))

    def losses(self, features: Tensor, kinds: Tensor, strengths: Tensor) -> dict[str, Tensor]:
        """Features of two views [2 n] and of damaged pictures [n], one after the other."""
        count = len(kinds)
        views = features[: 2 * count, -self.meaning :]
        first, second = functional.normalize(self.single(views), dim=1).split(count)
        likeness = first @ second.T / SHARPNESS
        same = torch.arange(count)
        centred = views - views.mean(0)
        spread = (centred.square().mean(0) + 1e-4).sqrt()
        correlation = (centred / spread).T @ (centred / spread) / (2 * count)
        return {
            "kind": functional.cross_entropy(self.kind(views), kinds.repeat(2), label_smoothing=0.05),
            "single": (functional.cross_entropy(likeness, same) + functional.cross_entropy(likeness.T, same)) / 2,
            "damage": 4
            * functional.smooth_l1_loss(self.damage(self.level(features))[2 * count :], strengths, beta=0.1)
            * len(KINDS),
            "twins": (correlation.square().sum() - correlation.diagonal().square().sum()) * APART / self.meaning,
        }


def learn(images: int, seed: int = 0) -> Iterator[Progress | StudioJudge]:
    """Learn from `images` pictures (views counted) and yield how it goes; the last thing is the judge."""
    torch.manual_seed(seed)
    random, lessons = torch.Generator().manual_seed(seed), Lessons.open()
    judge = StudioJudge(norm=True).train().to(memory_format=torch.channels_last)
    heads = Heads(judge, int(lessons.kinds.max()) + 1)
    parameters = [*judge.parameters(), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, RATE, weight_decay=DECAY, fused=True)
    steps, start = max(1, images // (3 * PAIRS)), time.process_time()
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * rate(step / steps)
        size = (28, SIZE, SIZE, SIZE, SIZE, SIZE, 28, SIZE, SIZE, 2 * SIZE)[step % 10]
        plain, kinds = lessons.draw(PAIRS if size <= SIZE else PAIRS // 2, size, random)
        worse, strengths = damaged(enlarged(recoloured(plain, random, 0.3), random), random)
        views = [recoloured(moved(plain, random), random, 0.5), recoloured(plain, random, 0.3), worse]
        parts = heads.losses(judge.raw(torch.cat(views)), kinds, strengths)
        optimiser.zero_grad()
        sum(parts.values()).backward()
        optimiser.step()
        if step % 50 == 0:
            found = {name: float(value.detach()) for name, value in parts.items()}
            yield Progress(fraction=step / steps, seconds=time.process_time() - start, step=step, parts=found)
    yield turned(folded(judge.eval()))


def rate(done: float) -> float:
    """A short rise, then half a cosine down to nothing."""
    return min(1.0, done / 0.05) * (0.5 + 0.5 * math.cos(math.pi * done))


@torch.inference_mode()
def turned(judge: StudioJudge) -> StudioJudge:
    """Turn and scale the features so that pictures of one set vary about alike in all directions (shrunk whitening).

    Grain and texture on one side and meaning on the other keep to themselves. Directions in which pictures hardly vary
    are not blown up beyond what SHRINKING allows.
    """
    means, spreads = [], []
    for name in starters.NAMES:
        pixels, _ = starters.open(name).training()
        raw = torch.cat([judge.raw(batch) for batch in to_images(pixels[:1000]).split(250)]).double()
        means.append(raw.mean(0))
        spreads.append(torch.cov(raw.T))
    within, low = torch.stack(spreads).mean(0), judge.width - judge.MEANING
    judge.centre.copy_(torch.stack(means).mean(0))
    judge.turn.zero_()
    for block, shrinking in zip((slice(0, low), slice(low, None)), SHRINKING, strict=True):
        values, vectors = torch.linalg.eigh(within[block, block])
        root = (values.clamp_min(0) + shrinking * values.mean()).rsqrt()
        judge.turn[block, block] = ((vectors * root) @ vectors.T).float()
    return judge
