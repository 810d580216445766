"""Coders: who turns pictures into codes and back (a guest autoencoder, a VAE of our own), and the pictures given."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..checkpoint import Checkpoint
from ..data.decode import decode
from ..data.intake import MEMORY
from ..device import limited
from ..events import Trouble
from ..images import square

if TYPE_CHECKING:
    from torch import Tensor

    from ..models.vae import Vae


class Coder(Protocol):
    """What rebuilding, blending and walking need. Images are float [n, c, h, w] in [-1, 1], all on the CPU."""

    name: str
    size: int
    channels: int

    def encode(self, images: Tensor) -> Tensor:
        """Images -> codes [n, ...], which may be mixed by plain arithmetic."""
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """Codes -> images."""
        ...

    def ways(self, code: Tensor, seed: int) -> Tensor:
        """One code [...] -> two directions of a seed to walk away from it, [2, ...]."""
        ...


class Own:
    """A VAE of this studio. Its code is the latent and a weight for each class, so that classes can be mixed too."""

    def __init__(self, folder: pathlib.Path) -> None:
        found = Checkpoint.open(folder)
        model = found.load()
        if not model.can_encode:
            raise Trouble("{name} has no way back from a picture: choose a VAE.", name=found.name)
        self.name, self.size, self.channels = found.name, found.picture.size, found.picture.channels
        self.model: Vae = model
        self.classes = len(found.picture.classes)

    def encode(self, images: Tensor) -> Tensor:
        """See Coder. Of the classes, each picture takes the one with which it is rebuilt best."""
        import torch
        from torch.nn import functional

        if not self.classes:
            return self._encoded(images, None)
        codes, errors = [], []
        for label in range(self.classes):
            weights = functional.one_hot(torch.full((len(images),), label), self.classes).float()
            codes.append(torch.cat([self._encoded(images, label), weights], 1))
            errors.append((self.decode(codes[-1]) - images).square().mean((1, 2, 3)))
        best = torch.stack(errors).argmin(0)
        return torch.stack(codes)[best, torch.arange(len(images))]

    def decode(self, codes: Tensor) -> Tensor:
        """See Coder. Between two classes it draws with both, and mixes what it drew."""
        latents, weights = codes[:, : self.model.latent_size], codes[:, self.model.latent_size :]
        if not self.classes:
            return self._decoded(latents, None)
        whole = 0.0
        for label in weights.sum(0).nonzero().flatten().tolist():
            whole = whole + weights[:, label, None, None, None] * self._decoded(latents, label)
        return whole

    def ways(self, code: Tensor, seed: int) -> Tensor:
        """See Coder: towards two pictures that the model makes up by itself, of the same class."""
        import torch

        from ..models.base import latents

        size = self.model.latent_size
        noise, choice = (torch.from_numpy(each) for each in latents(seed, range(2), size))
        labels = code[size:].argmax().expand(2) if self.classes else None
        with torch.inference_mode():
            made = self.model.draw(noise, choice, labels, 1.0)
        return torch.cat([made - code[:size], torch.zeros(2, self.classes)], 1)

    def _encoded(self, images: Tensor, label: int | None) -> Tensor:
        return self._each(self.model.encode, images, label)

    def _decoded(self, latents: Tensor, label: int | None) -> Tensor:
        return self._each(self.model.decode, latents, label)

    def _each(self, act: object, rows: Tensor, label: int | None) -> Tensor:
        """In padded chunks, so that a picture never depends on its neighbours."""
        import torch

        from ..models.base import CHUNK

        done = []
        with torch.inference_mode():
            for some in rows.split(CHUNK):
                padded = torch.cat([some, some[:1].expand(CHUNK - len(some), *some.shape[1:])])
                given = torch.full((CHUNK,), label) if label is not None else None
                done.append(act(padded, given)[: len(some)].float())
        return torch.cat(done)


def seen(sources: Sequence[tuple[str, bytes]], size: int, channels: int) -> np.ndarray:
    """Picture files (name, content) as a model sees them: upright, the middle square, uint8 [n, size, size, channels].

    Raises Refused (a Trouble) with the reason where one cannot be read.
    """
    rows = []
    with limited(MEMORY):
        for name, content in sources:
            picture = square(decode(content, name).picture, size, "crop").convert("L" if channels == 1 else "RGB")
            rows.append(np.asarray(picture).reshape(size, size, channels))
    return np.stack(rows)
