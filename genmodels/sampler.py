"""Sampler: the models that are open, one that draws at a time, and the latest request wins."""

from __future__ import annotations

import collections
import itertools
import pathlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .checkpoint import Checkpoint

if TYPE_CHECKING:
    from .models.base import GenerativeModel


class Sampler:
    """Keeps the few models last used in memory. Drawing holds one lock: beside a training, one thread is fastest."""

    def __init__(self, keep: int = 4) -> None:
        self._keep, self._drawing, self._asking = keep, threading.Lock(), threading.Lock()
        self._open: collections.OrderedDict[tuple[str, int], GenerativeModel] = collections.OrderedDict()
        self._tickets, self._newest = itertools.count(), {}

    def draw(
        self,
        folder: pathlib.Path,
        seed: int,
        indices: Sequence[int],
        labels: Sequence[int] | None,
        diversity: float,
        asker: str = "",
    ) -> np.ndarray | None:
        """Pictures as uint8 [n, h, w, c]; None where the same asker wants something newer by now ("" never does)."""
        from .images import to_pixels

        with self._asking:
            ticket = next(self._tickets)
            self._newest[asker] = ticket
        try:
            with self._drawing:
                if asker and self._newest.get(asker) != ticket:
                    return None
                return to_pixels(self._model(folder).sample(seed, indices, labels, diversity))
        finally:
            with self._asking:
                if self._newest.get(asker) == ticket:
                    del self._newest[asker]

    def rebuild(self, folder: pathlib.Path, pixels: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """Pictures squeezed and brought back by a family that can encode: uint8 [n, h, w, c] -> the same shape."""
        import torch

        from .images import to_images, to_pixels

        with self._drawing, torch.no_grad():
            model, given = self._model(folder), None if labels is None else torch.from_numpy(labels)
            return to_pixels(model.decode(model.encode(to_images(pixels), given), given))

    def _model(self, folder: pathlib.Path) -> GenerativeModel:
        stamp = (str(folder), (folder / "model.safetensors").stat().st_mtime_ns)
        if stamp in self._open:
            self._open.move_to_end(stamp)
        else:
            self._open[stamp] = Checkpoint.open(folder).load()
            while len(self._open) > self._keep:
                self._open.popitem(last=False)
        return self._open[stamp]
