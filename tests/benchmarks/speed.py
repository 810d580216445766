"""Images per processor second that each family and size trains on: one thread, the training step alone."""

from __future__ import annotations

import argparse
import time

from bench import hardware, middle

WARM = 8  # steps that are not counted
ROUND = 4  # steps timed together: a GAN's penalty comes every fourth step


def rate(family: str, size: str, pictures: str, repeats: int, seconds: float) -> float:
    """Images per processor second, the median of some repeats."""
    import torch

    from genmodels.data import starters
    from genmodels.runs.order import EMPTY, build
    from genmodels.training import Plan, Training

    images = starters.open(pictures)
    model = build({**EMPTY, "family": family, "size": size, "set": pictures}, images.format, len(images))
    training = Training(model, images, Plan(threads=1))
    _advance(training, WARM)
    found = []
    for _ in range(repeats):
        seen, start = training.images, time.process_time()
        while (taken := time.process_time() - start) < seconds:
            _advance(training, ROUND)
        found.append((training.images - seen) / taken)
    assert torch.get_num_threads() == 1
    return middle(found)


def _advance(training: object, steps: int) -> None:
    for _ in range(steps):
        training.advance()


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=5)
    options.add_argument("--seconds", type=float, default=2, help="of processor time for each repeat")
    chosen = options.parse_args()
    from genmodels.models import FAMILIES

    print(f"{'':24}images per processor second   against small")
    for family in FAMILIES:
        sizes = FAMILIES.sizes(family)
        orders = [("digits", size) for size in sizes] + [("avatars", "small")]
        rates = {each: rate(family, each[1], each[0], chosen.repeats, chosen.seconds) for each in orders}
        for (pictures, size), value in rates.items():
            name = f"{family} {size}, {pictures}"
            print(f"{name:24}{value:27,.0f}{value / rates['digits', 'small']:16.2f}", flush=True)
    print(hardware())


if __name__ == "__main__":
    main()
