"""Promise: what an order will take on this machine, from some timed steps in a process of their own."""

from __future__ import annotations

import hashlib
import json
import math
import pathlib
import platform
import secrets
import subprocess
import sys
from typing import Any

from .. import device, files, home
from ..events import Trouble
from . import queue
from .order import Order, build, check, options_of, pictures_of, plan_of

LONGEST = 90  # seconds that a measurement may take


def promised(order: Order) -> dict[str, Any] | None:
    """What was measured earlier for an order like this one, applied to its budget; None where nothing was."""
    order = check(order)
    measured = files.read_json(_file(order))
    return _applied(measured, order) if measured else None


def promise(order: Order) -> dict[str, Any]:
    """Measure where nobody has, which takes some seconds. Facts: seconds and images (None: without an end),
    images_per_second, memory [bytes]. Raises Trouble where even some steps cannot be done."""
    order = check(order)
    file = _file(order)
    measured = files.read_json(file)
    if measured is None or (measured["busy"] and not _busy()):
        file.parent.mkdir(parents=True, exist_ok=True)
        ordered = file.with_name(f"{files.FRESH}{secrets.token_hex(4)}-{file.name}")  # one for each who asks
        files.write_json(ordered, order)
        command = [sys.executable, "-m", "genmodels.runs", "--probe", str(ordered), str(file)]
        try:
            environment = device.child_environment()
            subprocess.run(command, env=environment, capture_output=True, timeout=LONGEST, check=True)
        except subprocess.TimeoutExpired as error:
            raise Trouble("This machine is too busy to say how long it will take.") from error
        except subprocess.CalledProcessError as error:
            words = error.stderr.decode(errors="replace").strip().splitlines()
            raise Trouble("This cannot be trained here: {reason}", reason=words[-1] if words else "?") from error
        finally:
            ordered.unlink(missing_ok=True)
    return _applied(files.read_json(file), order)


def measure(order_file: pathlib.Path, target: pathlib.Path) -> None:
    """The work of the process: build what was ordered, time it, write what came out."""
    from ..trainer import probe

    order = files.read_json(order_file)
    pictures = pictures_of(order)
    model = build(order, pictures.format, len(pictures))
    measured = probe(model, pictures, plan_of(order))
    files.write_json(target, {**measured, "pictures": int((~pictures.held_out).sum()), "busy": _busy()})


def _busy() -> bool:
    """Whether a run is at work: what is measured beside it is too slow, and is measured again later."""
    (home() / "runs").mkdir(parents=True, exist_ok=True)
    return queue.busy(home() / "runs")


def _file(order: Order) -> pathlib.Path:
    """Where the measurement lies: one for each model, set, precision and machine."""
    plan = plan_of(order)
    machine = [platform.node(), platform.machine(), device.cores(), platform.python_version()]
    chosen = plan.model_dump(exclude={"budget", "unit", "seed", "speed", "decay_from", "preview_every", "save_every"})
    about = [order["family"], options_of(order).model_dump(), order["set"], *_version(order), chosen, machine]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:20]
    return home() / "cache" / "promises" / f"{digest}.json"


def _version(order: Order) -> list[int]:
    """What changes when a set is made again in its folder, with another picture size perhaps."""
    pixels = pathlib.Path(order["set"]) / "images.npy"
    return [pixels.stat().st_size, pixels.stat().st_mtime_ns] if pixels.exists() else []


def _applied(measured: dict[str, Any], order: Order) -> dict[str, Any]:
    """What the measured speed means for the order's budget; previews take their time too."""
    plan, rate = plan_of(order), measured["images_per_second"]
    images: float | None = {"images": plan.budget, "epochs": plan.budget * measured["pictures"]}.get(plan.unit)
    seconds: float | None = plan.budget
    if not plan.budget:
        images = seconds = None
    elif images is not None:
        seconds = images / rate + 40 * measured["preview"]  # the trainer draws 40 previews over a budget in pictures
    else:
        if plan.unit == "cpu-seconds":
            seconds = plan.budget / device.threads(plan.threads)
        steady = 40 * plan.preview_every  # then previews become rarer, as the trainer's rule has it
        previews = min(seconds, steady) / plan.preview_every + 40 * math.log(max(1.0, seconds / steady))
        images = max(0.0, seconds - previews * measured["preview"]) * rate
    return {
        "seconds": seconds,
        "images": images and int(images),
        "images_per_second": rate,
        "memory": int(measured["memory"]),
    }
