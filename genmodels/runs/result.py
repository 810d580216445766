"""Result: a finished model goes on the shelf, with the story of how it learned."""

from __future__ import annotations

import json
import pathlib
import platform
import re
import shutil
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from .. import __version__, device, events, files
from ..checkpoint import LONGEST_NAME, PUBLIC, Checkpoint, save
from ..data.imageset import ImageSet
from ..images import to_images

if TYPE_CHECKING:
    from ..models.base import GenerativeModel

FRAMES, LINES = 60, 400  # of the time-lapse and of each kind in the history, at most


def shelve(run: pathlib.Path, name: str, owner: str, fill: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """A new checkpoint folder in `models/` that `fill` has filled; it appears when it is whole."""
    shelf = run.parent.parent / "models"
    shelf.mkdir(parents=True, exist_ok=True)
    target = free_name(shelf, name)
    with files.whole_folder(target) as fresh:
        fill(fresh)
        (fresh / "history.jsonl").write_text("".join(history(run / "events.jsonl")), encoding="utf-8")
        sheets = (run / "previews").glob("[0-9]*.webp")  # none that is just being written
        timelapse(sorted(sheets, key=lambda f: int(f.stem)), fresh / "timelapse.webp")
        (fresh / "owner").write_text(owner, encoding="utf-8")  # private: publishing takes known names only
    return target


def copy(source: pathlib.Path, name: str) -> Callable[[pathlib.Path], None]:
    """Fills a folder with the public files of a checkpoint or save point, under a name."""

    def fill(folder: pathlib.Path) -> None:
        for file in PUBLIC:
            if (source / file).exists():
                shutil.copyfile(source / file, folder / file)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(
            json.dumps(config | {"name": name[:LONGEST_NAME]}, ensure_ascii=False, indent=1), encoding="utf-8"
        )

    return fill


def free_name(shelf: pathlib.Path, name: str) -> pathlib.Path:
    """The name as a folder that is not there yet: digits, digits-2, digits-3."""
    base, number = slug(name), 2
    folder = shelf / base
    while folder.exists():
        folder, number = shelf / f"{base}-{number}", number + 1
    return folder


def slug(name: str, longest: int = 48) -> str:
    """A name as a file name: plain letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].strip("-") or "model"


def history(file: pathlib.Path) -> list[str]:
    """The lines of an event file that tell the story: curves and scores thinned, problems and segments whole."""
    kinds: dict[type, list[tuple[int, str]]] = {}
    with open(file, encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream):
            kinds.setdefault(type(events.parse(line)), []).append((number, line))
    told: list[tuple[int, str]] = []
    for kind in (events.Progress, events.Scored, events.Problem, events.Segment):
        told += evenly(kinds.get(kind, []), LINES)
    return [line for _, line in sorted(told)]


def timelapse(sheets: list[pathlib.Path], target: pathlib.Path) -> None:
    """Previews as an animated WebP of some seconds; the last one stays a little."""
    frames = []
    for sheet in evenly(sheets, FRAMES):
        with Image.open(sheet) as picture:
            frames.append(picture.convert("RGB"))
    frames = [frame for frame in frames if frame.size == frames[-1].size]
    if len(frames) > 1:
        pauses = [100] * (len(frames) - 1) + [2000]  # milliseconds
        frames[0].save(
            target, "WEBP", save_all=True, append_images=frames[1:], duration=pauses, loop=0, quality=80, method=2
        )


def evenly(things: list, most: int) -> list:
    """At most so many of them, evenly spread; the first and the last stay."""
    if len(things) <= most:
        return things
    return [things[round(i * (len(things) - 1) / (most - 1))] for i in range(most)]


def facts(pictures: ImageSet, seen: int, seconds: float) -> dict[str, Any]:
    """What a model card says about how a model came to be."""
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    about = {"set": pictures.name, "origin": pictures.origin, "licence": pictures.licence}
    about |= {"dataset": pictures.dataset} if pictures.dataset else {}
    about |= {} if pictures.cleaned is None else {"cleaned": pictures.cleaned}
    about |= {"pictures": int((~pictures.held_out).sum()), "held_out": int(pictures.held_out.sum())}
    about |= {"fingerprint": pictures.fingerprint()}
    about |= {"images": seen, "seconds": round(seconds, 1), "hardware": where, "cores": device.cores()}
    about |= {"threads": torch.get_num_threads(), "with": f"genmodels {__version__}, torch {torch.__version__}"}
    return about


def settle(model: GenerativeModel, pictures: ImageSet) -> None:
    """All that averaged weights need before they draw for good; a save point has only the quick version."""
    import torch

    from ..training import SETTLED_PICTURES, SETTLED_VALUES

    learned = np.flatnonzero(~pictures.held_out)
    most = min(SETTLED_PICTURES, SETTLED_VALUES // pictures.images[0].size)
    rows = np.random.default_rng(0).permutation(learned)[:most]  # own pictures lie class by class
    where = next(model.parameters()).device
    given = None if pictures.labels is None else torch.from_numpy(pictures.labels[rows]).to(where)
    model.settle(to_images(pictures.images[rows]).to(where), given, quick=False)
    model.eval()


def polish(point: pathlib.Path, pictures: ImageSet) -> None:
    """Settle a save point in full, so that the model made of it draws as well as it can."""
    saved = Checkpoint.open(point)
    model = saved.load()
    settle(model, pictures)
    save(point, model, name=saved.name, size=saved.size, trained=saved.trained)
