"""Peers: ours against what a user could pick instead. Same pictures, same processor seconds, same judge, one thread.

    python tests/benchmarks/peers.py --data digits.npz --judge judge-digits.safetensors

`--data` is an npz of 28 px grey digits (images, labels, test_images, test_labels); without it the starter set that
ships is used, and its held-out pictures judge. `--judge` is a digit judge's file; without it the studio's own judge
says it all. Settling (batch statistics, mixtures) and scoring are outside the budget and printed. Each row is kept in
`--results` as soon as it is there; `--only` and `--seconds` make more of them, and the table shows all that are kept.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import time
from typing import Any

import numpy as np
import torch
from bench import hardware
from rivals import OURS, ROWS, Made
from threadpoolctl import threadpool_limits

COUNT, NEAR, QUICK = 10_000, 5_000, 2_000  # made for the distance; for the neighbours; for a look on the way
MARKS = 6  # looks at ours on the way, each at twice the seconds of the one before
COLUMNS = ("right", "precision", "recall", "f1", "density", "coverage")


class Scorer:
    """One or two judges and the real pictures' features under them; the protocol behind every row."""

    def __init__(self, judge: str, pictures: Any, real: np.ndarray) -> None:
        from genmodels.images import to_images
        from genmodels.judge import classifier, digit_judge
        from genmodels.judge import judge as studio

        self.judges = [digit_judge(judge)] if judge else []
        self.judges.append(studio())
        self.predict = self.judges[0].predict if judge else classifier(pictures).predict
        self.real = [each.features(to_images(real)) for each in self.judges]

    def quick(self, images: torch.Tensor) -> float:
        """The Frechet distance under the first judge."""
        from genmodels.metrics import frechet

        return frechet(self.judges[0].features(images), self.real[0])

    def all(self, images: torch.Tensor, labels: torch.Tensor | None) -> dict[str, float | None]:
        """Every number of a row."""
        from genmodels.metrics import frechet, manifold

        found = [judge.features(images) for judge in self.judges]
        distances = [frechet(made, real) for made, real in zip(found, self.real, strict=True)]
        numbers: dict[str, float | None] = {"frechet": distances[0], "studio": distances[-1], "right": None}
        if labels is not None:
            said = torch.cat([torch.as_tensor(self.predict(rows)) for rows in images.split(500)])
            numbers["right"] = float((said == labels).float().mean())
        return numbers | manifold(found[0][:NEAR], self.real[0][:NEAR])


def opened(data: str) -> tuple[Any, np.ndarray]:
    """The pictures to learn from, none of them held out, and those to judge with, uint8 [n, h, w, c]."""
    from genmodels.data import starters
    from genmodels.data.imageset import ImageSet

    if not data:
        whole = starters.open("digits")
        (pixels, labels), real = whole.training(), whole.held()[0]
    else:
        with np.load(data, allow_pickle=False) as arrays:
            pixels, real = (arrays[name][..., None] for name in ("images", "test_images"))
            labels = arrays["labels"].astype(np.int64)
    classes = tuple(str(digit) for digit in range(10))
    return ImageSet(pixels, labels, classes, name="digits", held_out=np.zeros(len(pixels), bool)), real


def contest(key: str, pictures: Any, scorer: Scorer, seconds: float, long: float) -> dict[str, Any]:
    """One row: train, look on the way (ours) or beyond (the others, up to `long`), and score in full at `seconds`."""
    title, contestant = ROWS[key]
    moments = [seconds]
    if key in OURS:
        moments = [seconds / 2**power for power in reversed(range(MARKS))]
    else:
        while moments[-1] * 2 <= long:
            moments.append(moments[-1] * 2)
    row: dict[str, Any] = {"key": key, "title": title, "budget": seconds, "curve": []}
    for moment, made in zip(moments, contestant(pictures, moments), strict=True):
        start = time.process_time()
        if moment == seconds:
            row |= _scored(made, scorer)
            quick = row.pop("quick")
        else:
            quick = scorer.quick(made.draw(QUICK)[0])
        row["curve"].append([made.seconds, quick])
        print(f"{title}: {made.seconds:.0f} s, {made.images:,} pictures, quick Frechet {quick:.1f}", flush=True)
        if moment == seconds:
            row["scoring"] = time.process_time() - start
    return row


