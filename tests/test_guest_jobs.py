"""Guests at work: jobs stream their steps, wait in line, end when they are cancelled, and belong to one visitor."""

from __future__ import annotations

import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator

import guest_models
import numpy as np
import pytest
from PIL import Image

from genmodels import device
from genmodels.events import Failed, Finished, Trouble
from genmodels.guests import Drawing, Guests
from genmodels.guests.shelf import shelve
from genmodels.images import grid, open_pixels, to_pixels
from genmodels.library import Library
from genmodels.markup import png_uri

ROOT = pathlib.Path(__file__).resolve().parents[1]
SIDE = guest_models.SIDE
PATIENCE = 60.0  # seconds until a test gives up


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    """The guests of Ada, by what they are."""
    return {}


@pytest.fixture(scope="module")
def guests(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Iterator[Guests]:
    """A shelf with a pipeline, one whose steps take seconds, and a VQ model; the process stays warm between tests."""
    root = tmp_path_factory.mktemp("home")
    guest_models.pipeline(root / "new")
    guest_models.pipeline(root / "slow", sample_size=64, block_out_channels=(128, 128))
    guest_models.autoencoder(root / "vq", "VQModel")
    for name in ("new", "slow", "vq"):
        keys[name] = shelve(root / "guests", root / name, "ada")
    made = Guests(root / "guests", lambda visitor: visitor or "", Library(ROOT / "checkpoints", root / "models"))
    yield made
    made.close()


def ended(guests: Guests, job: str, visitor: str = "ada") -> Drawing:
    """The job when it is done."""
    deadline = time.monotonic() + PATIENCE
    while (now := guests.look(visitor, job)).alive:
        assert time.monotonic() < deadline, now.template
        time.sleep(0.02)
    return now


def pixels_of(sheet: bytes, channels: int = 1) -> np.ndarray:
    return open_pixels(sheet, channels)


def picture(seed: int = 0) -> str:
    return png_uri(np.random.default_rng(seed).integers(0, 255, (20, 30, 3), np.uint8))


def worker(guests: Guests) -> int:
    return guests.orders._worker.pid


# ---- drawing


def test_each_step_is_seen_and_the_end_is_the_picture_of_the_seed(guests: Guests, keys: dict[str, str]) -> None:
    from genmodels.models import guest

    job, sheets, noisy, said = guests.draw("ada", keys["new"], 7, 5, 200), set(), set(), set()
    deadline = time.monotonic() + PATIENCE
    while (now := guests.look("ada", job)).alive and time.monotonic() < deadline:
        sheets.add(now.sheet)
        noisy.add(now.noisy)
        said.add(now.template.format(**now.facts))
        time.sleep(0.01)
    assert isinstance(now.end, Finished)
    assert len(sheets) > 3
    assert len(noisy - sheets) > 3
    assert not now.noisy
    assert any(line.startswith("Step ") and "of 200" in line for line in said)
    last = list(guest.load(guests.shelf.folder("ada", keys["new"])).draw(7, range(5), 200))[-1].noisy
    assert np.array_equal(pixels_of(now.sheet), grid(to_pixels(last), 3))
    assert now.recipe["seed"] == 7
    with Image.open(io.BytesIO(now.film)) as film:
        assert 2 <= film.n_frames <= 40
    assert guests.find("ada", keys["new"]).strip.shape == (5, SIDE, SIDE, 1)


def test_the_second_job_finds_the_guest_awake(guests: Guests, keys: dict[str, str]) -> None:
    first = ended(guests, guests.draw("ada", keys["new"], 1, 4, 5))
    file = next(guests.shelf.folder("ada", keys["new"]).rglob("*.safetensors"))
    weights, stamp = file.read_bytes(), file.stat()
    file.write_bytes(b"not to be read again")
    os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    awake = worker(guests)
    again = ended(guests, guests.draw("ada", keys["new"], 1, 4, 5))
    assert worker(guests) == awake
    assert again.sheet == first.sheet
    assert ended(guests, guests.draw("ada", keys["new"], 1, 4, 5, "DDPM")).sheet != first.sheet
    file.write_bytes(weights)


def test_others_wait_in_line(guests: Guests, keys: dict[str, str]) -> None:
    first = guests.draw("ada", keys["new"], 0, 64, 600)
    while not guests.look("ada", first).progress:
        time.sleep(0.02)
    second, third = (guests.draw("ada", keys["new"], 0, 1, 2) for _ in range(2))
    for place, job in ((1, second), (2, third)):
        now = guests.look("ada", job)
        assert now.template.format(**now.facts) == f"Waiting for its turn: number {place} in the queue."
    guests.cancel("ada", first)
    assert isinstance(ended(guests, third).end, Finished)
    assert not guests.look("ada", second).alive


def test_a_job_of_short_steps_is_cancelled_and_the_guest_stays_awake(guests: Guests, keys: dict[str, str]) -> None:
    job = guests.draw("ada", keys["new"], 0, 64, 1000)
    while not guests.look("ada", job).progress:
        time.sleep(0.02)
    awake = worker(guests)
    guests.cancel("ada", job)
    assert guests.look("ada", job) is None
    ended(guests, guests.draw("ada", keys["new"], 0, 1, 2))
    assert worker(guests) == awake


def test_a_job_whose_steps_take_long_is_cancelled_too(guests: Guests, keys: dict[str, str]) -> None:
    job = guests.draw("ada", keys["slow"], 0, 64, 100)
    while guests.look("ada", job).progress or guests.orders.place(guests.orders.root / job):
        time.sleep(0.02)
    time.sleep(0.5)  # it is in the middle of its first step
    busy = worker(guests)
    guests.cancel("ada", job)
    assert isinstance(ended(guests, guests.draw("ada", keys["new"], 0, 1, 2)).end, Finished)
    assert worker(guests) != busy  # nobody waited for the end of its step


def test_a_process_that_is_killed_is_said_and_does_not_stop_the_next(guests: Guests, keys: dict[str, str]) -> None:
    job = guests.draw("ada", keys["new"], 0, 64, 1000)
    while not guests.look("ada", job).progress:
        time.sleep(0.02)
    os.kill(worker(guests), signal.SIGKILL)
    now = ended(guests, job)
    assert isinstance(now.end, Failed)
    assert "cut short" in now.template
    assert isinstance(ended(guests, guests.draw("ada", keys["new"], 0, 1, 2)).end, Finished)


@pytest.mark.parametrize(
    ("seed", "count", "steps", "sampler", "reason"),
    [
        (-1, 4, 5, "", "seed is a whole number"),
        ("x", 4, 5, "", "seed is a whole number"),
        (0, 0, 5, "", "At most 64"),
        (0, 65, 5, "", "At most 64"),
        (0, 4, 1001, "", "Steps go from 1 to 1000"),
        (0, 4, -1, "", "Steps go from 1 to 1000"),
        (0, 4, "many", "", "whole number"),
        (0, 4, 5, "Euler", "DDIM or DDPM"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    guests: Guests, keys: dict[str, str], seed: object, count: int, steps: object, sampler: str, reason: str
) -> None:
    with pytest.raises(Trouble, match=reason):
        guests.draw("ada", keys["new"], seed, count, steps, sampler)


def test_one_visitor_cannot_fill_the_line(
    guests: Guests, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genmodels.guests.orders.AT_ONCE", 1)
    jobs = [guests.draw("ada", keys["new"], 0, 64, 1000)]
    while not guests.look("ada", jobs[0]).progress:
        time.sleep(0.02)
    jobs.append(guests.draw("ada", keys["new"], 0, 64, 1000))
    with pytest.raises(Trouble, match="are waiting already"):
        guests.draw("ada", keys["new"], 0, 64, 1000)
    for job in jobs:
        guests.cancel("ada", job)


# ---- your picture


def test_a_picture_is_rebuilt_blended_and_walked_from(guests: Guests, keys: dict[str, str]) -> None:
    rebuilt = ended(guests, guests.rebuild("ada", keys["vq"], [picture(0), picture(1)]))
    assert rebuilt.numbers["psnr"] == pytest.approx(sum(rebuilt.numbers["each"]) / 2)
    assert pixels_of(rebuilt.before, 3).shape == (SIDE, 2 * SIDE, 3)
    one, other = rebuilt.pixels
    blend = ended(guests, guests.blend("ada", keys["vq"], picture(0), picture(1), 6))
    assert np.array_equal(blend.pixels[0], one)
    assert np.array_equal(blend.pixels[-1], other)
    walk = ended(guests, guests.walk("ada", keys["vq"], picture(0), 3, 6))
    assert np.array_equal(walk.pixels[0], one)
    assert not np.array_equal(walk.pixels[3], one)
    assert walk.sheet == ended(guests, guests.walk("ada", keys["vq"], picture(0), 3, 6)).sheet
    assert walk.sheet != ended(guests, guests.walk("ada", keys["vq"], picture(0), 4, 6)).sheet
    for found, frames in ((blend, 10), (walk, 6)):  # a blend goes there and back
        with Image.open(io.BytesIO(found.film)) as film:
            assert film.n_frames == frames


@pytest.mark.parametrize(("model", "least"), [("avatars-vae", 25), ("digits-vae", 30)])
def test_a_vae_of_our_own_rebuilds_too(guests: Guests, model: str, least: float) -> None:
    strip = guests.library.find("ada", model).strip
    uris = [png_uri(tile.repeat(4, axis=0).repeat(4, axis=1)) for tile in strip[:2]]
    rebuilt = ended(guests, guests.rebuild("ada", model, uris))
    assert min(rebuilt.numbers["each"]) > least  # of the digits, with the right class only
    blend = ended(guests, guests.blend("ada", model, *uris, 5))
    assert np.array_equal(blend.pixels[0], rebuilt.pixels[0])
    assert np.array_equal(blend.pixels[-1], rebuilt.pixels[1])
    walk = ended(guests, guests.walk("ada", model, uris[0], 1, 8))
    assert np.array_equal(walk.pixels[0], rebuilt.pixels[0])
    assert walk.recipe["identity"] == guests.library.find("ada", model).identity


def test_an_upload_is_turned_upright_and_its_middle_taken(guests: Guests, keys: dict[str, str], tmp_path) -> None:
    lying = Image.new("RGB", (32, 16), "black")
    lying.paste("white", (8, 0, 16, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter to the right
    lying.save(tmp_path / "photo.png", exif=exif)
    found = ended(guests, guests.rebuild("ada", keys["vq"], [tmp_path / "photo.png"]))
    seen = pixels_of(found.before, 3)
    assert seen[:8].min() > 250
    assert seen[8:].max() < 5


@pytest.mark.parametrize("given", ["/etc/hostname", "data:image/png;base64,!!", "", "data:text/html;base64,aGk=", None])
def test_what_is_no_picture_is_refused_at_once(guests: Guests, keys: dict[str, str], given: object) -> None:
    with pytest.raises(Trouble, match="cannot be read"):
        guests.rebuild("ada", keys["vq"], [given])


def test_a_damaged_picture_is_refused_in_a_sentence(guests: Guests, keys: dict[str, str]) -> None:
    found = ended(guests, guests.rebuild("ada", keys["vq"], ["data:image/png;base64,aGVsbG8gd29ybGQ="]))
    assert isinstance(found.end, Failed)
    assert "not a picture" in found.template


def test_who_cannot_do_it_says_so(guests: Guests, keys: dict[str, str]) -> None:
    with pytest.raises(Trouble, match="draws nothing by itself"):
        guests.draw("ada", keys["vq"], 0, 1)
    with pytest.raises(Trouble, match="cannot rebuild pictures"):
        guests.rebuild("ada", keys["new"], [picture()])
    found = ended(guests, guests.rebuild("ada", "digits-gan", [picture()]))
    assert "choose a VAE" in found.template.format(**found.facts)


# ---- whose they are


def test_nobody_reaches_what_is_anothers(guests: Guests, keys: dict[str, str]) -> None:
    job = guests.draw("ada", keys["new"], 0, 1, 2)
    ended(guests, job)
    assert not guests.all("eve")
    assert guests.look("eve", job) is None
    assert guests.again("eve", ("draw",)) == ""
    assert guests.again("ada", ("draw",)) == job
    guests.cancel("eve", job)
    assert guests.look("ada", job)
    for act in (guests.find, guests.delete):
        with pytest.raises(Trouble, match="not here any more"):
            act("eve", keys["new"])
    with pytest.raises(Trouble, match="not here any more"):
        guests.draw("eve", keys["new"], 0, 1)


def test_what_came_of_it_can_be_taken_away(guests: Guests, keys: dict[str, str]) -> None:
    job = guests.draw("ada", keys["new"], 5, 3, 4)
    now = ended(guests, job)
    with zipfile.ZipFile(guests.bundle("ada", job)) as packed:
        names = sorted(name.split("/")[1] for name in packed.namelist())
        first = packed.read(next(name for name in packed.namelist() if name.endswith("002.png")))
    assert names == ["001.png", "002.png", "003.png", "all.webp", "film.webp", "recipe.json"]
    with Image.open(io.BytesIO(first)) as opened:
        assert json.loads(opened.text["recipe"])["index"] == 1
        assert np.array_equal(np.asarray(opened)[..., None], now.pixels[1])


# ---- the process


def test_it_leaves_when_nobody_wants_anything(tmp_path: pathlib.Path) -> None:
    code = """
import pathlib, sys
from genmodels.guests import __main__ as process
process.WARM = 0.2
process.main(pathlib.Path(sys.argv[1]))
"""
    known = {"env": device.child_environment(), "stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], **known) as child:
        assert (child.wait(PATIENCE), child.stderr.read()) == (0, b"")


@pytest.mark.skipif(not pathlib.Path("/proc").is_dir(), reason="asks the system for a process")
def test_it_leaves_with_whoever_started_it(tmp_path: pathlib.Path) -> None:
    code = """
import pathlib, sys, time
from genmodels.guests.orders import Orders
orders = Orders(pathlib.Path(sys.argv[1]))
orders.wake()
print(orders._worker.pid, flush=True)
time.sleep(60)
"""
    known = {"env": device.child_environment(), "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "jobs")], **known) as server:
        child = int(server.stdout.readline())
        server.kill()
    deadline = time.monotonic() + PATIENCE
    while pathlib.Path(f"/proc/{child}/cmdline").exists() and pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
