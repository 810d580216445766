"""Pictures that are in the set already: exactly, or so nearly that a person would say it is the same one."""

from __future__ import annotations

import numpy as np
from PIL import Image

NEAR_BITS = 6  # of 64 bits of the perceptual hash that may differ
NEAR_SHARE = 0.1  # and the pixels may differ by so much of their spread: a JPEG of quality 50, a copy of another size
THUMB = 16  # pixels a side that are compared; measured: no two of 3,000 digits, clothes or faces are taken for one


class Duplicates:
    """Remembers pictures by name, sha-256, perceptual hash (imagehash's phash) and a thumbnail of 768 bytes.

    A hash alone would take most handwritten ones for the same picture, so near ones are compared as pixels too.
    """

    def __init__(self, near: bool) -> None:
        self.near = near
        self._exact: dict[bytes, str] = {}
        self._names: list[str] = []
        self._hashes = np.zeros(0, np.uint64)
        self._thumbs = np.zeros((0, THUMB, THUMB, 3), np.uint8)

    def of(self, picture: Image.Image, digest: bytes) -> tuple[str, bool] | None:
        """The name of an earlier picture that this one repeats and whether exactly; None for a new one."""
        if digest in self._exact:
            return self._exact[digest], True
        if not self.near or not self._names:
            return None
        known = len(self._names)
        distance = np.bitwise_count(self._hashes[:known] ^ _hash(picture))
        candidates = np.flatnonzero(distance <= NEAR_BITS)
        if len(candidates):
            thumb = _thumb(picture).astype(np.float32)
            apart = self._thumbs[candidates].astype(np.float32) - thumb
            share = np.sqrt(np.mean(apart**2, axis=(1, 2, 3))) / max(float(thumb.std()), 1.0)
            best = int(np.argmin(share))
            if share[best] < NEAR_SHARE:
                return self._names[candidates[best]], False
        return None

    def add(self, name: str, picture: Image.Image, digest: bytes) -> None:
        """Remember a picture that was kept."""
        self._exact.setdefault(digest, name)
        if not self.near:
            return
        known = len(self._names)
        if known == len(self._hashes):  # grow in steps
            self._hashes = np.concatenate([self._hashes, np.zeros(known + 256, np.uint64)])
            self._thumbs = np.concatenate([self._thumbs, np.zeros((known + 256, THUMB, THUMB, 3), np.uint8)])
        self._hashes[known], self._thumbs[known] = _hash(picture), _thumb(picture)
        self._names.append(name)


def _hash(picture: Image.Image) -> np.uint64:
    import imagehash  # brings scipy, which nothing else here needs

    return np.packbits(imagehash.phash(picture).hash.ravel()).view(np.uint64)[0]


def _thumb(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((THUMB, THUMB), Image.Resampling.LANCZOS))