def _scored(made: Made, scorer: Scorer) -> dict[str, Any]:
    images, labels = made.draw(COUNT)
    quick = scorer.quick(images[:QUICK])
    return {"images": made.images, "settling": made.settling, "quick": quick, **scorer.all(images, labels)}


def table(rows: list[dict[str, Any]], real: dict[str, Any], judge: str) -> str:
    """Markdown: who, how many pictures in how long, and how good."""
    lines = [
        "| who | processor s | pictures | Frechet | of real | right class | precision | recall | F1 | density "
        "| coverage | Frechet, studio-1 | settling s | scoring s |",
        "|---|" + "---:|" * 13,
    ]
    for row in [*rows, real]:
        numbers = " | ".join("-" if row.get(name) is None else f"{row[name]:.3f}" for name in COLUMNS)
        made = f"{row['budget']:.0f} | {row['images']:,}" if "budget" in row else "- | -"
        times = f"{row['settling']:.1f} | {row['scoring']:.1f}" if "budget" in row else "- | -"
        times = f"{row['studio']:.3g} | {times}"
        ratio = row["frechet"] / real["frechet"]
        lines.append(f"| {row['title']} | {made} | {row['frechet']:.2f} | {ratio:.2f} | {numbers} | {times} |")
    return "\n".join([*lines, "", f"Judge: {judge}. " + hardware()])


def crossings(rows: list[dict[str, Any]]) -> str:
    """How many processor seconds ours needs to reach each other's final score, and whether they ever reach ours."""
    lines = [
        "| ours | theirs | their s, quick Frechet | ours reaches it in | they reach ours in |",
        "|---|---|---|---|---|",
    ]
    for mine in (row for row in rows if row["key"] in OURS):
        for other in (row for row in rows if row["key"] not in OURS):
            score = next(value for at, value in other["curve"] if at >= other["budget"])
            ours = next((f"{at:.1f} s" for at, value in mine["curve"] if value <= score), "not")
            best = mine["curve"][-1][1]
            last = other["curve"][-1][0]
            theirs = next((f"{at:.0f} s" for at, value in other["curve"] if value <= best), f"not in {last:.0f} s")
            first = f"{mine['title']}, {mine['budget']:.0f} s"
            lines.append(f"| {first} | {other['title']} | {score:.1f} at {other['budget']:.0f} s | {ours} | {theirs} |")
    return "\n".join(lines)


def main() -> None:
    """Make the rows that are asked for, keep them, and print all that are kept."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", default="", metavar="NPZ")
    options.add_argument("--judge", default="", metavar="FILE")
    options.add_argument("--seconds", type=float, default=100, help="of processor time (default 100)")
    options.add_argument("--long", type=float, default=0, help="let the others go on until so many seconds")
    options.add_argument(
        "--only",
        nargs="*",
        choices=list(ROWS),
        default=[key for key in ROWS if key != "gan-long"],  # which is for --seconds 600
        metavar="ROW",
        help=", ".join(ROWS),
    )
    options.add_argument(
        "--results", type=pathlib.Path, metavar="FILE", help="keep rows here, and show those of before"
    )
    chosen = options.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)
    pictures, real = opened(chosen.data)
    scorer = Scorer(chosen.judge, pictures, real)
    from genmodels.images import to_images

    against = to_images(pictures.images[:COUNT]), torch.from_numpy(pictures.labels[:COUNT])
    best = {"title": "real training pictures", **scorer.all(*against)}
    kept = json.loads(chosen.results.read_text()) if chosen.results and chosen.results.exists() else []
    for key in chosen.only:
        row = contest(key, pictures, scorer, chosen.seconds, chosen.long)
        kept = [*(old for old in kept if (old["key"], old["budget"]) != (key, chosen.seconds)), row]
        if chosen.results:
            chosen.results.write_text(json.dumps(kept, indent=1))
    kept.sort(key=lambda row: (row["key"] not in OURS, row["budget"], list(ROWS).index(row["key"])))
    print("\n" + table(kept, best, scorer.judges[0].name) + "\n\n" + crossings(kept))


if __name__ == "__main__":
    main()
