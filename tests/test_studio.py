"""The studio: whose things are whose, the same seed the same picture, and models that travel as ZIPs."""

from __future__ import annotations

import base64
import json
import pathlib
import threading
import time
import zipfile

import numpy as np
import pytest

from genmodels import checkpoint
from genmodels.events import Trouble
from genmodels.images import PictureFormat, png
from genmodels.library import Library
from genmodels.studio import Studio
from genmodels.walls import Ask, columns_of, counts_of

ANNA, BEN = "a" * 32, "b" * 32


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A checkpoint of three classes that has learned nothing."""
    import torch

    from genmodels.models import FAMILIES

    folder = tmp_path_factory.mktemp("made") / "shapes"
    torch.manual_seed(1)
    fresh = FAMILIES["gan"](FAMILIES.sizes("gan")["tiny"], PictureFormat(28, 1, ("a", "b", "c"))).eval()
    checkpoint.save(folder, fresh, name="Shapes", size="tiny", trained={"set": "digits"})
    return folder


@pytest.fixture
def studio(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, model: pathlib.Path) -> Studio:
    """A shared studio with nothing that ships; Anna has brought a model."""
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))
    made = Studio(shared=True)
    made.library = made.walls.library = Library(tmp_path / "shipped", tmp_path / "home" / "models")
    made.unpack(ANNA, packed(model, tmp_path / "shapes.zip"))
    return made


def packed(
    folder: pathlib.Path, target: pathlib.Path, more: dict[str, bytes] | None = None, leave: str = ""
) -> pathlib.Path:
    with zipfile.ZipFile(target, "w") as made:
        for file in folder.iterdir():
            if file.name != leave:
                made.write(file, file.name)
        for name, data in (more or {}).items():
            made.writestr(name, data)
    return target


def test_everybody_sees_their_own_models_only(studio: Studio) -> None:
    (mine,) = studio.models(ANNA)
    assert mine.name == "Shapes"
    assert mine.trained["set"] == "Handwritten digits"
    assert studio.models(BEN) == []
    assert studio.models("guess") == []
    for forbidden in (
        lambda: studio.draw(BEN, Ask(mine.key)),
        lambda: studio.rename(BEN, mine.key, "Mine"),
        lambda: studio.delete(BEN, mine.key),
        lambda: studio.pack(BEN, mine.key),
        lambda: studio.delete("guess", mine.key),
        lambda: studio.draw(ANNA, Ask("own/../../secret")),
        lambda: studio.draw(ANNA, Ask("../models/" + mine.key.removeprefix("own/"))),
    ):
        with pytest.raises(Trouble):
            forbidden()


def test_runs_and_sets_are_nobody_elses(studio: Studio) -> None:
    key = studio.take(ANNA, [__file__], "Mine", {})
    with pytest.raises(Trouble):
        studio.cleaning(BEN, key)
    with pytest.raises(Trouble):
        studio.promised(BEN, {"family": "gan", "set": key})
    with pytest.raises(Trouble):
        studio.watch(BEN, "../../etc")
    assert studio.runs(BEN) == []
    assert studio.again(BEN, "anything") is None


def test_a_recipe_draws_the_same_picture_again(studio: Studio) -> None:
    key = studio.models(ANNA)[0].key
    wall = studio.draw(ANNA, Ask(key, seed=7, count=16, diversity=0.8))
    assert wall.labels == [index % 3 for index in range(16)]
    made = studio.picture(ANNA, Ask(key, seed=7, diversity=0.8), 5, wall.labels[5])
    assert (made.pixels == wall.pixels[5]).all()
    assert made.recipe["class"] == "c"
    assert json.loads(made.text) == made.recipe
    stored = studio.stored(ANNA, key)
    again = studio.walls.sampler.draw(
        studio.library.folder(studio._owner(ANNA), key), 0, range(8), stored.labels[:8], 1.0
    )
    assert np.abs(stored.pixels[:8].astype(int) - again.astype(int)).max() <= 1, (
        "what is stored is what the model draws"
    )


def test_what_comes_from_outside_is_checked(studio: Studio) -> None:
    key = studio.models(ANNA)[0].key
    for wrong in (
        {"seed": -1},
        {"seed": 2**40},
        {"seed": "x"},
        {"count": 10**6},
        {"count": 0},
        {"diversity": 9},
        {"diversity": float("nan")},
    ):
        with pytest.raises(Trouble):
            Ask(key, **wrong)
    with pytest.raises(Trouble):
        studio.draw(ANNA, Ask(key, what=3))
    with pytest.raises(Trouble):
        studio.tell(ANNA, "run", "start_all")


def test_the_latest_request_wins(studio: Studio) -> None:
    key, sampler = studio.models(ANNA)[0].key, studio.walls.sampler
    drawn: dict[int, object] = {}
    with sampler._drawing:  # somebody draws; three more wishes come in from one page, one from another
        wishes = [
            threading.Thread(target=lambda n=n: drawn.update({n: studio.draw(ANNA, Ask(key, seed=n), "page")}))
            for n in (1, 2, 3)
        ]
        for wish in wishes:
            wish.start()
            while "page" not in sampler._newest:
                pass
            wish.join(0.2)
        other = threading.Thread(target=lambda: drawn.update({4: studio.draw(ANNA, Ask(key, seed=4), "other")}))
        other.start()
        other.join(0.2)
    for thread in (*wishes, other):
        thread.join()
    assert drawn[1] is None
    assert drawn[2] is None
    assert drawn[3].ask.seed == 3
    assert drawn[4].ask.seed == 4


def test_a_model_travels_as_a_zip(studio: Studio, tmp_path: pathlib.Path) -> None:
    key = studio.models(ANNA)[0].key
    studio.rename(ANNA, key, "  Two\nwords\x00 ")
    file = studio.pack(ANNA, key)
    with zipfile.ZipFile(file) as content:
        assert {name.split("/")[1] for name in content.namelist()} == {
            "config.json",
            "model.safetensors",
            "samples.webp",
        }
    again = studio.unpack(BEN, file)
    assert studio.model(BEN, again).name == "Two words"
    before = studio.draw(ANNA, Ask(key, seed=3, count=16)).pixels
    assert (studio.draw(BEN, Ask(again, seed=3, count=16)).pixels == before).all()
    studio.delete(BEN, again)
    assert studio.models(BEN) == []


@pytest.mark.parametrize(
    ("more", "leave"),
    [
        ({"../evil.py": b"x"}, ""),
        ({"/etc/evil": b"x"}, ""),
        ({"model.pkl": b"x"}, ""),
        ({"a/b/config.json": b"{}"}, ""),
        ({"owner": b"somebody"}, ""),
        ({}, "samples.webp"),
        ({"config.json": b"[]"}, "config.json"),
        ({"config.json": b'{"format": 99}'}, "config.json"),
        ({"model.safetensors": b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "}, "model.safetensors"),
        ({"samples.webp": b"no picture"}, "samples.webp"),
    ],
)
def test_a_wrong_zip_is_refused_and_leaves_nothing(studio, model, tmp_path, more, leave) -> None:
    shelf = studio.library.local
    before = sorted(shelf.iterdir())
    with pytest.raises(Trouble):
        studio.unpack(BEN, packed(model, tmp_path / "wrong.zip", more, leave))
    assert sorted(shelf.iterdir()) == before
    assert not (tmp_path / "evil.py").exists()


def test_a_zip_bomb_is_not_unpacked(studio, model, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("genmodels.library.LARGEST", 1 << 20)
    with pytest.raises(Trouble, match="larger"):
        studio.unpack(BEN, packed(model, tmp_path / "bomb.zip", {"README.md": bytes(8 << 20)}))
    not_a_zip = tmp_path / "no.zip"
    not_a_zip.write_bytes(b"PK but no more")
    with pytest.raises(Trouble):
        studio.unpack(BEN, not_a_zip)


def test_walls_have_whole_rows_of_classes() -> None:
    assert counts_of(10) == [20, 40, 60, 100]
    assert columns_of(10, 60) == 10
    assert counts_of(0) == [16, 36, 64, 100]
    assert columns_of(0, 36) == 6
    assert columns_of(26, 64) == 8


def test_on_a_laptop_everything_is_one_owners(tmp_path, monkeypatch, model) -> None:
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    alone = Studio(shared=False)
    key = alone.unpack("", packed(model, tmp_path / "m.zip"))
    assert key in {each.key for each in alone.models("some other page")}
    assert key in {each.key for each in alone.models(None)}


def _uris(count: int) -> list[str]:
    """Pictures of noise as data-URIs."""
    noise = np.random.default_rng(0).integers(0, 255, (count, 32, 32, 3), dtype=np.uint8)
    return ["data:image/png;base64," + base64.b64encode(png(each)).decode() for each in noise]


def _ended(studio: Studio, key: str) -> str:
    deadline = time.monotonic() + 120
    while studio.cleaning(ANNA, key).alive and time.monotonic() < deadline:
        time.sleep(0.1)
    return studio.cleaning(ANNA, key).end.kind


def test_a_pile_survives_its_refusal(studio: Studio) -> None:
    """Too few drawings stay on the pile; so do those of which no set came because some were blank."""
    uris = _uris(16)
    blank = "data:image/png;base64," + base64.b64encode(png(np.full((32, 32, 3), 255, np.uint8))).decode()
    for uri in [*uris[:14], blank]:
        studio.add_picture(ANNA, uri, "")
    with pytest.raises(Trouble):
        studio.take_pile(ANNA, "", {})
    assert studio.add_picture(ANNA, blank, "") == 16
    key = studio.take_pile(ANNA, "", {})
    assert _ended(studio, key) == "failed"
    studio.add_picture(ANNA, uris[14], "")
    assert studio.add_picture(ANNA, uris[15], "") == 18
    assert _ended(studio, studio.take_pile(ANNA, "", {})) == "finished"


def test_pictures_join_those_that_were_too_few(studio: Studio, tmp_path: pathlib.Path) -> None:
    """Nine and then eight make a set, and it is not named after a file."""
    files = [tmp_path / f"IMG_{n:03}.png" for n in range(17)]
    for file, uri in zip(files, _uris(17), strict=True):
        file.write_bytes(base64.b64decode(uri.split(",")[1]))
    key = studio.take(ANNA, [str(file) for file in files[:9]], "", {})
    assert _ended(studio, key) == "failed"
    assert studio.take(ANNA, [str(file) for file in files[9:]], "", {}) == key
    assert _ended(studio, key) == "finished"
    assert next(each for each in studio.sets(ANNA) if each.key == key).title == "My pictures"
