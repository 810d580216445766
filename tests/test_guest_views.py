"""What is seen of guests and of one's own picture: pure views, and no text from outside is ever read as HTML."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from genmodels.events import Failed, Finished, Progress
from genmodels.guests import Drawing, GuestCard
from genmodels.images import grid, webp
from genmodels.ui import gather_views, guest_views, mirror_views

EVIL = "<img src=x onerror=alert(1)> ${1+1} {{x}}"
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), np.uint8)
GIVEN = "data:image/png;base64,iVBORw0KGgo="


def card(**more: object) -> GuestCard:
    about = {"key": "k", "name": "Guest", "repo": "ada/guest", "commit": "c" * 40, "kind": "pipeline", "cls": "DDPM"}
    size = {"size": 16, "channels": 3, "licence": "mit", "bytes": 1 << 20, "strip": None, "samplers": ("DDIM", "DDPM")}
    return GuestCard(**{**about, **size, "steps": 50, "most_steps": 1000, "most": 16, **more})


def drawing(**more: object) -> Drawing:
    sheet = webp(grid(PIXELS, 2))
    known = {"key": "j", "kind": "draw", "guest": "k", "name": "Guest", "template": "Step {n}.", "facts": {"n": 3}}
    size = {"size": 16, "channels": 3, "count": 4, "columns": 2, "sheet": sheet, "before": sheet}
    recipe = {"name": "Guest", "seed": 7, "steps": 50, "hub": {"repo": "ada/guest", "commit": "c" * 40}}
    end = Finished(template="Done.")
    return Drawing(**{**known, **size, "recipe": recipe, "end": end, "numbers": {"psnr": 21.0}, **more})


def everything() -> dict[str, str]:
    """Every view with something evil in it."""
    evil = card(key=EVIL, name=EVIL, repo=EVIL, commit=EVIL, cls=EVIL, licence=EVIL)
    recipe = {"name": EVIL, "seed": EVIL, "steps": EVIL, "sampler": EVIL, "hub": {"repo": EVIL, "commit": EVIL}}
    broken = EVIL.replace("{", "").replace("}", "")
    return {
        "cards": guest_views.guest_cards([evil], EVIL),
        "rebuilders": guest_views.rebuilder_cards([], [evil], EVIL),
        "facts": guest_views.guest_facts(evil),
        "status": guest_views.status(drawing(template=broken, facts={}, end=Failed(template=broken))),
        "wall": guest_views.denoising(drawing(name=EVIL)),
        "picked": guest_views.picked(drawing(name=EVIL, recipe=recipe), 0),
        "slots": mirror_views.slots([f'data:image/png;base64,"{EVIL}', EVIL], 0),
        "mirror": mirror_views.mirror(EVIL, None) + mirror_views.mirror("", drawing(name=EVIL, recipe=recipe)),
        "film": mirror_views.film(drawing(name=EVIL, kind="walk", film=b"film")),
    }


@pytest.mark.parametrize("name", list(everything()))
def test_nothing_from_outside_becomes_html(name: str) -> None:
    shown = everything()[name]
    assert "<img src=x" not in shown
    assert "${" not in shown
    assert "{{" not in shown


def test_a_guest_that_drew_nothing_shows_the_noise_it_starts_from_and_always_the_same() -> None:
    one, other = card(commit="a" * 40), card(commit="b" * 40)
    assert guest_views.guest_cards([one], "") == guest_views.guest_cards([one], "")
    assert (guest_views.noise("a") != guest_views.noise("b")).any()
    assert guest_views.guest_cards([one], "") != guest_views.guest_cards([other], "")
    few = guest_views.guest_cards([card(strip=PIXELS[:3])], "k")
    strip = np.asarray(Image.open(io.BytesIO(_content(few))).convert("RGB"))
    assert (strip[:, 112:] == PIXELS[7 % 3]).all(), "a card has no gap where a guest drew few"
    assert 'aria-pressed="true"' in few


def test_denoising_is_one_picture_until_it_is_done_and_then_a_wall() -> None:
    going = drawing(end=None, progress=Progress(fraction=0.4, remaining=9.0))
    assert "tile" not in guest_views.denoising(going)
    assert guest_views.denoising(going).count("<img") == 1
    both = guest_views.denoising(drawing(end=None, noisy=webp(grid(PIXELS, 2))))
    assert "What it works on" in both
    assert both.count("<img") == 2
    assert guest_views.picked(going, 0) == ""
    told = guest_views.status(going)
    assert "Step 3." in told
    assert "9 seconds left" in told
    assert 'aria-valuenow="40"' in told
    assert guest_views.denoising(drawing()).count('class="tile"') == 4
    failed = drawing(end=Failed(template="It broke."), template="It broke.", facts={})
    assert "tile" not in guest_views.denoising(failed)
    assert "note-warn" in guest_views.status(failed)


def test_a_saved_picture_carries_the_repository_and_the_commit() -> None:
    shown = guest_views.picked(drawing(), 2)
    assert "7, picture 3" in shown
    large, small = re.findall(r'href="data:image/png;base64,([^"]+)"', shown)
    for content, side in ((large, 288), (small, 16)):
        opened = Image.open(io.BytesIO(base64.b64decode(content)))
        recipe = json.loads(opened.text["recipe"])
        assert opened.size == (side, side)
        assert (recipe["hub"]["repo"], recipe["hub"]["commit"], recipe["index"]) == ("ada/guest", "c" * 40, 2)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(small))))
    assert (pixels == PIXELS[2]).all()


def test_likeness_is_said_in_plain_words_and_measured() -> None:
    told = [mirror_views.likeness(value) for value in (9.0, 19.0, 26.0, 35.0)]
    assert len({re.search(r"headline\">(.*?)<", each).group(1) for each in told}) == 4
    assert "nothing like this" in told[0]
    assert "35.0 dB" in told[3]


def test_the_mirror_shows_what_was_given_at_once_and_then_what_was_built() -> None:
    assert "Draw, choose a file" in mirror_views.mirror("", None)
    waiting = mirror_views.mirror(GIVEN, drawing(end=None))
    assert GIVEN in waiting
    assert "mirror-wait" in waiting
    done = mirror_views.mirror("", drawing(count=1, columns=1, sheet=webp(PIXELS[0]), before=webp(PIXELS[1])))
    assert "16 × 16 pixels" in done
    assert "mirror-wait" not in done
    assert "The shape is right" in done


def test_only_a_picture_of_this_page_is_shown() -> None:
    assert mirror_views.trusted(GIVEN) == GIVEN
    for other in ("https://elsewhere/x.png", "data:image/svg+xml;base64,AAAA", GIVEN + '" onload="x', "", None, 3):
        assert mirror_views.trusted(other) == ""
    assert mirror_views.slots([GIVEN, ""], 1).count("<img") == 1


def test_a_film_can_be_kept_when_it_is_whole() -> None:
    assert mirror_views.film(None) == ""
    going = mirror_views.film(drawing(kind="walk", end=None))
    assert "save_film" not in going
    assert "A walk around your picture" in going
    whole = mirror_views.film(drawing(kind="blend", film=b"RIFF"))
    assert 'download="guest-blend.webp"' in whole
    assert "From one to the other" in whole


def test_large_pictures_are_smooth_and_small_ones_show_their_pixels() -> None:
    large = np.zeros((4, 128, 128, 3), np.uint8)
    shown = guest_views.picked(drawing(sheet=webp(grid(large, 2)), size=128), 0)
    assert "smooth" in shown
    assert shown.count("data:image/png") == 2, "a large picture is saved as it is, once"
    assert "smooth" not in guest_views.picked(drawing(), 0)


def test_without_a_guest_it_is_said_how_to_get_one() -> None:
    shown = guest_views.nobody(PIXELS[0])
    assert "In the Library, search the Hub for guests" in shown
    assert shown.count("<img") == 6
    assert guest_views.guest_facts(None) == guest_views.guest_cards([], "") == ""


def test_chinese_is_spoken_everywhere() -> None:
    shown = [
        guest_views.guest_facts(card(), "zh"),
        guest_views.nobody(None, "zh"),
        guest_views.picked(drawing(), 0, "zh"),
        mirror_views.mirror("", None, "zh"),
        mirror_views.likeness(20.0, "zh"),
        mirror_views.slots(["", ""], 0, "zh"),
        gather_views.giver("zh"),
    ]
    assert all(re.search("[一-鿿]", each) for each in shown)
    assert dataclasses.is_dataclass(Drawing)


def _content(shown: str) -> bytes:
    return base64.b64decode(re.search(r"base64,([^\"]+)", shown).group(1))
