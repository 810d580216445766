"""Odd one out, measured: chest X-rays after learning healthy ones only, and digits after learning all but one."""

from __future__ import annotations

import argparse
import itertools
import pathlib
import time
from typing import Any

import numpy as np
from bench import hardware

VALIDATION, TESTED = 500, 4_000  # digits of each kind that choose the readings; digits of the official test
SUBSETS = [subset for count in (1, 2, 3) for subset in itertools.combinations(("structure", "place", "grain"), count)]


def learned(pictures: Any, seconds: float, seed: int) -> Any:
    """A small VAE, trained for so many processor seconds on one thread."""
    from genmodels.runs.order import EMPTY, build
    from genmodels.trainer import train
    from genmodels.training import Plan

    order = {**EMPTY, "family": "vae", "size": "small", "plan": {"seed": seed}}
    model = build(order, pictures.format, len(pictures))
    plan = Plan(budget=seconds, unit="cpu-seconds", threads=1, seed=seed, preview_every=3600)
    for _ in train(model, pictures, plan):
        pass
    return model


def measured(model: Any, reference: Any, tried: tuple, tested: tuple) -> dict[str, Any]:
    """AUROC by each subset of readings, and the best on the validation part. A part is (pixels [n, h, w], odd [n])."""
    from genmodels.images import to_images
    from genmodels.oddity import auroc, score

    start = time.process_time()
    found = score(model, to_images(np.concatenate([tried[0], tested[0]])[..., None]), None, reference)
    spent, cut = time.process_time() - start, len(tried[0])
    said = {}
    for subset in SUBSETS:
        scores = np.max([found.readings[name] for name in subset], axis=0)
        said[subset] = auroc(scores[:cut], tried[1]), auroc(scores[cut:], tested[1])
    best = max(said, key=lambda subset: said[subset][0][0])
    return {"said": said, "best": best, "spent": spent, "count": len(found.scores), "odd": int(tested[1].sum())}


def pneumonia(file: pathlib.Path, seconds: float, seed: int) -> tuple[str, dict[str, Any]]:
    """Healthy chests alone are learned; the official validation part chooses, the official test part counts."""
    from genmodels.data.imageset import ImageSet

    with np.load(file, allow_pickle=False) as arrays:
        healthy = arrays["images"][arrays["labels"] == 0][..., None]
        tried, tested = ((arrays[f"{n}_images"], arrays[f"{n}_labels"] != 0) for n in ("val", "test"))
    reference = ImageSet(np.ascontiguousarray(healthy), name="healthy chests")
    return "pneumonia", measured(learned(reference, seconds, seed), reference, tried, tested)


def digit(file: pathlib.Path, left: int, seconds: float, seed: int) -> tuple[str, dict[str, Any]]:
    """All digits but one are learned, with their labels; of those shown later nobody says what they are."""
    from genmodels.data.imageset import ImageSet

    with np.load(file, allow_pickle=False) as arrays:
        pixels, labels = arrays["images"], arrays["labels"]
        tested = arrays["test_images"][:TESTED], arrays["test_labels"][:TESTED] == left
    mine = labels != left
    kinds = [kind for kind in range(10) if kind != left]
    numbers = np.searchsorted(kinds, labels[mine]).astype(np.int64)
    reference = ImageSet(pixels[mine][..., None], numbers, tuple(map(str, kinds)), name=f"all but {left}")
    ordinary = reference.held()[0][:VALIDATION, ..., 0]  # never learned from
    tried = np.concatenate([ordinary, pixels[~mine][:VALIDATION]]), np.arange(2 * VALIDATION) >= len(ordinary)
    return f"digit {left} left out", measured(learned(reference, seconds, seed), reference, tried, tested)


def line(name: str, result: dict[str, Any], subset: tuple[str, ...], more: str = "") -> str:
    """One row of the table."""
    (validation, *_), (value, low, high) = result["said"][subset]
    return f"{name:24}{value:8.3f} ({low:.3f} to {high:.3f}){validation:12.3f}   {' or '.join(subset):32}{more}"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pneumonia", type=pathlib.Path, metavar="NPZ")
    options.add_argument("--digits", type=pathlib.Path, metavar="NPZ")
    options.add_argument("--seconds", type=float, default=60, help="of processor time to learn healthy chests")
    options.add_argument("--digit-seconds", type=float, default=15, help="of processor time to learn nine digits")
    options.add_argument("--leave", type=int, nargs="*", default=list(range(10)), help="the digits to leave out")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    print(f"{'':24}{'AUROC, test (95 %)':>25}{'validation':>12}   by (chosen on validation)")
    if chosen.pneumonia:
        name, result = pneumonia(chosen.pneumonia, chosen.seconds, chosen.seed)
        print(line(name, result, result["best"], told(result, chosen.seconds)), flush=True)
        for subset in SUBSETS:
            print(line("  for comparison", result, subset), flush=True)
    means = []
    for left in chosen.leave if chosen.digits else ():
        name, result = digit(chosen.digits, left, chosen.digit_seconds, chosen.seed)
        print(line(name, result, result["best"], told(result, chosen.digit_seconds)), flush=True)
        means.append([result["said"][subset][1][0] for subset in (result["best"], ("structure", "place"))])
    if means:
        spread = np.std(means, axis=0, ddof=1) if len(means) > 1 else np.zeros(2)
        for words, mean, scatter in zip(("chosen", "as the app does it"), np.mean(means, axis=0), spread, strict=True):
            print(f"mean of {len(means)}, {words}: {mean:.3f}, standard deviation {scatter:.3f}")
    print(hardware())


def told(result: dict[str, Any], seconds: float) -> str:
    """What it took."""
    each = 1000 * result["spent"] / result["count"]
    return f"{seconds:.0f} s learning, {result['spent']:.1f} s scoring ({each:.1f} ms a picture), {result['odd']} odd"


if __name__ == "__main__":
    main()
