"""Whether the judge may be trusted: distances must grow with every step of damage, on sets it never saw as well.

`python -m genmodels.judge.ranking [--more FOLDER]` prints the table: one line a set and kind of damage, the distance of
undamaged pictures first. FOLDER holds npz files with `images` uint8 [n, h, w] or [n, h, w, 1, 3 or 4].
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import pathlib
import time
from collections.abc import Iterator

import numpy as np
import torch

from ..data import starters
from ..images import to_images, to_pixels
from ..metrics import frechet, kernel, manifold
from .degrade import KINDS, MIXING, fitted
from .network import Judge, judge

PICTURES = 500  # damaged ones against as many others; half of a set that has fewer
SIZES = (28, 32, 64)
STRANGERS = (("letters", "kanji"), ("avatars", "emoji"))  # sets mixed in, and what instead where it is the set itself


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of damage on one set: distances at no damage and at each strength."""

    set: str
    kind: str
    strengths: tuple[float, ...]
    frechet: tuple[float, ...]  # one more than strengths: the first is without damage
    kernel: tuple[float, ...]

    @property
    def inversions(self) -> int:
        """Steps at which one of the two distances did not grow."""
        steps = [*itertools.pairwise(self.frechet), *itertools.pairwise(self.kernel)]
        return sum(later <= earlier for earlier, later in steps)


@dataclasses.dataclass(frozen=True)
class Strange:
    """What the neighbour measures say of uniform noise, and of other pictures of the set (k = 5)."""

    set: str
    noise_density: float
    density: float
    coverage: float


def rank(name: str, pixels: np.ndarray, sees: Judge, pictures: int = PICTURES) -> Iterator[Row | Strange]:
    """Damage pictures, uint8 [n, h, w, c], in every way, and measure them against as many others.

    Each distance is the mean of two: one half damaged against the other as it is, and the other way round. By how much
    the two halves differ by chance then weighs alike at every strength.
    """
    order = np.random.default_rng(0).permutation(len(pixels))
    count = min(pictures, len(pixels) // 2)
    halves = [to_images(pixels[order[start : start + count]]) for start in (0, count)]
    real = [sees.features(half) for half in halves]
    undamaged = _distances(real, real[::-1])
    for kind in KINDS:
        found = [undamaged]
        for strength in kind.strengths:
            random = torch.Generator().manual_seed(0)
            worse = [to_images(to_pixels(kind.apply(half, strength, random))) for half in halves]
            found.append(_distances([sees.features(half) for half in worse], real[::-1]))
        yield _row(name, kind.name, kind.strengths, found)
    for stranger, instead in STRANGERS:
        other = instead if name == stranger else stranger
        strangers, found = _others(other, pixels, count, sees), [undamaged]
        for share in MIXING:
            many = round(share * count)
            mixed = [np.concatenate([strangers[:many], half[many:]]) for half in real]
            found.append(_distances(mixed, real[::-1]))
        yield _row(name, f"mixed with {other}", MIXING, found)
    static = np.random.default_rng(1).integers(0, 256, (count, *pixels.shape[1:]), dtype=np.uint8)
    noise, like = manifold(sees.features(to_images(static)), real[1]), manifold(*real)
    yield Strange(name, noise["density"], like["density"], like["coverage"])


def _distances(worse: list[np.ndarray], real: list[np.ndarray]) -> tuple[float, float]:
    """Frechet and kernel distance, each the mean over the two halves."""
    pairs = list(zip(worse, real, strict=True))
    return float(np.mean([frechet(*pair) for pair in pairs])), float(np.mean([kernel(*pair) for pair in pairs]))


def _others(name: str, pixels: np.ndarray, count: int, sees: Judge) -> np.ndarray:
    """Features of another starter set's pictures, in the size and colours of these."""
    other = starters.open(name).images
    rows = np.random.default_rng(0).permutation(len(other))
    return sees.features(to_images(fitted(other[np.resize(rows, count)], pixels.shape[1], pixels.shape[3])))


def _row(name: str, kind: str, strengths: tuple[float, ...], found: list[tuple[float, float]]) -> Row:
    far, apart = zip(*found, strict=True)
    return Row(name, kind, strengths, far, apart)


def sets(more: pathlib.Path | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """The starter sets, and those in a folder of npz files: name and uint8 [n, h, w, 1 or 3], transparency on white."""
    for name in starters.NAMES:
        yield name, starters.open(name).images
    for path in sorted(more.glob("*.npz")) if more else ():
        with np.load(path, allow_pickle=False) as arrays:
            pixels = arrays["images"]
        pixels = pixels[..., None] if pixels.ndim == 3 else pixels
        if pixels.shape[-1] == 4:
            alpha = pixels[..., 3:] / 255.0
            pixels = (pixels[..., :3] * alpha + 255 * (1 - alpha)).round().astype(np.uint8)
        yield path.stem, pixels


def speed(sees: Judge, size: int) -> float:
    """Processor milliseconds that a colour picture takes: the best of five times 256."""
    images, times = torch.rand(256, 3, size, size) * 2 - 1, []
    for _ in range(5):
        start = time.process_time()
        sees.features(images)
        times.append(time.process_time() - start)
    return 1000 * min(times) / len(images)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; the exit code says whether every step grew and noise stays far from every set."""
    parser = argparse.ArgumentParser(prog="python -m genmodels.judge.ranking", description=__doc__)
    parser.add_argument("--more", type=pathlib.Path, metavar="FOLDER", help="npz files of sets the judge never saw")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="damaged ones against as many others")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    sees, bad, steps = judge(), 0, 0
    print(f"judge {sees.name}: Frechet distance (and kernel distance times 100) without damage, then growing\n")
    for name, pixels in sets(options.more):
        for found in rank(name, pixels, sees, options.pictures):
            if isinstance(found, Row):
                cells = [
                    f"{far:8.2f} ({100 * apart:7.2f})" for far, apart in zip(found.frechet, found.kernel, strict=True)
                ]
                print(f"{name:10} {found.kind:18}", *cells, "" if not found.inversions else f"  {found.inversions} BAD")
                bad, steps = bad + found.inversions, steps + 2 * len(found.strengths)
            else:
                print(
                    f"{name:10} uniform noise: density {found.noise_density:.4f}; other pictures of the set: density"
                    f" {found.density:.2f}, coverage {found.coverage:.2f}\n"
                )
                bad += found.noise_density > 0.01
    print(f"{bad} steps out of order or noise taken for pictures, in {steps} steps")
    print(
        "processor time a picture, one thread:", ", ".join(f"{speed(sees, size):.2f} ms at {size} px" for size in SIZES)
    )
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
