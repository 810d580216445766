"""Measuring: the steps of an evaluation, each a generator that says how far it is and leaves numbers behind."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from ..data.imageset import ImageSet
from ..images import to_images, to_pixels
from ..judge import Judge, classifier
from ..metrics import bands, copies, fitting, frechet, kernel, manifold, rebuilding
from ..models.base import GenerativeModel
from . import bounds
from .real import SEARCHED, SPACES, Real, Sharing, look, rows_of, search
from .result import ClassScore, Nearest, Number

CLOSEST, RANDOM = 10, 6  # made pictures shown beside the nearest training picture
SHOWN = 16  # rebuilt pictures shown
BATCH = 64
LOWER = {"frechet", "kernel", "copies", "copies_features", "copies_pixels", "critic", "critic_made", "mse", "bits"}
CLOUD = ("frechet", "kernel", "precision", "recall", "f1", "density", "coverage")
MOST = {"frechet": np.inf, "kernel": np.inf, "density": np.inf}  # of numbers that are no shares


class Measuring:
    """One model and one set; the numbers found so far. Steps come in the order of `steps`."""

    def __init__(
        self,
        model: GenerativeModel,
        pictures: ImageSet,
        judge: Judge,
        *,
        count: int,
        seed: int,
        k: int,
        diversity: float,
    ) -> None:
        self.model, self.pictures, self.judge, self.seed, self.diversity = model, pictures, judge, seed, diversity
        self.device = next(model.parameters()).device
        self.held_out, self.training, self.against = rows_of(pictures)
        self.count = min(count, len(self.training))  # real pictures then stand beside them in the same number
        self.neighbours = fitting(k, self.count, len(self.against))
        self.fingerprint = pictures.fingerprint()
        self.labels = self._labels()
        self.numbers: list[Number] = []
        self.classes: tuple[ClassScore, ...] = ()
        self.nearest: tuple[Nearest, ...] = ()
        self.copying, self.rebuilt = "", ()
        self.real: Real
        self.made: np.ndarray  # features [n, width]
        self.pixels: np.ndarray  # uint8 [n, h, w, c]
        self.near: dict[str, copies.Near]

    def steps(self) -> list[tuple[Callable[[], Sharing], float]]:
        """What will be done and about how many seconds each takes on one core, for the time that is left."""
        count, real, training = self.count, len(self.against), len(self.training)
        search_one = 3.5e-10 * training * (100 + copies_width(self.pictures)) + 1e-3
        found = [
            (self.look, training * 3e-4 + real * search_one),
            (self.make, count * (4e-4 + search_one)),
            (self.cloud, 0.4 + 9e-8 * (count**2 + count * real + real**2)),
            (self.copied, 0.05),
        ]
        if self.labels is not None:
            found.append((self.classify, 1.0))
        known = self.given is not None or not self.model.picture.classes
        if known and self.model.can_encode:  # it is asked about real pictures, by their classes
            weighed = min(real, bounds.WEIGHED) * bounds.SAMPLES
            found += [(self.rebuild, 1e-3 * real), (self.bound, 1e-3 * real + 1.5e-4 * weighed)]
        if known and self.model.can_criticise:
            found.append((self.criticise, 0.1 + 1e-4 * count))
        return found

    @property
    def given(self) -> np.ndarray | None:
        """The labels of the set as the model knows them; None where it knows none."""
        return self.pictures.labels if self.model.picture.classes else None

    def _labels(self) -> np.ndarray | None:
        """Which class each made picture shall be of: as often as among the pictures that it is compared with."""
        if self.given is None:
            return None
        real = self.given[self.against]
        return real[np.random.default_rng(0).permutation(len(real))][np.arange(self.count) % len(real)]

    def add(
        self, name: str, value: float, band: bands.Band, pictures: int, *, reference: float | None = None, by: str = ""
    ) -> None:
        """A number that was found."""
        better = "lower" if name in LOWER else "higher"
        low, high = min(band.low, value), max(band.high, value)
        facts = {"name": name, "value": float(value), "low": float(low), "high": float(high), "better": better}
        real = None if reference is None else float(reference)
        self.numbers.append(Number(**facts, reference=real, band=band.how, pictures=pictures, by=by))

    # ---- pictures

    def look(self) -> Sharing:
        """The set's own pictures."""
        self.real = yield from look(self.pictures, self.fingerprint, self.judge)

    def make(self) -> Sharing:
        """Pictures of the seed, in 8 bits as people see them."""
        pixels, made, near = [], [], []
        for start in range(0, self.count, SEARCHED):
            indices = range(start, min(start + SEARCHED, self.count))
            labels = None if self.labels is None else self.labels[indices.start : indices.stop]
            pixels.append(to_pixels(self.model.sample(self.seed, indices, labels, self.diversity)))
            features, found = search(self.judge, pixels[-1], self.real.searched)
            made.append(features)
            near.append(found)
            yield indices.stop / self.count
        self.pixels, self.made = np.concatenate(pixels), np.concatenate(made)
        self.near = {space: copies.joined([part[space] for part in near]) for space in SPACES}

    # ---- distance, precision and so on

    def _measure(self, made: np.ndarray, real: np.ndarray) -> dict[str, float]:
        k = fitting(self.neighbours, len(made), len(real))
        return {"frechet": frechet(made, real), "kernel": kernel(made, real, seed=self.seed), **manifold(made, real, k)}

    def cloud(self) -> Sharing:
        """All that compares two clouds of features; the same for as many training pictures as reference."""
        values = self._measure(self.made, self.real.features)
        yield 0.05
        reference: dict[str, float] = {}
        if self.held_out:
            some = np.random.default_rng(self.seed).permutation(len(self.training))[: self.count]
            reference = self._measure(self.real.searched["features"][some], self.real.features)
        draws = []
        for half in bands.halves(self.made, self.real.features, self.seed):
            draws.append(self._measure(*half))
            yield 0.05 + 0.95 * len(draws) / bands.HALVES
        for name in CLOUD:
            least = -np.inf if name == "kernel" else 0.0
            band = bands.around(values[name], [draw[name] for draw in draws], least, MOST.get(name, 1.0))
            self.add(name, values[name], band, self.count, reference=reference.get(name))

    def copied(self) -> Sharing:
        """The copy test, in both spaces, and the made pictures nearest to a training picture."""
        yield 0.5
        if self.held_out:
            tests = {space: copies.compare(self.near[space], self.real.near[space]) for space in SPACES}
            either = functools.reduce(np.logical_or, (test.suspicious for test in tests.values()))
            unseen = [self.real.near[space].relative <= test.threshold for space, test in tests.items()]
            expected = float(functools.reduce(np.logical_or, unseen).mean())
            band = bands.share(either.sum(), self.count)
            self.add("copies", either.mean(), band, self.count, reference=expected)
            for space, test in tests.items():
                band = bands.share(test.suspicious.sum(), self.count)
                self.add(f"copies_{space}", test.share, band, self.count, reference=test.expected)
            self.copying = "copied" if any(test.copied for test in tests.values()) else "clear"
            limits = {space: max(test.threshold, 1e-9) for space, test in tests.items()}
        else:
            either, limits = np.zeros(self.count, bool), dict.fromkeys(SPACES, 1.0)
        nearness = np.stack([self.near[space].relative / limits[space] for space in SPACES])  # under 1: suspicious
        order = np.argsort(nearness.min(0), kind="stable")
        rest = np.sort(order[CLOSEST:])[:RANDOM]  # seeds come in no order, so the first ones are as good as any
        self.nearest = tuple(
            self._pair(int(index), SPACES[int(nearness[:, index].argmin())], bool(either[index]), chosen)
            for chosen, some in (("closest", order[:CLOSEST]), ("random", rest))
            for index in some
        )

    def _pair(self, index: int, space: str, suspicious: bool, chosen: str) -> Nearest:
        near = self.near[space]
        return Nearest(
            index=index,
            label=None if self.labels is None else int(self.labels[index]),
            row=int(self.training[near.row[index]]),
            distance=float(near.distance[index]),
            typical=float(np.median(self.real.near[space].distance)),
            mirrored=bool(near.mirrored[index]),
            suspicious=suspicious,
            chosen=chosen,
        )

    # ---- classes

    def classify(self) -> Sharing:
        """Whether made pictures are of the class that was asked for, by a classifier of real pictures."""
        yield 0.0
        judge = classifier(self.pictures)
        if judge is None:
            return
        yield 0.7
        said = judge.predict(to_images(self.pixels))
        right = said == self.labels
        self.add(
            "right",
            right.mean(),
            bands.share(right.sum(), self.count),
            self.count,
            reference=judge.accuracy,
            by=judge.name,
        )
        self.classes = tuple(
            class_score(name, said == place, self.labels == place)
            for place, name in enumerate(self.model.picture.classes)
        )

    # ---- what only some families can

    def batches(self, rows: np.ndarray, size: int = BATCH) -> Generator[tuple[int, Tensor, Tensor | None], None, None]:
        """(how many so far, images, labels) of the set's pictures in these rows, on the model's device."""
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            labels = None if self.given is None else torch.from_numpy(self.given[some].astype(np.int64)).to(self.device)
            yield start + len(some), to_images(self.pictures.images[some]).to(self.device), labels

    def learned(self, most: int) -> np.ndarray:
        """Rows of some training pictures, for reference."""
        return self.training[np.random.default_rng(self.seed).permutation(len(self.training))[:most]]

    @torch.inference_mode()
    def rebuild(self) -> Sharing:
        """Held-out pictures, squeezed and rebuilt; training pictures as reference."""
        measures = {"mse": rebuilding.mse, "psnr": rebuilding.psnr, "ssim": rebuilding.ssim}
        learned = self.learned(len(self.against)) if self.held_out else self.against[:0]
        found: list[dict[str, list[Tensor]]] = [{name: [] for name in measures} for _ in range(2)]
        whole = len(self.against) + len(learned)
        for side, (rows, before) in enumerate(((self.against, 0), (learned, len(self.against)))):
            for done, images, labels in self.batches(rows):
                rebuilt = self.model.decode(self.model.encode(images, labels), labels)
                for name, measure in measures.items():
                    found[side][name].append(measure(images.cpu(), rebuilt.cpu()))
                yield (before + done) / whole
        for name in measures:
            values = torch.cat(found[0][name]).numpy()
            reference = float(torch.cat(found[1][name]).mean()) if len(learned) else None
            self.add(name, values.mean(), bands.mean(values, self.seed), len(values), reference=reference)
        some = np.random.default_rng(0).permutation(len(self.against))[:SHOWN]
        self.rebuilt = tuple(int(row) for row in self.against[some])

    def bound(self) -> Sharing:
        """Bounds of the likelihood of held-out pictures, as they are and (in grey) binarised."""
        yield from bounds.measure(self)

    @torch.inference_mode()
    def criticise(self) -> Sharing:
        """What its own critic says of unseen real pictures and of made ones; of training pictures as reference."""
        scores, limit, learned = [], None, self.learned(len(self.against)) if self.held_out else self.against[:0]
        for rows in (self.against, learned):
            said = []
            for _, images, labels in self.batches(rows):
                values, limit = self.model.realness(images, labels)
                said.append(values.float().cpu().numpy())
                yield 0.2
            scores.append(np.concatenate(said) if said else np.zeros(0, np.float32))
        said = []
        for start in range(0, self.count, BATCH):
            some = None if self.labels is None else torch.from_numpy(self.labels[start : start + BATCH]).to(self.device)
            values, _ = self.model.realness(to_images(self.pixels[start : start + BATCH]).to(self.device), some)
            said.append(values.float().cpu().numpy())
            yield 0.3 + 0.6 * start / self.count
        (real, learned), made = scores, np.concatenate(said)
        value = ranked(real, made)
        draws = [ranked(*half) for half in bands.halves(real, made, self.seed)]
        reference = ranked(learned, real) if len(learned) else None
        self.add("critic", value, bands.around(value, draws, 0.0, 1.0), self.count, reference=reference)
        if limit is not None:
            known = float((learned > limit).mean()) if len(learned) else None
            for name, right, beside in (("critic_real", real > limit, known), ("critic_made", made <= limit, None)):
                self.add(name, right.mean(), bands.share(right.sum(), len(right)), len(right), reference=beside)


def ranked(real: np.ndarray, others: np.ndarray) -> float:
    """How often a score in `real` [n] is above one in `others` [m]; half where they are equal (Mann & Whitney 1947)."""
    return float(stats.mannwhitneyu(real, others).statistic / (len(real) * len(others)))


def class_score(name: str, said: np.ndarray, asked: np.ndarray) -> ClassScore:
    """How one class is hit, from which pictures are said to be of it and of which it was asked, bool [n] each."""
    hits, recognised, wanted = int((said & asked).sum()), int(said.sum()), int(asked.sum())
    precision, recall = hits / recognised if recognised else 0.0, hits / wanted if wanted else 0.0
    f1 = 2 * hits / (recognised + wanted) if recognised + wanted else 0.0
    return ClassScore(name=name, asked=wanted, precision=precision, recall=recall, f1=f1)


def copies_width(pictures: ImageSet) -> int:
    """How many numbers a picture has where copies are looked for pixel by pixel."""
    return min(16, pictures.format.size // 2) ** 2 * pictures.format.channels
