"""Another visitor's Shuffle, in milliseconds: with nobody training, beside a training, and when it is over."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator

from bench import Visitor, hardware, late, middle, serving

POLL = 1.0  # seconds between two looks of the page that watches the training: what ui/watch_step.py has
TRAINER = "0123456789abcdef" * 2  # the token of the visitor who trains
TILE = 'class="tile"'
UNCOUNTED = 20  # clicks until the model is open and everything has been used once


def shuffles(page: Visitor, count: int, pause: float) -> list[float]:
    """Press Shuffle so often (the app rolls a new seed each time): the milliseconds of each."""
    taken, walls = [], set()
    for _ in range(count):
        time.sleep(pause)
        start = time.perf_counter()
        _, wall, _ = page.click("shuffle")
        taken.append(1000 * (time.perf_counter() - start))
        walls.add(wall)
    if len(walls) < count - 1 or TILE not in wall:  # by chance, a seed may come twice
        raise SystemExit("Shuffle did not draw new pictures each time, so this measures nothing.")
    return taken


@contextlib.contextmanager
def training(port: int, home: pathlib.Path, family: str) -> Iterator[None]:
    """Somebody trains on digits without an end and watches, with a page that asks every second how it goes."""
    from genmodels.runs import Run

    page, over = Visitor(port), threading.Event()
    key = page.call("start_run", "digits", family, "small", 0, "", TRAINER)
    run = Run(home / "runs" / key)
    try:
        while (state := run.look().state) != "running":
            if state not in ("ready", "waiting", "starting"):
                raise SystemExit(f"The training is {state}: {run.look().details}")
            time.sleep(0.3)
        watcher = threading.Thread(target=_watch, args=(page, key, over))
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        if run.look().state != "running":
            raise SystemExit("The training did not last, so this measures nothing.")
    finally:
        run.delete()


def _watch(page: Visitor, key: str, over: threading.Event) -> None:
    while not over.wait(POLL):
        page.click("timer", "tick", genmodels_visitor=TRAINER, genmodels_run=key)


def told(name: str, values: list[float]) -> None:
    """A line about one part."""
    print(f"{name:18} p50 {middle(values):6.1f} ms   p95 {late(values):6.1f} ms   ({len(values)} clicks)", flush=True)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clicks", type=int, default=100, help="in each of the three parts")
    options.add_argument("--pause", type=float, default=0.2, help="seconds between two clicks")
    options.add_argument("--family", default="gan", help="what is trained meanwhile")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = pathlib.Path(folder)
        with serving([sys.executable, "app.py"], home) as (port, _, _):
            page = Visitor(port)
            shuffles(page, UNCOUNTED, chosen.pause)
            before = shuffles(page, chosen.clicks, chosen.pause)
            told("nobody trains", before)
            with training(port, home, chosen.family):
                shuffles(page, UNCOUNTED, chosen.pause)
                beside = shuffles(page, chosen.clicks, chosen.pause)
            told(f"beside a {chosen.family.upper()}", beside)
            shuffles(page, UNCOUNTED, chosen.pause)
            after = shuffles(page, chosen.clicks, chosen.pause)
            told("nobody again", after)
            tiles = page.click("shuffle")[1].count(TILE)
    idle = before + after
    p50, p95 = middle(beside) / middle(idle), late(beside) / late(idle)
    print(f"ratio              p50 {p50:6.2f}      p95 {p95:6.2f}      (beside / idle; {tiles} pictures a click)")
    print(hardware())


if __name__ == "__main__":
    main()
