"""What a minute on the screen is: from Start to the first picture, to the end, and to a model that draws."""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile
import time

from bench import hardware

POLL = 0.05  # seconds between two looks
SEED = 20_260_801  # not the seed of the stored wall, so that the model has to draw


def minute(family: str, size: str, pictures: str, seconds: float, out: pathlib.Path | None) -> dict[str, float]:
    """One run as the screen starts it. Marks in seconds since Start, and what the run says of itself."""
    from genmodels.runs.look import children
    from genmodels.studio import Studio
    from genmodels.ui.model_step import order
    from genmodels.walls import Ask, counts_of

    studio, marks = Studio(), {}
    began = time.monotonic()
    visitor = studio.greet("")
    key = studio.start(visitor, order(pictures, family, size, seconds, "", {}), "")
    while not marks.get("finished"):
        time.sleep(POLL)
        watched = studio.watch(visitor, key)
        look, now = watched.look, time.monotonic() - began
        if look.state not in ("ready", "waiting", "starting", "running", "finished"):
            raise SystemExit(f"The run is {look.state}: {look.template.format(**look.facts)}\n{look.details}")
        done = look.progress.fraction if look.progress else -1
        for name, reached in (
            ("learning", done >= 0),
            ("first preview", watched.sheet),
            ("budget used", done >= 1),
            ("finished", watched.model),
        ):
            if reached:
                marks.setdefault(name, now)
    count = counts_of(len(studio.model(visitor, watched.model).picture.classes))[2]
    wall = studio.draw(visitor, Ask(watched.model, SEED, count))
    marks["usable"] = time.monotonic() - began
    children[studio.trainings / key].wait()
    if out:
        _show(wall, out / f"{pictures}-{family}-{size}-{seconds:.0f}s.png")
    return marks | {"images": look.progress.images, "clock": look.progress.seconds, "previews": len(look.previews)}


def _show(wall: object, file: pathlib.Path) -> None:
    from genmodels.images import grid, png

    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(png(grid(wall.pixels, wall.columns).repeat(4, axis=0).repeat(4, axis=1)))
    print(file)


def processor_seconds() -> float:
    """Of all processes that this one started and that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--families", nargs="+", default=["gan", "vae"])
    options.add_argument("--size", default="small")
    options.add_argument("--set", default="digits", help="a starter set")
    options.add_argument("--out", type=pathlib.Path, help="a folder for a wall of each model, as PNG")
    chosen = options.parse_args()
    import torch  # loaded before anybody presses Start, as the app does it

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["GENMODELS_HOME"] = folder
        for family in chosen.families:
            before = processor_seconds()
            told = minute(family, chosen.size, chosen.set, chosen.seconds, chosen.out)
            told["processor"] = processor_seconds() - before
            report(f"{family} {chosen.size}, {chosen.set}", chosen.seconds, told)
    print(hardware())


def report(name: str, budget: float, told: dict[str, float]) -> None:
    """The marks, and the ratios that do not depend on the machine."""
    print(f"{name}, {budget:.0f} s")
    print("  since Start: " + ", ".join(f"{mark} {told[mark]:.1f} s" for mark in list(told)[:5]))
    print(
        f"  {told['images']:,} images in {told['clock']:.1f} s of clock with {told['previews']} previews: "
        f"{told['images'] / told['clock']:.0f} a second; {told['images'] / told['processor']:.0f} a processor second "
        f"({told['processor']:.0f} s in all, loading and keeping included)"
    )
    print(
        f"  clock / budget {told['clock'] / budget:.3f}; usable {told['usable'] - budget:.1f} s after Start + budget, "
        f"{told['usable'] - told['budget used']:.1f} s after the budget was used",
        flush=True,
    )


if __name__ == "__main__":
    main()
