"""GenerativeModel: what every family can do (turns, settle, draw, decode, encode, sample), and the seeds behind it."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..images import PictureFormat
from ..settings import Settings
from .likelihood import Likelihood

CHUNK = 16  # pictures drawn at a time; the last chunk is padded, so a picture never depends on its neighbours


@dataclasses.dataclass
class Moment:
    """Where training stands, as a family sees it during one step."""

    step: int
    fraction: float  # of the budget, 0 to 1
    generator: torch.Generator  # all randomness of the step comes from here
    augment: Callable[[Tensor], Tensor]  # differentiable, for real and made pictures alike


Turn = tuple[str, Tensor, dict[str, Tensor]]  # player, loss (0-d), parts for the curves (0-d, detached)


class GenerativeModel(nn.Module, abc.ABC):
    """A model that the one trainer can train. Pictures are `images`: float [n, c, h, w] in [-1, 1].

    `labels` are int64 [n], always given for a format with classes and None for one without.
    """

    family: ClassVar[str]
    Options: ClassVar[type[Settings]]
    averaged: ClassVar[tuple[str, ...]]  # names of the submodules whose averaged weights (EMA) draw
    can_encode: ClassVar[bool] = False
    can_criticise: ClassVar[bool] = False
    latent_size: int

    def __init__(self, options: Settings, picture: PictureFormat) -> None:
        super().__init__()
        self.options, self.picture = options, picture

    @classmethod
    def suited(cls, options: Settings, picture: PictureFormat, count: int) -> Settings:
        """The options with what they leave open ("auto") decided for `count` pictures of this format."""
        return options

    @abc.abstractmethod
    def players(self) -> dict[str, nn.Module]:
        """The modules that learn, by player name."""

    @abc.abstractmethod
    def rates(self, player: str) -> dict:
        """Adam's `lr` and `betas` for a player."""

    @abc.abstractmethod
    def turns(self, images: Tensor, labels: Tensor | None, moment: Moment) -> Iterator[Turn]:
        """Yield `(player, loss, parts)` one by one; the trainer steps that player before it asks for the next."""

    @abc.abstractmethod
    def decode(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """Latents [n, latent_size] -> images [n, c, h, w]."""

    def encode(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Images [n, c, h, w] -> latents [n, latent_size], for families with `can_encode`."""
        raise NotImplementedError(f"{self.family} has no encoder")

    def likelihood(self, images: Tensor, labels: Tensor | None, draws: torch.Generator) -> Likelihood | None:
        """p(picture | latent) as it was trained, any scale of it set on these pictures; None for families without."""
        return None

    def log_likelihood_bound(
        self, images: Tensor, labels: Tensor | None, likelihood: Likelihood, samples: int, draws: torch.Generator
    ) -> Tensor:
        """A lower bound of log p(picture) in nats, [n], for families with a `likelihood`; tighter with more samples."""
        raise NotImplementedError(f"{self.family} has no likelihood")

    def realness(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, float | None]:
        """How real its critic finds pictures, [n], for families with `can_criticise`; and from where on it says "real".

        None where only the difference of two pictures means something.
        """
        raise NotImplementedError(f"{self.family} has no critic")

    def settle(self, images: Tensor, labels: Tensor | None, quick: bool) -> None:
        """What averaged weights need before they may draw; results go into buffers. Default: nothing."""

    def draw(self, noise: Tensor, choice: Tensor, labels: Tensor | None, diversity: float) -> Tensor:
        """Noise N(0, I) [n, latent_size] and choice U(0, 1) [n] -> latents. Default: noise, scaled by diversity."""
        return noise * diversity

    @torch.no_grad()
    def sample(
        self, seed: int, indices: Sequence[int], labels: Sequence[int] | None = None, diversity: float = 1.0
    ) -> Tensor:
        """Draw pictures `indices` of a seed: images [n, c, h, w] on the CPU, the same alone or in a batch.

        Where the format has classes and `labels` is None, each picture's class follows from seed and index.
        One thread and padded chunks of 16 keep the bytes equal on one machine.
        """
        indices = np.asarray(indices, dtype=np.int64)
        noise, choice = (torch.from_numpy(a) for a in latents(seed, indices, self.latent_size))
        chosen = self._labels(seed, indices, labels)
        device, threads, training = next(self.parameters()).device, torch.get_num_threads(), self.training
        made = []
        self.eval()
        torch.set_num_threads(1)
        try:
            for start in range(0, len(indices), CHUNK):
                chunk = slice(start, start + CHUNK)
                count = len(indices[chunk])
                given = None if chosen is None else _padded(chosen[chunk]).to(device)
                latent = self.draw(
                    _padded(noise[chunk]).to(device), _padded(choice[chunk]).to(device), given, diversity
                )
                made.append(self.decode(latent, given)[:count].float().cpu())
        finally:
            torch.set_num_threads(threads)
            self.train(training)
        return torch.cat(made) if made else torch.empty(0, self.picture.channels, *[self.picture.size] * 2)

    def _labels(self, seed: int, indices: np.ndarray, labels: Sequence[int] | None) -> Tensor | None:
        if not self.picture.classes:
            return None
        if labels is None:
            return torch.from_numpy(labels_of(seed, indices, len(self.picture.classes)))
        return torch.as_tensor(np.asarray(labels, dtype=np.int64))


def _padded(rows: Tensor) -> Tensor:
    """The chunk, filled up to CHUNK rows with its first one."""
    return torch.cat([rows, rows[:1].expand(CHUNK - len(rows), *rows.shape[1:])]) if len(rows) < CHUNK else rows


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Philox4x32-10, the counter-based generator of Salmon et al. 2011 ("Parallel random numbers: as easy as 1, 2, 3").

    uint32 [n, 4] counters -> uint32 [n, 4] random words. The web player has the same lines in JavaScript.
    """
    low = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = (counter[:, i].astype(np.uint64) for i in range(4))
    k0, k1 = np.uint64(key[0]), np.uint64(key[1])
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (p1 >> np.uint64(32)) ^ c1 ^ k0, p1 & low, (p0 >> np.uint64(32)) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return np.stack([c0, c1, c2, c3], axis=1).astype(np.uint32)


def _uniform(seed: int, indices: np.ndarray, blocks: int, stream: int) -> np.ndarray:
    """float64 [n, 4 * blocks] in (0, 1): a pure function of seed, index, place and stream."""
    count = len(indices)
    counter = np.zeros((count, blocks, 4), np.uint32)
    counter[..., 0] = np.arange(blocks, dtype=np.uint32)
    counter[..., 1] = np.asarray(indices, np.int64).astype(np.uint32)[:, None]
    counter[..., 2] = stream
    words = philox(counter.reshape(-1, 4), (seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF))
    return (words.reshape(count, 4 * blocks).astype(np.float64) + 0.5) / 2**32


def latents(seed: int, indices: Sequence[int], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The noise of pictures `indices` of a seed: N(0, 1) float32 [n, size], and U(0, 1) float32 [n] for choices.

    Box & Muller 1958 on counter-based numbers: same seed, same latents, alone or in a batch, here or in a browser.
    """
    indices = np.asarray(indices, dtype=np.int64)
    uniform = _uniform(seed, indices, -(-size // 4), stream=0)
    radius, angle = np.sqrt(-2.0 * np.log(uniform[:, 0::2])), 2.0 * np.pi * uniform[:, 1::2]
    normal = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2).reshape(len(indices), -1)
    choice = _uniform(seed, indices, 1, stream=1)[:, 0]
    return normal[:, :size].astype(np.float32), choice.astype(np.float32)


def labels_of(seed: int, indices: Sequence[int], classes: int) -> np.ndarray:
    """The class that each picture of a seed has when nobody chose one: int64 [n], all classes equally often."""
    uniform = _uniform(seed, np.asarray(indices, dtype=np.int64), 1, stream=2)[:, 0]
    return np.minimum((uniform * classes).astype(np.int64), classes - 1)
